"""Which runs are held out: random folds reward interpolation, so the largest sizes and whole LLMs are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_scaling.arguments import shown
from bayes_scaling.errors import BayesScalingError, RunsError
from bayes_scaling.quantities import format_quantity

Mask = NDArray[np.bool_]
Rule = Callable[[pd.DataFrame], object]
FIRST_ORIGIN = 4  # sizes of D_f before the first rolling origin: as many as a law of D_f has parameters, and one


class Split(NamedTuple):
    """A name, and which rows are held out."""

    name: str
    held: Mask


def splits(runs: pd.DataFrame, holdout: str | Rule) -> list[Split]:
    """Every split of a runs table that leaves something to fit and something to predict.

    Parameters
    ----------
    runs : DataFrame
        A validated runs table.
    holdout : str or callable
        See :func:`bayes_scaling.backtest`.

    Raises
    ------
    BayesScalingError
        If there is no such rule, or the callable returns no masks.
    RunsError
        If the rule needs a column that the runs lack, or holds out none or all of them.
    """
    check_holdout(holdout)
    found = list(RULES[holdout](runs)) if isinstance(holdout, str) else _of_callable(runs, holdout(runs))
    useful = [split for split in found if split.held.any() and not split.held.all()]
    if not useful:
        raise RunsError(
            f"holdout={holdout!r} holds out none or all of the {len(runs)} runs; give runs at more sizes or bases, or "
            "another rule"
        )
    return useful


def check_holdout(holdout: object) -> None:
    """Raise a BayesScalingError for what is neither the name of a rule nor a function."""
    if not callable(holdout) and not (isinstance(holdout, str) and holdout in RULES):
        raise BayesScalingError(f"holdout={shown(holdout)}: use one of {', '.join(map(repr, RULES))}, or a function")


def _largest_finetune_size(runs: pd.DataFrame) -> Iterator[Split]:
    largest = runs.groupby(["task", "method"])["finetune_size"].transform("max")
    yield Split("largest D_f", (runs["finetune_size"] == largest).to_numpy())


def _largest_model_size(runs: pd.DataFrame) -> Iterator[Split]:
    _need(runs, "model_size")
    largest = runs.groupby("task")["model_size"].transform("max")
    yield Split("largest model", (runs["model_size"] == largest).to_numpy())


def _one_out(column: str) -> Callable[[pd.DataFrame], Iterator[Split]]:
    def rule(runs: pd.DataFrame) -> Iterator[Split]:
        _need(runs, column)
        for name in runs[column].dropna().unique():
            yield Split(f"{column} {name}", (runs[column] == name).fillna(False).to_numpy(dtype=bool))

    return rule


def _rolling_origin(runs: pd.DataFrame) -> Iterator[Split]:
    sizes = np.sort(runs.loc[runs["finetune_size"] > 0, "finetune_size"].unique())
    for origin in sizes[FIRST_ORIGIN - 1 : -1]:
        yield Split(f"D_f above {format_quantity(origin)}", (runs["finetune_size"] > origin).to_numpy())


RULES: Mapping[str, Callable[[pd.DataFrame], Iterator[Split]]] = {
    "largest_finetune_size": _largest_finetune_size,
    "largest_model_size": _largest_model_size,
    "leave_one_base_out": _one_out("base"),
    "leave_one_family_out": _one_out("family"),
    "rolling_origin": _rolling_origin,
}


def _need(runs: pd.DataFrame, column: str) -> None:
    if column not in runs:
        raise RunsError(f"the runs have no column {column!r}, which this holdout goes by; add it, or use another rule")


def _of_callable(runs: pd.DataFrame, found: object) -> list[Split]:
    if isinstance(found, Mapping):
        named = [(str(name), mask) for name, mask in found.items()]
    elif isinstance(found, Sequence) and not isinstance(found, str) and np.ndim(found[0]) == 1:
        named = [(f"split {i}", mask) for i, mask in enumerate(found)]
    else:
        named = [("held out", found)]
    return [Split(name, _mask(runs, mask)) for name, mask in named]


def _mask(runs: pd.DataFrame, mask: object) -> Mask:
    values = np.asarray(mask)
    if values.dtype != bool or values.shape != (len(runs),):
        raise BayesScalingError(
            f"holdout returned {values.dtype} values of shape {values.shape}: give True for every held-out row, one "
            f"value for each of the {len(runs)} runs (or a list or dict of such masks)"
        )
    return values
