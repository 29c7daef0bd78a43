"""The decisions that a fit is likely to be asked for: which method, at the largest D_f and at ten times that."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from bayes_scaling.exponents import DATA
from bayes_scaling.models.layout import Floats
from bayes_scaling.prediction import expected_loss
from bayes_scaling.quantities import format_quantity

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

FARTHER = 10.0  # times the largest measured D_f


class Decision(NamedTuple):
    """What is decided, between which methods, and draws of their expected losses, shape (S, methods)."""

    where: str
    methods: list[str]
    losses: Floats


def decisions(posterior: "Posterior") -> Iterator[Decision]:
    """For every task, the methods measured on its largest shared base LLM, at two D_f; one method at one D_f."""
    for task in dict.fromkeys(posterior.layout.task):
        runs = posterior.runs[posterior.runs["task"] == task]
        base = largest_base(runs)
        rivals = _rivals(runs[runs["base"] == base])
        largest = float(runs[DATA].max())
        for size in (largest, FARTHER * largest) if len(rivals) > 1 else (largest,):
            losses = expected_loss(posterior, rivals.assign(**{DATA: size}))
            where = f"{task}, {base}, D_f {format_quantity(size)}"
            yield Decision(where, rivals["method"].tolist(), losses)


def largest_base(runs: pd.DataFrame) -> str:
    """The base LLM of most methods and, among those, of the largest size."""
    sizes = [name for name in ("model_size", "pretrain_size") if name in runs]
    table = runs.groupby("base", sort=False).agg(methods=("method", "nunique"), **{s: (s, "max") for s in sizes})
    return str(table.sort_values(["methods", *sizes], na_position="first").index[-1])


def _rivals(runs: pd.DataFrame) -> pd.DataFrame:
    """Of each method, its run at the largest D_f, and of several there the one with the lowest loss."""
    ordered = runs.sort_values([DATA, "loss"], ascending=[False, True], kind="stable")
    return ordered.drop_duplicates("method").sort_index().reset_index(drop=True)
