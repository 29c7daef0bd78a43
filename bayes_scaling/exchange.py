"""What a larger LLM is worth in finetuning data: the D_f at which the smaller one has caught up, draw by draw.

It is said of the law, for a typical base LLM: what single LLMs do beside it, and drift, are left out. Under the
multiplicative law the answer is ``times ** (alpha / beta)``, whatever the sizes; under others it depends on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.arguments import check_prob, is_number, shown
from bayes_scaling.errors import BayesScalingError, DesignError
from bayes_scaling.grid import methods_of, one_method_design, one_size, one_task, settings_grid
from bayes_scaling.models.evaluate import log_mean_blocks
from bayes_scaling.models.layout import Floats
from bayes_scaling.prediction import encode
from bayes_scaling.quantities import format_quantity
from bayes_scaling.required import first_at_most
from bayes_scaling.runs import FACTORS
from bayes_scaling.text import format_number

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

GRID = 400  # log-spaced D_f; interpolated between neighbours
DOUBLING = 2.0
MOST = 1e6  # times the data, beyond which a larger LLM is worth more than any


@dataclass(frozen=True, eq=False)
class Exchange:
    """How many times the finetuning data a larger size is worth.

    Attributes
    ----------
    of : str
        The factor that grows.
    times : float
        By how much.
    prob : float
        Probability inside the interval, equal tails.
    table : DataFrame
        One row a method: ``task, method``, the sizes at which it is said, ``median, low, high`` (times the data;
        infinite where no measured multiple will do), ``p_more`` (P(the larger size is worth more than as many times
        the data)) and ``p_beyond`` (P(more than a million times)).
    draws : float array, shape (methods, S)
    text : str
    """

    of: str
    times: float
    prob: float
    table: pd.DataFrame
    draws: Floats
    text: str

    def plot(self, ax: Any = None) -> Any:
        """Probability that so much data is enough; see :func:`bayes_scaling.plot_sizes`."""
        from bayes_scaling.plots import plot_sizes

        names = list(self.table["method"])
        label = f"times the finetuning data that {format_number(self.times)} times the {self.of} is worth"
        return plot_sizes(dict(zip(names, self.draws, strict=True)), label, self.prob, ax=ax)


def worth(
    posterior: "Posterior",
    of: str,
    sizes: Mapping[str, float | None],
    *,
    times: float = DOUBLING,
    task: str | None = None,
    prob: float = 0.9,
) -> Exchange:
    """How many times the finetuning data ``times`` the size is worth, for every method whose law has that size.

    Parameters
    ----------
    posterior : Posterior
    of : {"model_size", "pretrain_size", "pet_size"}
        The factor that grows.
    sizes : mapping
        ``finetune_size`` and every factor of the laws: where it grows from.
    times : float
        By how much, above 1.
    task : str, optional
        Needed where the fit has several.
    prob : float
        Probability inside the interval.

    Raises
    ------
    DesignError
        If a size is missing, or no method's law has the factor.
    BayesScalingError
        If ``times`` is not above 1.
    """
    check_prob(prob)
    if not (is_number(times) and times > 1):
        raise BayesScalingError(f"times={shown(times)}: by how much the size grows, above 1, such as 2")
    name = one_task(posterior, task)
    cells = {m: _factors(posterior, name, m) for m in methods_of(posterior, name)}
    methods = [m for m, factors in cells.items() if isinstance(of, str) and of in factors]
    if not methods:
        raise DesignError(f"of={shown(of)}: no method of {name!r} was fitted with it; factors are {', '.join(FACTORS)}")
    for wanted in ("finetune_size", of):
        if sizes.get(wanted) is None:
            raise DesignError(f"{wanted}=None: give the size that is compared from, such as 1e5")
    times, given = float(times), {size: one_size(size, v) for size, v in sizes.items() if v is not None}
    draws = np.stack([_times_the_data(posterior, name, method, of, times, given) for method in methods])
    rows = [
        {"task": name, "method": m, **given, **_summary(d, times, prob)} for m, d in zip(methods, draws, strict=True)
    ]
    table = pd.DataFrame(rows)
    return Exchange(of, times, prob, table, draws, _text(table, of, times, prob))


def law_loss(posterior: "Posterior", design: pd.DataFrame) -> Floats:
    """Draws of the law's own loss at each design row, shape (S, n): without effects of base LLMs, and without drift."""
    families = {family: posterior.family(family) for family in posterior.draws}
    blocks = log_mean_blocks(posterior.resolved.law, families, encode(posterior, design).rows)
    return np.asarray(np.exp(np.concatenate([values for _, values in blocks], axis=1)))


def _factors(posterior: "Posterior", task: str, method: str) -> Mapping[str, int]:
    return posterior.layout.terms_of_cell[posterior.layout.cell_index[task, method]]


def _times_the_data(
    posterior: "Posterior", task: str, method: str, of: str, times: float, sizes: Mapping[str, float | None]
) -> Floats:
    here = settings_grid(None, sizes)
    larger = here.assign(**{of: here[of] * times})
    target = law_loss(posterior, one_method_design(posterior, larger, task, method))
    more = np.geomspace(1.0, MOST, GRID)
    several = pd.concat([here] * GRID, ignore_index=True)
    several = several.assign(finetune_size=several["finetune_size"] * more)
    loss = law_loss(posterior, one_method_design(posterior, several, task, method))
    return first_at_most(np.log(more), loss / target, 1.0)


def _summary(draws: Floats, times: float, prob: float) -> dict[str, float]:
    tails = (1 - prob) / 2
    low, median, high = np.quantile(draws, [tails, 0.5, 1 - tails], method="inverted_cdf")
    more, beyond = np.mean(draws > times), np.mean(np.isinf(draws))
    return {"median": median, "low": low, "high": high, "p_more": float(more), "p_beyond": float(beyond)}


def _text(table: pd.DataFrame, of: str, times: float, prob: float) -> str:
    row = table.iloc[0]
    growth = f"a doubling of {of}" if times == DOUBLING else f"{format_number(times)} times the {of}"
    sizes = [
        f"{'D_f' if n == 'finetune_size' else n} {format_quantity(row[n])}"
        for n in ("finetune_size", *FACTORS)
        if n in row
    ]
    parts = [
        f"{row['method']}: {_times(row['median'])} ({100 * prob:.0f} % interval {_times(row['low'])} to "
        f"{_times(row['high'])}), P(more than {format_number(times)} times) = {row['p_more']:.2f}"
        for _, row in table.iterrows()
    ]
    return (
        f"{row['task']}, from {', '.join(sizes)}: for a typical base LLM, {growth} is worth so many "
        f"times the finetuning data with {'; '.join(parts)}."
    )


def _times(value: float) -> str:
    return format_number(value) if np.isfinite(value) else f"more than {format_quantity(MOST)}"
