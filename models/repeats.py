r"""Runs of one setting that differ in their seed only: the law is evaluated once for all of them.

Student-t noise has no sufficient statistics, so every run keeps its own term in the likelihood. All that stands before
it (the law, base effects, drift, the ceiling) is the same for every seed, and so is all that the sampler's coordinates
want to know beside how many runs there are: it is read off a setting's mean.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jax import Array
from numpy.typing import NDArray

from bayes_scaling.models.ceiling import log_level, unbounded
from bayes_scaling.models.layout import Floats, Ints, Problem, Repeats

MOST_PADDING = 1.5  # places a run, above which settings of uneven counts stay runs
Values = Array | Floats


def together(problem: Problem) -> Problem:
    """The same problem with a row a setting; itself where runs do not repeat, or too unevenly.

    ``rows``, ``effect`` and ``loss`` (its geometric mean) are of settings then, and ``repeats`` has the runs.
    """
    of_run = _setting_of_run(problem)
    count = np.bincount(of_run)
    places = count.size * int(count.max())
    if count.max() == 1 or places > MOST_PADDING * of_run.size:
        return problem
    first = np.unique(of_run, return_index=True)[1]
    mean = np.exp(np.bincount(of_run, np.log(problem.loss)) / count)
    runs = _Places(of_run, count)
    repeats = Repeats(
        loss=runs.placed(problem.loss, mean),
        log_se=runs.placed(problem.log_se, np.zeros(count.size)),
        present=runs.placed(np.ones(of_run.size), np.zeros(count.size)),
    )
    return problem._replace(
        rows=problem.rows.each(lambda field: field[first]),
        effect=problem.effect[first],
        loss=mean,
        log_se=problem.log_se[first],
        repeats=repeats,
    )


def counts(problem: Problem) -> Values:
    """How many runs each row stands for, shape (n,), or one where every row is a run."""
    return np.ones(()) if problem.repeats is None else problem.repeats.present.sum(axis=1)


class _Places:
    """Where each run stands among those of its setting."""

    def __init__(self, of_run: Ints, count: Ints) -> None:
        order = np.argsort(of_run, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(order.size) - np.repeat(np.cumsum(count) - count, count)
        self.where, self.most = (of_run, place), int(count.max())

    def placed(self, values: Floats, elsewhere: Floats) -> Floats:
        """Values of runs by setting, and ``elsewhere`` where a setting has fewer, shape (settings, most)."""
        table = np.tile(elsewhere[:, None].astype(np.float64), (1, self.most))
        table[self.where] = values
        return table


def _setting_of_run(problem: Problem) -> Ints:
    """Number of each run's setting, in the order of first appearance, shape (n,)."""
    rows = problem.rows._replace(drift=np.zeros((problem.effect.size, 0)))  # follows from the cell and D_f
    columns = pd.DataFrame(np.column_stack([*rows, problem.effect]))
    return np.asarray(columns.groupby(list(columns), sort=False, dropna=False).ngroup(), dtype=np.int64)


class Means(NamedTuple):
    """Log loss of every row as it stands without its ceiling.

    Attributes
    ----------
    level : float array, shape (n,)
    runs : float array, shape (n,)
        How many it is the mean of.
    within : float array, shape (n,)
        Sum of squares of those runs about it.
    """

    level: Floats
    runs: Floats
    within: Floats

    def where(self, rows: Ints | NDArray[np.bool_]) -> "Means":
        """Those of some rows."""
        return Means(*(values[rows] for values in self))

    def regression(self, design: Floats) -> tuple[float, int]:
        """Sum of squares of the runs about their regression on a design, shape (n, k), and degrees of freedom left."""
        weight = np.sqrt(self.runs)
        fitted = design @ np.linalg.lstsq(design * weight[:, None], self.level * weight, rcond=None)[0]
        squares = self.within + self.runs * (self.level - fitted) ** 2
        return float(squares.sum()), int(self.runs.sum()) - int(np.linalg.matrix_rank(design))


def means_of(problem: Problem) -> Means:
    """What a problem's runs say, by row; every row is a run where nothing repeats."""
    level = log_level(problem)
    if problem.repeats is None:
        return Means(level, np.ones(level.size), np.zeros(level.size))
    repeats, present = problem.repeats, problem.repeats.present
    ceiling = problem.rows.log_ceiling if problem.rows.bounded else np.full((level.size, 1), np.inf)
    of_run = np.log(unbounded(repeats.loss, ceiling))
    return Means(level, present.sum(axis=1), np.sum(present * (of_run - level[:, None]) ** 2, axis=1))
