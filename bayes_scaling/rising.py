"""Measured losses that rise with a size, where every law falls or stays."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.exponents import DATA
from bayes_scaling.regions import measured_range
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

RISING = 0.002  # slope of log loss on log size that is not just noise about a flat line
ERRORS = 2.0  # standard errors of a slope beyond which a choice believes that it rises


def slopes(posterior: "Answers", cell: int) -> dict[str, tuple[float, float]]:
    """Size to the slope of a cell's log loss on its log and the slope's standard error, by least squares.

    The error is infinite where there are no more runs than sizes.
    """
    rows = posterior.problem.rows
    of_cell = rows.cell == cell
    design = np.column_stack([np.ones(of_cell.sum()), rows.log_d[of_cell], rows.log_x[of_cell]])
    log_loss = np.log(posterior.problem.loss[of_cell])
    found = np.linalg.lstsq(design, log_loss, rcond=None)[0]
    freedom = len(design) - np.linalg.matrix_rank(design)
    variance = np.sum((log_loss - design @ found) ** 2) / freedom if freedom > 0 else np.inf
    errors = np.sqrt(variance * np.diag(np.linalg.pinv(design.T @ design)))
    names = [DATA, *(f for f in FACTORS if f in posterior.layout.factor_of_term)]
    return {name: (float(s), float(e)) for name, s, e in zip(names, found[1:], errors[1:], strict=True)}


def rising_methods(posterior: "Answers", task: str, finetune_size: float) -> list[str]:
    """Methods whose measured loss rises with D_f and that were not measured at one as large as this.

    No law follows such a loss: it is taken for flat, and beyond the largest D_f that is the better the worse it is.
    """
    layout = posterior.layout
    return [
        layout.method[cell]
        for cell in np.unique(posterior.problem.rows.cell)
        if layout.task[cell] == task
        and finetune_size > measured_range(posterior, cell, DATA)[1]
        and _rises(*slopes(posterior, cell)[DATA])
    ]


def _rises(slope: float, error: float) -> bool:
    return slope > RISING and slope > ERRORS * error
