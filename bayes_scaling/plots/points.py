"""Fitted and held-out runs in one table, each with the name of the curve it belongs to."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import DesignError
from bayes_scaling.plots.style import records
from bayes_scaling.prediction import encode
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior


def points_of(posterior: "Posterior", held_out: pd.DataFrame | None, tasks: list[str]) -> pd.DataFrame:
    """Runs with ``fitted`` (bool) and ``label`` (of their curve), ordered by the curve's sizes and by D_f.

    A curve is one base LLM, or one of its PET or pretraining sizes where they differ within it.

    Raises
    ------
    DesignError
        If ``held_out`` has no losses, or rows that the fit cannot speak about.
    """
    parts = [posterior.runs.assign(fitted=True)]
    if held_out is not None:
        parts.append(_observed(encode(posterior, held_out).frame).assign(fitted=False))
    points = pd.concat(parts, ignore_index=True)
    points = points[points["task"].isin(tasks)].dropna(axis="columns", how="all")
    sizes = [factor for factor in FACTORS if factor in points]
    within = points.groupby(["task", "method", "base"])
    moved = [factor for factor in sizes if within[factor].nunique().max() > 1]
    named = not moved or points["base"].nunique() > 1
    points = points.assign(label=[_label(row, named, moved) for row in records(points)])
    return points.sort_values([*sizes, "base", "finetune_size"], kind="stable")


def _observed(held: pd.DataFrame) -> pd.DataFrame:
    if "loss" not in held:
        raise DesignError(f"held_out has no column 'loss'; it has {', '.join(map(str, held.columns))}")
    losses = pd.to_numeric(held["loss"], errors="coerce")
    if not np.isfinite(losses).all():
        bad = held.loc[~np.isfinite(losses), "loss"]
        raise DesignError(f"held_out column 'loss': {bad.iloc[0]} in row {bad.index[0]} is not a number")
    return held.assign(loss=losses)


def _label(row: dict[str, Any], named: bool, moved: list[str]) -> str:
    sizes = [f"{factor} {format_quantity(row[factor])}" for factor in moved if not pd.isna(row[factor])]
    return ", ".join([str(row["base"])] * named + sizes)
