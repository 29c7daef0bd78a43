"""How much stranger than the fitted base LLMs one may be that lies outside their sizes.

A base effect is what the law misses of one LLM. Inside the measured sizes the law was fitted to such misses, outside it
was not, so that what it has wrong there (a bend, sizes that act together) adds to them and grows with distance. Effects
of a base LLM outside are therefore drawn from a population ``1 + GROWTH * z`` times as wide, z the distance of its log
size from the nearest measured one in standard deviations of the measured log sizes; sizes within less than a doubling
of each other give no smaller unit of distance than a doubling does.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.encoding import EncodedDesign
from bayes_scaling.encoding.design import BASE_FACTORS
from bayes_scaling.models.layout import Floats

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

GROWTH = 1.0
LEAST_SPREAD = float(np.log(2.0) / 2.0)  # standard deviation of two log sizes that are a doubling apart


class Measured(NamedTuple):
    """Log sizes of a cell's base LLMs in one factor: ends of their range, standard deviation (not below the least)."""

    low: float
    high: float
    spread: float

    def outside(self, log_size: Floats) -> Floats:
        """Distance from the range in standard deviations, zero inside it and where the size is unknown."""
        beyond = np.maximum(np.maximum(self.low - log_size, log_size - self.high), 0.0)
        return np.asarray(np.nan_to_num(beyond) / self.spread)


def measured(posterior: "Posterior") -> list[dict[str, Measured]]:
    """The measured log sizes of every cell by factor, of the factors that tell a base LLM and that the cell varies."""
    return [_of_cell(posterior, cell) for cell in range(len(posterior.layout.method))]


def _of_cell(posterior: "Posterior", cell: int) -> dict[str, Measured]:
    bases = posterior.runs[posterior.problem.rows.cell == cell].drop_duplicates("base")
    varied = [factor for factor in BASE_FACTORS if factor in posterior.layout.terms_of_cell[cell]]
    return {f: _of(np.log(bases[f].dropna().to_numpy(np.float64))) for f in varied if bases[f].notna().any()}


def _of(log_size: Floats) -> Measured:
    return Measured(float(log_size.min()), float(log_size.max()), max(float(log_size.std()), LEAST_SPREAD))


def factors(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    """How many times as wide as measured each row's population of base LLMs is, shape (rows,), at least 1."""
    cells, frame = encoded.rows.cell[block], encoded.frame.iloc[block]
    farthest = np.zeros(len(frame))
    for c in np.unique(cells):
        rows = np.flatnonzero(cells == c)
        for factor, sizes in posterior.measured_sizes[c].items():
            log_size = np.log(pd.to_numeric(frame[factor]).to_numpy(np.float64)[rows]) if factor in frame else np.nan
            farthest[rows] = np.maximum(farthest[rows], sizes.outside(log_size))
    return 1.0 + GROWTH * farthest
