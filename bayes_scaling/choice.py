"""The uncertainty-aware choice: a method, or what to measure before choosing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from bayes_scaling import choice_text, unseen_tasks, wins
from bayes_scaling.arguments import is_number, shown
from bayes_scaling.choice_worth import Costs, Utility, cost_draws, utility_draws
from bayes_scaling.encoding.design import UNSEEN
from bayes_scaling.errors import BayesScalingError, DesignError
from bayes_scaling.grid import Sizes, one_method_design, one_task, settings_grid
from bayes_scaling.models.layout import Floats
from bayes_scaling.prediction import encode
from bayes_scaling.rising import rising_methods
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

SURE = 0.8  # P(best) from which one method is named, whatever the regret
FARTHEST = 2.0  # decades beyond the measured sizes; on other people's runs bands were looked up to 1.5 beyond
HOPELESS = 0.05  # P(best) below which a method does not keep a choice open
Verdict = Literal["use", "equal", "measure"]


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
        sd, region, distance`` (decades beyond the measured sizes), ``cost`` and ``p_cheapest`` where costs were given,
        and with a utility ``expected_utility``, ``p_most_useful`` and ``utility_regret``.
    text : str
    verdict : {"use", "equal", "measure"}
        One method is to be used; several are practically equal, of which ``method`` is named; or the data cannot rank
        them there.
    equal : tuple of str
        Methods whose expected regret is within the margin, ``method`` first.
    measure : DataFrame, optional
        Where the verdict is to measure: the run to make, as a design.
    """

    method: str | None
    p_best: float
    expected_regret: float
    table: pd.DataFrame
    text: str
    verdict: Verdict
    equal: tuple[str, ...]
    measure: pd.DataFrame | None

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
    cost: Costs | None = None,
    margin: float | None = None,
    utility: Utility | None = None,
) -> Choice:
    """Choose a method at one D_f on one base LLM.

    A method is named where it is best with probability .8, or where its expected regret is within the margin. Of
    several within the margin the cheapest is named, or without costs the one with the lowest expected loss.
    Otherwise the answer is None, with the run that is the least known. It is also None where a method that may be the
    best is more than a hundred times beyond its measured sizes, farther than backtests have looked, or where its
    measured loss rises with D_f and it was not measured at one as large.

    With a utility, "best" and "regret" are of it: the method named is the one of the highest expected utility, or, of
    several within the margin, the cheapest.

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
        Method to cost, in any unit: GPU hours, money, memory. Two ends instead of a number, such as ``(10, 20)``, are a
        90 % interval (lognormal).
    margin : float, optional
        Regret that is practically nothing, in the loss's unit; by default the noise of one run. With a utility, in its
        unit; by default the utility that one run's noise is worth.
    utility : callable, optional
        From draws of the expected loss and of the cost (0 without costs) to what they are worth, more being better,
        such as ``lambda loss, cost: -500 * loss - cost``.

    Raises
    ------
    DesignError
        If the fit has several tasks and none is named, or a size is missing or wrong.
    BayesScalingError
        If a method has no cost where costs are given, the margin is negative, or the utility is no function.
    """
    name = one_task(posterior, task)
    table = wins.table(posterior, finetune_size, sizes, name, base)
    if len(table) != table["method"].nunique():
        raise DesignError("choose() is for one D_f and one size of each factor; for several use win_probability()")
    table = _with_bands(posterior, table, settings_grid(finetune_size, sizes), base)
    noise = _noise(posterior, table)
    table, worth = _with_worth(posterior, table, settings_grid(finetune_size, sizes), base, cost, utility, noise)
    margin = worth if margin is None else margin
    if not (is_number(margin) and margin >= 0):
        raise BayesScalingError(
            f"margin={shown(margin)}: a regret that is practically nothing, at least 0, such as 0.005"
        )
    table.attrs["rising"] = rising_methods(posterior, name, finetune_size)
    table.attrs["new_task"] = unseen_tasks.notes(posterior, [name])
    return _decide(table, margin, posterior.runs, base)


def _with_worth(
    posterior: "Answers",
    table: pd.DataFrame,
    settings: pd.DataFrame,
    base: str | None,
    cost: Costs | None,
    utility: Utility | None,
    noise: float,
) -> tuple[pd.DataFrame, float]:
    """The table with costs and utilities, and what one run's noise is worth."""
    methods = list(table["method"])
    draws = None if cost is None else cost_draws(posterior, methods, cost)
    if draws is not None:
        mean = np.where(np.ptp(draws, axis=1) == 0, draws[:, 0], draws.mean(axis=1))  # a known cost as it was given
        table = table.assign(cost=mean, p_cheapest=_shares(draws.argmin(axis=0), len(methods)))
    if utility is None:
        return table, noise
    loss = wins.loss_draws(posterior, settings, table["task"].iloc[0], base)[1][:, :, 0]
    draws = np.zeros_like(loss) if draws is None else draws
    values = utility_draws(utility, loss, draws)
    table = table.assign(
        expected_utility=values.mean(axis=1),
        p_most_useful=_shares(values.argmax(axis=0), len(methods)),
        utility_regret=(values.max(axis=0) - values).mean(axis=1),
    )
    return table, float(np.mean(np.abs(utility_draws(utility, loss + noise, draws) - values)))


def _shares(which: np.ndarray, count: int) -> Floats:
    """How often each of some is the one."""
    return np.asarray(np.bincount(which, minlength=count) / which.size)


def _with_bands(posterior: "Answers", table: pd.DataFrame, settings: pd.DataFrame, base: str | None) -> pd.DataFrame:
    task = table["task"].iloc[0]
    designs = [one_method_design(posterior, settings, task, m, base) for m in table["method"]]
    bands = [posterior.predict(design).iloc[0] for design in designs]
    table = table.assign(sd=[band["sd"] for band in bands], distance=[band["distance"] for band in bands])
    table.attrs["new_base"] = any(np.any(encode(posterior, design).effect == UNSEEN) for design in designs)
    return table


def _noise(posterior: "Answers", table: pd.DataFrame) -> float:
    """Noise of one run in the loss's unit: the posterior median of sigma, averaged over the methods, times the loss."""
    layout = posterior.layout
    cells = [layout.cell_index[pair] for pair in zip(table["task"], table["method"], strict=True)]
    loss = np.full(len(cells), table["expected_loss"].min())
    if layout.noise_of_loss:
        median = np.exp(layout.log_median[cells])
        loss = np.where(np.isfinite(median), median, loss)
    return float(np.median((posterior.family("sigma")[:, cells] * loss).mean(axis=1)))


def _decide(table: pd.DataFrame, margin: float, runs: pd.DataFrame, base: str | None) -> Choice:
    p, regret = ("p_most_useful", "utility_regret") if "utility_regret" in table else ("p_best", "expected_regret")
    likeliest = table.sort_values(p).iloc[-1]
    equal = table[table[regret] <= margin].sort_values([*(["cost"] if "cost" in table else []), regret])
    likely = table[(table[p] >= HOPELESS) | (table[regret] <= margin)]
    chosen: pd.Series[Any] | None = None
    refused, refusal = _refused(likely)
    if refusal is None:
        chosen = equal.iloc[0] if len(equal) else likeliest if likeliest[p] >= SURE else None
    named = likeliest if chosen is None else chosen
    wanted = None if chosen is not None else choice_text.least_known(table if refused.empty else refused)
    return Choice(
        None if chosen is None else str(chosen["method"]),
        float(named["p_best"]),
        float(named["expected_regret"]),
        table,
        choice_text.said(table, equal, chosen, likeliest, wanted, margin, runs, refusal),
        "measure" if chosen is None else "equal" if len(equal) > 1 else "use",
        tuple(equal["method"]),
        None if wanted is None else _design(wanted, base),
    )


def _refused(likely: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Of methods that may be the best those that cannot be judged there, and why."""
    rises = likely[likely["method"].isin(likely.attrs["rising"])]
    if len(rises):
        return rises, choice_text.rising(rises)
    far = likely[likely["distance"] > FARTHEST]
    return far, choice_text.too_far(far) if len(far) else None


def _design(row: "pd.Series[Any]", base: str | None) -> pd.DataFrame:
    """The run of a row of the table."""
    columns = ["task", "method", *(name for name in ("finetune_size", *FACTORS) if name in row)]
    return pd.DataFrame([row[columns]]).reset_index(drop=True).assign(**({} if base is None else {"base": base}))
