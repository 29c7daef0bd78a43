"""The critical D_f at which two methods' expected losses meet: a posterior, with P(no crossover).

Two power laws with floors of their own may cross never, once or twice. Zhang et al. (2024, eq. 3) solve for
a fixed gap; this is the true equal-loss crossing, draw by draw, on the same base LLM.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling import arviz_bridge, unseen_tasks
from bayes_scaling.arguments import check_name, check_prob, shown
from bayes_scaling.encoding.rows import records
from bayes_scaling.errors import DesignError
from bayes_scaling.grid import Sizes, methods_of, one_method_design, search_limits, settings_grid, tasks_of
from bayes_scaling.models.layout import Floats
from bayes_scaling.prediction import expected_loss
from bayes_scaling.quantities import format_quantity
from bayes_scaling.regions import measured_range

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

GRID = 200  # log-spaced D_f between the limits; crossings are interpolated between neighbours
EDGE = 1.2  # an interval that comes this close to a limit is cut off by it
FEWEST = 20  # draws that cross, below which their size is not summarised


@dataclass(frozen=True, eq=False)
class Crossover:
    """Where two methods' expected losses meet.

    Attributes
    ----------
    first, second : str
        The methods.
    limits : (float, float)
        Smallest and largest D_f searched, in examples.
    prob : float
        Probability inside the HDI.
    table : DataFrame
        ``task``, the factors given, ``p_none, p_one, p_two`` (crossings within the limits), ``median, hdi_low,
        hdi_high`` of the first crossing's D_f (HDI in log D_f; NaN where hardly a draw crosses), and ``p_first_always,
        p_second_always`` (no crossing: that method has the lower loss throughout).
    draws : float array, shape (settings, S, 2)
        D_f of the first and second crossing of every draw, NaN where there is none.
    text : str
    """

    first: str
    second: str
    limits: tuple[float, float]
    prob: float
    table: pd.DataFrame
    draws: Floats
    text: str

    def plot(self, ax: Any = None) -> Any:
        """Histogram of the critical D_f; see :func:`bayes_scaling.plot_crossover`."""
        from bayes_scaling.plots import plot_crossover

        return plot_crossover(self, ax=ax)


def find(
    posterior: "Answers",
    first: str,
    second: str,
    sizes: Mapping[str, Sizes],
    task: str | None = None,
    limits: tuple[float, float] | None = None,
    prob: float = 0.9,
) -> Crossover:
    """Posterior of the D_f at which the expected losses of two methods meet.

    Parameters
    ----------
    posterior : Posterior or Average
    first, second : str
        Methods of the fit.
    sizes : mapping
        Factor to size or sizes; one posterior for each combination.
    task : str, optional
        By default every task that has both methods.
    limits : (float, float), optional
        Range of D_f to search; by default ten times beyond the measured D_f of both methods on either side.
    prob : float
        Probability inside the HDI of log D_f.

    Raises
    ------
    DesignError
        If no task has both methods, the limits are no range, or a size is missing.
    """
    check_prob(prob)
    check_name("first", first, "the name of a method")
    check_name("second", second, "the name of a method")
    tasks = [t for t in tasks_of(posterior, task) if {first, second} <= set(methods_of(posterior, t))]
    if not tasks or first == second:
        known = "; ".join(f"{t}: {', '.join(methods_of(posterior, t))}" for t in tasks_of(posterior, task))
        raise DesignError(
            f"crossover of {shown(first)} with {shown(second)}: no task has two such methods; fitted are {known}"
        )
    span = search_limits(posterior, [(t, m) for t in tasks for m in (first, second)], "finetune_size", limits)
    settings = settings_grid([1.0], sizes).drop(columns="finetune_size")
    rows, draws = [], []
    for name in tasks:
        for setting in records(settings):
            crossings, gap = _crossings(posterior, name, (first, second), setting, span)
            draws.append(crossings)
            rows.append({"task": name, **setting, **_summary(crossings, gap, prob)})
    table = pd.DataFrame(rows)
    text = " ".join(_sentence(first, second, span, row, prob) for row in records(table))
    text = " ".join([text + _overlap(posterior, tasks, (first, second)), *unseen_tasks.notes(posterior, tasks)])
    return Crossover(first, second, span, prob, table, np.stack(draws), text)


def _range(posterior: "Answers", task: str, method: str) -> tuple[float, float]:
    return measured_range(posterior, posterior.layout.cell_index[task, method], "finetune_size")


def _crossings(
    posterior: "Answers", task: str, methods: tuple[str, str], setting: dict[str, float], span: tuple[float, float]
) -> tuple[Floats, Floats]:
    """D_f of the first two crossings, shape (S, 2), and the first method's mean log gap, shape (S,)."""
    sizes = np.geomspace(*span, GRID)
    settings = pd.DataFrame({"finetune_size": sizes, **setting})
    a, b = (expected_loss(posterior, one_method_design(posterior, settings, task, m)) for m in methods)
    return zero_crossings(np.log(sizes), np.log(a) - np.log(b)), np.log(a).mean(axis=1) - np.log(b).mean(axis=1)


def zero_crossings(log_sizes: Floats, gap: Floats) -> Floats:
    """Size at the first two sign changes of each row of ``gap``, by linear interpolation; NaN where none.

    Parameters
    ----------
    log_sizes : float array, shape (g,)
    gap : float array, shape (S, g)

    Returns
    -------
    float array, shape (S, 2)
    """
    sign = np.sign(gap)
    for i in range(1, gap.shape[1]):  # a point of the grid that is zero belongs to what comes before it
        sign[:, i] = np.where(sign[:, i] == 0, sign[:, i - 1], sign[:, i])
    before, after = gap[:, :-1], gap[:, 1:]
    crosses = sign[:, :-1] * sign[:, 1:] < 0
    found = np.full((gap.shape[0], 2), np.nan)
    rank = np.cumsum(crosses, axis=1)
    for which in (0, 1):
        row, left = np.nonzero(crosses & (rank == which + 1))
        share = before[row, left] / (before[row, left] - after[row, left])
        found[row, which] = np.exp(log_sizes[left] + share * (log_sizes[left + 1] - log_sizes[left]))
    return found


def _summary(crossings: Floats, gap: Floats, prob: float) -> dict[str, float]:
    count = np.sum(np.isfinite(crossings), axis=1)
    first = crossings[count > 0, 0]
    enough = first.size >= FEWEST
    low, high = np.exp(arviz_bridge.hdi(np.log(first), prob)) if enough else (np.nan, np.nan)
    return {
        "p_none": float(np.mean(count == 0)),
        "p_one": float(np.mean(count == 1)),
        "p_two": float(np.mean(count == 2)),
        "median": float(np.median(first)) if enough else np.nan,
        "hdi_low": float(low),
        "hdi_high": float(high),
        "p_first_always": float(np.mean((count == 0) & (gap < 0))),
        "p_second_always": float(np.mean((count == 0) & (gap >= 0))),
    }


def _sentence(first: str, second: str, span: tuple[float, float], row: dict[str, Any], prob: float) -> str:
    q = format_quantity
    sizes = [f"{f} {q(row[f])}" for f in ("model_size", "pretrain_size", "pet_size") if f in row]
    at = ", ".join([row["task"], *sizes])
    none = (
        f"{at}: P(no crossover of {first} and {second} between {q(span[0])} and {q(span[1])} examples) = "
        f"{row['p_none']:.2f} ({first} lower throughout {row['p_first_always']:.2f}, "
        f"{second} {row['p_second_always']:.2f})"
    )
    if not np.isfinite(row["median"]):
        return none + "."
    interval = f", {100 * prob:.0f} % HDI {q(row['hdi_low'])} to {q(row['hdi_high'])}"
    if row["hdi_low"] < EDGE * span[0] or row["hdi_high"] > span[1] / EDGE:
        interval += " (cut off by the limits: crossings may lie outside)"
    twice = f", twice with probability {row['p_two']:.2f}" if row["p_two"] >= 0.005 else ""
    return f"{none}; where they cross, first at D_f {q(row['median'])}{interval}{twice}."


def _overlap(posterior: "Answers", tasks: list[str], methods: tuple[str, str]) -> str:
    """Say it where the two methods were measured at different D_f."""
    notes = []
    for task in tasks:
        (low_a, high_a), (low_b, high_b) = (_range(posterior, task, m) for m in methods)
        if high_a < low_b or high_b < low_a:
            notes.append(
                f" On {task} no D_f was measured with both ({methods[0]} {format_quantity(low_a)} to "
                f"{format_quantity(high_a)}, {methods[1]} {format_quantity(low_b)} to {format_quantity(high_b)}): "
                "every comparison extrapolates one of them."
            )
    return "".join(notes)
