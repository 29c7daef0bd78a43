"""The uncertainty-aware choice: a method, or what to measure before choosing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling import unseen_tasks, wins
from bayes_scaling.encoding.design import UNSEEN
from bayes_scaling.errors import BayesScalingError, DesignError
from bayes_scaling.grid import Sizes, one_method_design, one_task, settings_grid
from bayes_scaling.prediction import encode
from bayes_scaling.quantities import format_quantity

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

SURE = 0.8  # P(best) from which one method is named, whatever the regret


@dataclass(frozen=True, eq=False)
class Choice:
    """A choice among methods at one D_f.

    Attributes
    ----------
    method : str or None
        The method to use; None where the data cannot tell.
    p_best : float
        Posterior probability that it (or, without a choice, the likeliest) has the lowest expected loss.
    expected_regret : float
        How much higher its expected loss is than the best method's, on average over the posterior, in the loss's
        unit: what knowing the truth would be worth.
    table : DataFrame
        Every method: ``task, method, finetune_size``, the factors, ``p_best, mcse, expected_loss, expected_regret,
        sd, region`` and ``cost`` where costs were given.
    text : str
    """

    method: str | None
    p_best: float
    expected_regret: float
    table: pd.DataFrame
    text: str

    def plot(self, ax: Any = None) -> Any:
        """P(best) and expected regret of every method; see :func:`bayes_scaling.plot_wins`."""
        from bayes_scaling.plots import plot_wins

        return plot_wins(self.table, ax=ax)


def choose(
    posterior: "Answers",
    finetune_size: float,
    sizes: Mapping[str, Sizes],
    task: str | None = None,
    base: str | None = None,
    cost: Mapping[str, float] | None = None,
    margin: float | None = None,
) -> Choice:
    """Choose a method at one D_f on one base LLM.

    A method is named where it is best with probability .8, or where its expected regret is within the margin. Of
    several within the margin the cheapest is named, or without costs the one with the lowest expected loss.
    Otherwise the answer is None, with the run that is the least known.

    Parameters
    ----------
    posterior : Posterior or Average
    finetune_size : float
        D_f, in examples.
    sizes : mapping
        Factor to size.
    task : str, optional
        Needed where the fit has several.
    base : str, optional
        Name of the base LLM, see :func:`bayes_scaling.wins.table`.
    cost : mapping, optional
        Method to cost, in any unit: GPU hours, money, memory.
    margin : float, optional
        Regret that is practically nothing, in the loss's unit; by default the noise of one run.

    Raises
    ------
    DesignError
        If the fit has several tasks and none is named, or a size is missing or wrong.
    BayesScalingError
        If a method has no cost where costs are given, or the margin is negative.
    """
    name = one_task(posterior, task)
    table = wins.table(posterior, finetune_size, sizes, name, base)
    if len(table) != table["method"].nunique():
        raise DesignError("choose() is for one D_f and one size of each factor; for several use win_probability()")
    table = _with_bands(posterior, table, settings_grid(finetune_size, sizes), base)
    if cost is not None:
        table = table.assign(cost=_costs(table["method"], cost))
    margin = _noise(posterior, table) if margin is None else margin
    if not (isinstance(margin, int | float) and margin >= 0):
        raise BayesScalingError(f"margin={margin!r}: a regret that is practically nothing, at least 0, such as 0.005")
    table.attrs["new_task"] = unseen_tasks.notes(posterior, [name])
    return _decide(table, margin, posterior.runs)


def _with_bands(posterior: "Answers", table: pd.DataFrame, settings: pd.DataFrame, base: str | None) -> pd.DataFrame:
    task = table["task"].iloc[0]
    designs = [one_method_design(posterior, settings, task, m, base) for m in table["method"]]
    table = table.assign(sd=[posterior.predict(design)["sd"].iloc[0] for design in designs])
    table.attrs["new_base"] = any(np.any(encode(posterior, design).effect == UNSEEN) for design in designs)
    return table


def _costs(methods: "pd.Series[str]", cost: Mapping[str, float]) -> list[float]:
    for method in methods:
        given = cost.get(method) if isinstance(cost, Mapping) else None
        if not isinstance(given, int | float) or not np.isfinite(given):
            raise BayesScalingError(f"cost={cost!r} has no finite cost of method {method!r}; give one for each")
    return [float(cost[method]) for method in methods]


def _noise(posterior: "Answers", table: pd.DataFrame) -> float:
    """Noise of one run in the loss's unit: the posterior median of sigma, averaged over the methods, times the loss."""
    layout = posterior.layout
    cells = [layout.cell_index[pair] for pair in zip(table["task"], table["method"], strict=True)]
    loss = np.full(len(cells), table["expected_loss"].min())
    if layout.noise_of_loss:
        median = np.exp(layout.log_median[cells])
        loss = np.where(np.isfinite(median), median, loss)
    return float(np.median((posterior.family("sigma")[:, cells] * loss).mean(axis=1)))


def _decide(table: pd.DataFrame, margin: float, runs: pd.DataFrame) -> Choice:
    likeliest = table.sort_values("p_best").iloc[-1]
    equal = table[table["expected_regret"] <= margin]
    chosen: pd.Series[Any] | None = None
    if len(equal):
        chosen = equal.sort_values([*(["cost"] if "cost" in equal else []), "expected_regret"]).iloc[0]
    elif likeliest["p_best"] >= SURE:
        chosen = likeliest
    named = likeliest if chosen is None else chosen
    text = " ".join(
        [_where(table), _verdict(table, equal, chosen, likeliest, margin, _unit(runs)), *_extrapolates(table)]
    )
    return Choice(
        None if chosen is None else str(chosen["method"]),
        float(named["p_best"]),
        float(named["expected_regret"]),
        table,
        text,
    )


def _unit(runs: pd.DataFrame) -> str:
    return str(runs["metric"].iloc[0]) if "metric" in runs else "nats per target token"


def _where(table: pd.DataFrame) -> str:
    row = table.iloc[0]
    sizes = [f"{f} {format_quantity(row[f])}" for f in ("model_size", "pretrain_size", "pet_size") if f in table]
    return f"{row['task']}, D_f {format_quantity(row['finetune_size'])}{''.join(', ' + s for s in sizes)}:"


def _verdict(table: pd.DataFrame, equal: pd.DataFrame, chosen: Any, likeliest: Any, margin: float, unit: str) -> str:
    if chosen is None:
        unsure = table.sort_values("sd").iloc[-1]
        return (
            f"these data cannot rank the methods. {likeliest['method']} is likeliest best "
            f"(P = {likeliest['p_best']:.2f}), and choosing it would cost {likeliest['expected_regret']:.3f} {unit} in "
            f"expectation, more than the margin of {margin:.3f}. Measure {unsure['method']} here: its expected loss is "
            f"the least known (sd {unsure['sd']:.3f})."
        )
    facts = f"P(best) = {chosen['p_best']:.2f}, expected regret {chosen['expected_regret']:.4f} {unit}"
    others = [m for m in equal["method"] if m != chosen["method"]]
    if not others:
        return f"use {chosen['method']} ({facts})."
    why = "is the cheapest" if "cost" in table else "has the lowest expected loss"
    return (
        f"use {chosen['method']} ({facts}); {' and '.join(others)} "
        f"{'is' if len(others) == 1 else 'are'} practically equal (regret within {margin:.3f}), and "
        f"{chosen['method']} {why}."
    )


def _extrapolates(table: pd.DataFrame) -> list[str]:
    notes = []
    for region, how in (("edge", "leaves the measured range of"), ("beyond", "extrapolates far beyond the runs of")):
        methods = table.loc[table["region"] == region, "method"].tolist()
        notes += [f"This {how} {', '.join(methods)}."] if methods else []
    if table.attrs["new_base"]:
        notes.append(
            "No run started from this base LLM: its quirk is unknown, and the choice allows for a typical one."
        )
    return [*notes, *table.attrs["new_task"]]
