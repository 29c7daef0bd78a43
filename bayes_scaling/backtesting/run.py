"""``backtest``: hold runs out, fit the rest, score what was said of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayes_scaling.arguments import check_seed
from bayes_scaling.backtesting.holdouts import Rule, check_holdout, splits
from bayes_scaling.backtesting.jobs import Job, cannot, run
from bayes_scaling.backtesting.report import describe
from bayes_scaling.backtesting.scores import summary
from bayes_scaling.errors import RunsError
from bayes_scaling.fitting import check_settings
from bayes_scaling.joint_law import JointLaw, checked_model
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.runs import validate_runs
from bayes_scaling.tables import columns_of


@dataclass(frozen=True, eq=False)
class Backtest:
    """What the bands were worth on runs that were held out.

    Attributes
    ----------
    table : DataFrame
        One row a forecaster: ``forecaster, coverage_50, coverage_80, coverage_90, coverage_95, crps, log_score, mae,
        width_90``. The last four are means over the held-out runs and on log loss: .01 is one per cent of the loss.
        ``crps``, ``mae`` and ``width_90`` are better low, ``log_score`` high.
    points : DataFrame
        One row a held-out run and forecaster: ``forecaster, split``, the run's columns, ``median, low, high`` (its
        90 % band), ``pit, crps, log_score, error, width``, and ``distance, region`` for the posterior.
    text : str
    skipped : tuple of str
        Groups with too few runs to fit, and why.
    """

    table: pd.DataFrame
    points: pd.DataFrame
    text: str
    skipped: tuple[str, ...]

    def plot(self, ax: Any = None) -> Any:
        """Coverage against what was promised; see :func:`bayes_scaling.plot_reliability`."""
        from bayes_scaling.plots import plot_reliability

        return plot_reliability(self, ax=ax)


def backtest(
    runs: pd.DataFrame,
    model: JointLaw | Sequence[JointLaw] | None = None,
    holdout: str | Rule = "largest_finetune_size",
    *,
    by: Sequence[str] | None = None,
    seed: int = 0,
    draws: int = 1000,
) -> Backtest:
    """Hold runs out, fit the others, and score the bands of new runs beside two simpler forecasters.

    The rivals are the same law (the first one) by least squares (the sum of Huber losses on log loss, started by
    variable projection) with a residual bootstrap, and the last value seen.

    Parameters
    ----------
    runs : DataFrame
        A runs table.
    model : JointLaw or sequence of JointLaw, optional
        Several are averaged, see :func:`bayes_scaling.average`.
    holdout : str or callable
        ``"largest_finetune_size"`` or ``"largest_model_size"`` (of each task and method, or task),
        ``"leave_one_base_out"``, ``"leave_one_family_out"`` (by a column ``family``), ``"rolling_origin"`` (everything
        above each D_f from the fourth on), or a function of the runs that returns a mask, True for every held-out
        row, or a list or dict of masks.

    Other Parameters
    ----------------
    by : sequence of str, optional
        Columns whose groups are fitted alone, such as ``("task", "method", "base")`` for curves.
    seed : int
    draws : int
        Of each of four chains.

    Raises
    ------
    BayesScalingError, RunsError, ModelError
        If the rule holds nothing out, a column is missing, or no group can be fitted.

    Examples
    --------
    >>> import bayes_scaling as bs
    >>> runs = bs.load_data("zhang2024_en_zh")
    >>> curve = runs[(runs.method == "lora") & (runs.base == "1B")]
    >>> result = bs.backtest(curve, bs.JointLaw(factors=()))
    >>> result.table.forecaster.tolist()
    ['posterior', 'least squares', 'last value']
    """
    several = isinstance(model, tuple | list) and len(model) > 0
    models = [checked_model(one) for one in (model if several else [model])]  # type: ignore[union-attr]
    check_seed(seed)
    check_settings(NutsSettings(draws=draws))
    check_holdout(holdout)
    valid = validate_runs(runs)
    jobs: list[Job] = []
    skipped: list[str] = []
    for group, name in _groups(valid, by):
        for split in splits(group, holdout):
            job = Job(f"{name}{split.name}", group[~split.held], group[split.held])
            why = cannot(job, models)
            if why is None:
                jobs.append(job)
            else:
                skipped.append(f"{job.name}: {why}")
    if not jobs:
        raise RunsError(f"no group of runs could be fitted: {'; '.join(skipped)}. Give more runs, or another holdout")
    points = pd.concat(run(jobs, models, seed, draws), ignore_index=True)
    points = points[["forecaster", "split", *(c for c in points if c not in ("forecaster", "split"))]]
    table = summary(points)
    return Backtest(table, points, describe(table, points, skipped), tuple(skipped))


def _groups(runs: pd.DataFrame, by: Sequence[str] | None) -> Iterator[tuple[pd.DataFrame, str]]:
    if by is None:
        yield runs, ""
        return
    for key, group in runs.groupby(columns_of(runs, by), sort=False, dropna=False):
        yield group.reset_index(drop=True), f"{', '.join(map(str, key))}: "
