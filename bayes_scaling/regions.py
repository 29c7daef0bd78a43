"""How far a design point lies outside the measured runs of its (task, method)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.encoding import cells
from bayes_scaling.models.layout import Floats

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

TOLERANCE = 1e-9


def add_regions(posterior: "Answers", frame: pd.DataFrame, result: pd.DataFrame) -> pd.DataFrame:
    """Add ``distance`` (decades outside the range of the farthest factor) and ``region`` to a table of a design.

    ``frame`` is the design completed, see :func:`bayes_scaling.encoding.complete_design`.

    A task without runs is always *beyond*, its distance that to the runs of the method on other tasks. Else a point is
    *interior* inside the measured range of D_f and of every factor, *edge* where it leaves it by no more than the
    widest gap between neighbouring measured sizes, and *beyond* farther out. A zero-shot point is interior where the
    cell has zero-shot runs; where it has none, it is beyond, as many decades as one example.
    """
    distance, steps, cell = np.zeros(len(frame)), np.zeros(len(frame)), cells(posterior.layout, frame)
    for c in np.unique(cell):
        rows = np.flatnonzero(cell == c)
        for column in ("finetune_size", *(f for f in posterior.layout.terms_of_cell[int(c)] if f in frame)):
            sizes = frame[column].to_numpy(np.float64)[rows]
            outside, gap = _outside(posterior, int(c), column, sizes)
            steps_outside = np.where(sizes == 0, np.inf, outside / gap)
            distance[rows] = np.maximum(distance[rows], outside)
            steps[rows] = np.maximum(steps[rows], np.where(outside > TOLERANCE, steps_outside, 0.0))
    seen = cell <= posterior.problem.rows.cell.max()
    region = np.select(
        [seen & (distance <= TOLERANCE), seen & (steps <= 1 + TOLERANCE)], ["interior", "edge"], "beyond"
    )
    return result.assign(distance=np.where(distance <= TOLERANCE, 0.0, distance), region=region)


def measured_range(posterior: "Answers", cell: int, column: str) -> tuple[float, float]:
    """Smallest and largest measured size of a column in one cell, zero-shot runs aside."""
    levels = 10 ** _log_levels(posterior, cell, column)
    return float(levels[0]), float(levels[-1])


def measured_runs(posterior: "Answers", cell: int) -> pd.DataFrame:
    """The runs of a cell; of a task without runs, those of its method on other tasks."""
    of_cell = posterior.problem.rows.cell == cell
    return posterior.runs[of_cell if of_cell.any() else posterior.runs["method"] == posterior.layout.method[cell]]


def _log_levels(posterior: "Answers", cell: int, column: str) -> Floats:
    sizes = _sizes(posterior, cell, column)
    return np.asarray(np.log10(np.unique(sizes[sizes > 0])))


def _sizes(posterior: "Answers", cell: int, column: str) -> Floats:
    return np.asarray(measured_runs(posterior, cell)[column].dropna(), dtype=np.float64)


def _outside(posterior: "Answers", cell: int, column: str, sizes: Floats) -> tuple[Floats, float]:
    levels, x = _log_levels(posterior, cell, column), np.log10(np.where(sizes == 0, 1.0, sizes))
    outside = np.nan_to_num(np.maximum(np.maximum(levels[0] - x, x - levels[-1]), 0.0))  # NaN: not the row's factor
    if np.any(_sizes(posterior, cell, column) == 0):
        outside = np.where(sizes == 0, 0.0, outside)
    return outside, float(np.max(np.diff(levels))) if levels.size > 1 else TOLERANCE
