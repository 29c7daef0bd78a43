"""Inverse prediction: the D_f, or another size, at which the expected loss of a method reaches a target.

Draw by draw, since the inverse of a mean is no mean of inverses: an E above the target makes it unreachable in that
draw, whatever the size. The interval may therefore end in "never".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling import unseen_tasks
from bayes_scaling.arguments import check_prob, is_number, shown
from bayes_scaling.errors import DesignError
from bayes_scaling.grid import methods_of, one_method_design, one_size, one_task, search_limits
from bayes_scaling.models.layout import Floats
from bayes_scaling.prediction import expected_loss
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS
from bayes_scaling.text import format_number
from bayes_scaling.wins import region_of

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

GRID = 200  # log-spaced sizes between the limits; the size is interpolated between neighbours
TOLERANCE = 1e-9
NEW_BASE = "an LLM of the required size"


@dataclass(frozen=True, eq=False)
class Required:
    """The size at which a method's expected loss first reaches a target.

    Attributes
    ----------
    of : str
        ``finetune_size`` or a factor: the size that is asked for.
    limits : (float, float)
        Smallest and largest size searched.
    prob : float
        Probability inside the interval, equal tails.
    table : DataFrame
        One row: ``task, method, target``, the sizes given, ``p_reachable`` (within the limits), ``p_already`` (at the
        smallest size searched), ``median, low, high`` (infinite where that share of draws never gets there) and
        ``region`` of the median: interior, edge or beyond, as predictions have it.
    draws : float array, shape (S,)
        The size in each draw: the lower limit where the target is reached there, infinite where it never is.
    text : str
    """

    of: str
    limits: tuple[float, float]
    prob: float
    table: pd.DataFrame
    draws: Floats
    text: str

    def plot(self, ax: Any = None) -> Any:
        """Probability that a size is enough; see :func:`bayes_scaling.plot_sizes`."""
        from bayes_scaling.plots import plot_sizes

        row = self.table.iloc[0]
        label = (
            f"{'finetuning examples $D_f$' if self.of == 'finetune_size' else self.of} for a loss of {row['target']:g}"
        )
        return plot_sizes({str(row["method"]): self.draws}, label, self.prob, ax=ax)


def find(  # noqa: PLR0913 - what is asked, where, and what is seldom changed
    posterior: "Answers",
    target: float,
    method: str,
    of: str,
    sizes: Mapping[str, float | None],
    *,
    task: str | None = None,
    base: str | None = None,
    limits: tuple[float, float] | None = None,
    prob: float = 0.9,
) -> Required:
    """Posterior of the smallest size at which a method's expected loss is at most a target.

    Parameters
    ----------
    posterior : Posterior or Average
    target : float
        Loss to reach, in the unit of the loss.
    method : str
    of : {"finetune_size", "model_size", "pretrain_size", "pet_size"}
        The size that is asked for; every other size of the method's law is given in ``sizes``.
    sizes : mapping
        Name to size; of the one that is asked for, None.
    task : str, optional
        Needed where the fit has several.
    base : str, optional
        Name of the base LLM, see :func:`bayes_scaling.wins.table`. A required model or pretraining size is that of one
        new LLM, with an effect of its own.
    limits : (float, float), optional
        Sizes to search; by default ten times beyond the measured ones on either side.
    prob : float
        Probability inside the interval.

    Raises
    ------
    DesignError
        If the target is no positive number, the method or the size is none of the fit's, a size is missing or given
        twice, or the limits are no range.
    """
    check_prob(prob)
    name = one_task(posterior, task)
    _check(posterior, target, method, of, sizes, name)
    target = float(target)
    span = search_limits(posterior, [(name, method)], of, limits)
    given = {size: one_size(size, value) for size, value in sizes.items() if value is not None}
    grid: Floats = np.geomspace(*span, GRID)
    if of in ("model_size", "pretrain_size") and base is None:
        base = NEW_BASE

    def design(at: Floats) -> pd.DataFrame:
        fixed = pd.DataFrame([given] * at.size) if given else pd.DataFrame(index=range(at.size))
        return one_method_design(posterior, fixed.assign(**{of: at}), name, method, base)

    draws = first_at_most(np.log(grid), expected_loss(posterior, design(grid)), target)
    row: dict[str, Any] = {"task": name, "method": method, "target": target, **given, **_summary(draws, span, prob)}
    reached = np.isfinite(row["median"])
    row["region"] = region_of(posterior, design(np.array([row["median"]]))).iloc[0] if reached else "beyond"
    text = " ".join([_sentence(row, of, span, prob), *unseen_tasks.notes(posterior, [name])])
    return Required(of, span, prob, pd.DataFrame([row]), draws, text)


def first_at_most(log_sizes: Floats, loss: Floats, target: float) -> Floats:
    """Size at which each row of ``loss`` first falls to the target, by linear interpolation of log loss.

    Parameters
    ----------
    log_sizes : float array, shape (g,)
    loss : float array, shape (S, g)
    target : float

    Returns
    -------
    float array, shape (S,)
        The first size where its loss is at most the target already, infinite where no loss is.
    """
    gap = np.log(loss) - np.log(target)
    reached = gap <= 0
    right = reached.argmax(axis=1)
    left = np.maximum(right - 1, 0)
    rows = np.arange(len(gap))
    before, after = gap[rows, left], gap[rows, right]
    share = np.where(right > 0, before / np.where(right > 0, before - after, 1.0), 0.0)
    found = np.exp(log_sizes[left] + share * (log_sizes[right] - log_sizes[left]))
    return np.where(reached.any(axis=1), found, np.inf)


def _check(
    posterior: "Answers", target: float, method: str, of: str, sizes: Mapping[str, float | None], task: str
) -> None:
    if not (is_number(target) and target > 0):
        raise DesignError(f"target={shown(target)}: the loss to reach is a positive number, such as 1.2")
    methods = methods_of(posterior, task)
    if not isinstance(method, str) or method not in methods:
        raise DesignError(
            f"method={shown(method)} was not fitted on {task!r}; fitted are {', '.join(map(repr, methods))}"
        )
    cell = posterior.layout.cell_index[task, method]
    known = ("finetune_size", *(f for f in FACTORS if f in posterior.layout.terms_of_cell[cell]))
    if not isinstance(of, str) or of not in known:
        raise DesignError(
            f"of={shown(of)}: the law of {method!r} has the sizes {', '.join(map(repr, known))}; ask for one"
        )
    if sizes.get(of) is not None:
        raise DesignError(f"{of}={shown(sizes[of])}: this is the size that is asked for (of={of!r}); leave it out")
    if of != "finetune_size" and sizes.get("finetune_size") is None:
        raise DesignError(f"finetune_size=None: give D_f, such as 1e5, to ask for {of!r}")


def _summary(draws: Floats, span: tuple[float, float], prob: float) -> dict[str, float]:
    tails = (1 - prob) / 2
    low, median, high = np.quantile(draws, [tails, 0.5, 1 - tails], method="inverted_cdf")
    reachable, already = np.mean(np.isfinite(draws)), np.mean(draws <= span[0] * (1 + TOLERANCE))
    return {
        "p_reachable": float(reachable),
        "p_already": float(already),
        "median": float(median),
        "low": float(low),
        "high": float(high),
    }


def _sentence(row: Mapping[str, Any], of: str, span: tuple[float, float], prob: float) -> str:
    q = _size
    given = [f"{name} {q(row[name])}" for name in ("finetune_size", *FACTORS) if name in row]
    where = ", ".join([str(row["task"]), *given])
    what = "D_f" if of == "finetune_size" else of
    searched = f"P(reachable between {q(span[0])} and {q(span[1])}) = {row['p_reachable']:.2f}"
    goal = f"{where}: an expected loss of {format_number(row['target'])} with {row['method']}"
    if not np.isfinite(row["median"]):
        return f"{goal} is probably out of reach of {what}: {searched}."
    already = f"; reached at the smallest of these already with probability {row['p_already']:.2f}"
    text = (
        f"{goal} takes {what} {q(row['median'])} ({100 * prob:.0f} % interval {q(row['low'])} to {q(row['high'])}), "
        f"{searched}{already if row['p_already'] else ''}."
    )
    outside = f" That size lies outside the measured ones ({row['region']})."
    return text if row["region"] == "interior" else text + outside


def _size(value: float) -> str:
    """A size as people write it; one that is never reached says so."""
    return format_quantity(value) if np.isfinite(value) else "never"
