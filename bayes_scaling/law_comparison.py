"""``compare_laws``: which law predicts runs it has not seen, and whether the runs can tell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.arguments import check_flag, check_seed, shown
from bayes_scaling.arviz_bridge import HIGH_K
from bayes_scaling.averaging import Average, average
from bayes_scaling.backtesting.forecasters import by_posterior
from bayes_scaling.backtesting.holdouts import Rule, check_holdout, splits
from bayes_scaling.errors import ModelError
from bayes_scaling.fitting import fit
from bayes_scaling.joint_law import JointLaw
from bayes_scaling.loo import leave_one_out
from bayes_scaling.models.layout import Floats
from bayes_scaling.posterior import Posterior
from bayes_scaling.runs import validate_runs
from bayes_scaling.stacking import bootstrapped_weights
from bayes_scaling.tables import columns_of
from bayes_scaling.text import listing

CLEAR = 2.0  # standard errors of a difference that tell two laws apart
SMALL = 4.0  # a difference in elpd that is small whatever its standard error (Sivula et al. 2020)
REFITS = 20  # of runs with high k, at most, for each law and group


@dataclass(frozen=True, eq=False)
class LawComparison:
    """Laws side by side.

    Attributes
    ----------
    table : DataFrame
        One row a law, the best first: ``law, elpd, elpd_difference, se_difference`` (PSIS-LOO, to the best),
        ``high_k`` (runs whose Pareto k is above .7), ``refits`` (of those, how many were left out in earnest),
        ``held_out`` (mean log score of the held-out larger sizes), ``weight, weight_low, weight_high`` (stacking
        weight and its 90 % interval).
    pointwise : float array, shape (n, laws)
        Log predictive density of each run given the others, in the table's order of laws.
    weight_draws : float array, shape (copies, laws)
        Stacking weights under the Bayesian bootstrap, in the table's order.
    fits : tuple of tuple of Posterior
        For each group of runs, a fit of every law in the table's order.
    told_apart : bool
        Whether every other law predicts clearly worse than the best.
    text : str
    """

    table: pd.DataFrame
    pointwise: Floats
    weight_draws: Floats
    fits: tuple[tuple[Posterior, ...], ...]
    told_apart: bool
    text: str

    def average(self, group: int = 0) -> Average:
        """The laws' posteriors of one group as one, with these stacking weights."""
        return average(self.fits[group], self.table["weight"].tolist())

    def plot(self, ax: Any = None) -> Any:
        """Stacking weights with their intervals; see :func:`bayes_scaling.plot_law_weights`."""
        from bayes_scaling.plots import plot_law_weights

        return plot_law_weights(self, ax=ax)


def compare_laws(
    runs: pd.DataFrame,
    laws: Sequence[str | JointLaw] = ("multiplicative", "additive", "rectified"),
    *,
    holdout: str | Rule | None = "largest_finetune_size",
    by: Sequence[str] | None = None,
    refit: bool = True,
    seed: int = 0,
    draws: int = 1000,
) -> LawComparison:
    """Compare laws by how well they predict runs they were not fitted to.

    Parameters
    ----------
    runs : DataFrame
        A runs table.
    laws : sequence of str or JointLaw
        Two or more; a name stands for ``JointLaw(law=name)``.
    holdout : str or callable, optional
        Larger sizes to predict, see :func:`bayes_scaling.backtest`; None skips it, and its fits.

    Other Parameters
    ----------------
    by : sequence of str, optional
        Columns whose groups are fitted alone; their runs are pooled in the comparison.
    refit : bool
        Whether runs with Pareto k above .7 are left out in earnest, by a fit without them (at most 20 a law).
    seed, draws : int

    Returns
    -------
    LawComparison

    Raises
    ------
    BayesScalingError, RunsError, ModelError
        If there are fewer than two laws, or the runs do not suit one of them.

    References
    ----------
    Vehtari, Gelman and Gabry 2017; Yao, Vehtari, Simpson and Gelman 2018; Sivula, Magnusson and Vehtari 2020.
    """
    models = _models(laws)
    check_seed(seed)
    check_flag("refit", refit)
    if holdout is not None:
        check_holdout(holdout)
    valid = validate_runs(runs)
    groups = _groups(valid, by)
    fits = [tuple(fit(group, model, seed, draws=draws) for model in models) for group in groups]
    found = [[_left_out(one, refit) for one in of_group] for of_group in fits]
    pointwise = np.concatenate([np.stack([law.elpd for law in of_group], axis=1) for of_group in found])
    order = np.argsort(-pointwise.sum(axis=0), kind="stable")
    held_out = _held_out(groups, models, holdout, seed, draws)
    weights = bootstrapped_weights(pointwise, seed)
    table = _table(models, found, pointwise, held_out, weights).iloc[order].reset_index(drop=True)
    apart = _clearly_worse(table)
    return LawComparison(
        table,
        pointwise[:, order],
        weights[:, order],
        tuple(tuple(of_group[i] for i in order) for of_group in fits),
        bool(apart.iloc[1:].all()),
        _describe(table, apart, len(pointwise)),
    )


@dataclass(frozen=True)
class _LeftOut:
    elpd: Floats
    high_k: int
    refits: int


def _models(laws: Sequence[str | JointLaw]) -> list[JointLaw]:
    if not isinstance(laws, tuple | list) or len(laws) < 2:
        raise ModelError(f"laws={shown(laws)}: give two or more, such as ['multiplicative', 'additive', 'rectified']")
    return [law if isinstance(law, JointLaw) else JointLaw(law=law) for law in laws]


def _groups(runs: pd.DataFrame, by: Sequence[str] | None) -> list[pd.DataFrame]:
    if by is None:
        return [runs]
    return [group.reset_index(drop=True) for _, group in runs.groupby(columns_of(runs, by), sort=False, dropna=False)]


def _left_out(posterior: Posterior, refit: bool) -> _LeftOut:
    """PSIS-LOO of every run; those it cannot give, from a fit without them."""
    loo = leave_one_out(posterior)
    high = np.flatnonzero(loo.k > HIGH_K)
    chosen = high[np.argsort(-loo.k[high])][: REFITS if refit else 0]
    elpd = loo.elpd.copy()
    for i in chosen:
        others = posterior.runs.drop(index=posterior.runs.index[i])
        without = fit(others, posterior.model, posterior.seed, draws=posterior.settings.draws)
        elpd[i] = by_posterior(without, posterior.runs.iloc[[i]].reset_index(drop=True)).log_density[0]
    return _LeftOut(elpd, high.size, chosen.size)


def _held_out(
    groups: list[pd.DataFrame], models: list[JointLaw], holdout: str | Rule | None, seed: int, draws: int
) -> list[float]:
    if holdout is None:
        return [np.nan] * len(models)
    pairs = list(_pairs(groups, holdout))
    scores = [
        np.concatenate([by_posterior(fit(train, model, seed, draws=draws), test).log_density for train, test in pairs])
        for model in models
    ]
    return [float(score.mean()) for score in scores]


def _pairs(groups: list[pd.DataFrame], holdout: str | Rule) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    for group in groups:
        for split in splits(group, holdout):
            yield group[~split.held], group[split.held].reset_index(drop=True)


def _table(
    models: list[JointLaw], found: list[list[_LeftOut]], pointwise: Floats, held_out: list[float], weights: Floats
) -> pd.DataFrame:
    difference = pointwise - pointwise[:, [int(pointwise.sum(axis=0).argmax())]]
    low, high = np.quantile(weights, [0.05, 0.95], axis=0)
    return pd.DataFrame(
        {
            "law": [model.name for model in models],
            "elpd": pointwise.sum(axis=0),
            "elpd_difference": difference.sum(axis=0),
            "se_difference": np.sqrt(len(pointwise)) * difference.std(axis=0),
            "high_k": [sum(of_group[m].high_k for of_group in found) for m in range(len(models))],
            "refits": [sum(of_group[m].refits for of_group in found) for m in range(len(models))],
            "held_out": held_out,
            "weight": weights.mean(axis=0),
            "weight_low": low,
            "weight_high": high,
        }
    )


def _clearly_worse(table: pd.DataFrame) -> "pd.Series[bool]":
    behind = -table["elpd_difference"]
    return (behind > SMALL) & (behind > CLEAR * table["se_difference"])


def _describe(table: pd.DataFrame, worse: "pd.Series[bool]", n: int) -> str:
    best = table["law"].iloc[0]
    equals, clear = table.loc[~worse, "law"].tolist(), table[worse]
    if len(equals) == 1:
        head = f"{best} predicts left-out runs best, clearly ahead of every other law."
    else:
        head = f"{listing(equals)} cannot be told apart by these {n} runs."
    if len(clear) and len(equals) > 1:
        head += f" {listing(clear['law'].tolist())} clearly {'predicts' if len(clear) == 1 else 'predict'} worse."
    others = [
        f"{row.law} {row.elpd_difference:.1f} (standard error {row.se_difference:.1f})"
        for row in table.iloc[1:].itertuples()
    ]
    shares = [f"{row.law} {row.weight:.2f} [{row.weight_low:.2f}, {row.weight_high:.2f}]" for row in table.itertuples()]
    parts = [
        head,
        f"Log predictive density against {best}: {', '.join(others)}.",
        f"Stacking weights: {listing(shares)}.",
    ]
    if table["held_out"].notna().all():
        first = table["law"].iloc[int(table["held_out"].to_numpy().argmax())]
        agrees = "which agrees" if first in equals else "which disagrees: trust neither law far outside the data"
        parts.append(f"At held-out larger sizes {first} scores best, {agrees}.")
    unsure = table[table["high_k"] > table["refits"]]
    if len(unsure):
        parts.append(
            f"{int((unsure['high_k'] - unsure['refits']).sum())} left-out densities are approximate (Pareto k above "
            f"{HIGH_K})."
        )
    return " ".join(parts)
