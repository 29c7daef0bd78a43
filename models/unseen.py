r"""A task without runs: draws of its parameters, from the populations and from how the fitted tasks differ.

Exponents and noise of a new cell come from their populations. E and A have none, so their spread between the fitted
tasks is modelled here, draw by draw, after the fit: with y the log loss at a centre that is common to all tasks (or
:math:`\log A / E` there, or another parameter on its log), for task t and method m

.. math:: y_{tm} = \mu_m + a_t + e_{tm}, \quad a_t \sim N(0, s_a^2), \quad e_{tm} \sim N(0, s_e^2),

each variance with a scaled inverse chi-squared prior of two degrees of freedom. A new task draws its own a and e: with
few tasks that is a wide, heavy-tailed level, and it is shared by the methods, which are compared without it.
"""

from typing import NamedTuple
from zlib import crc32

import numpy as np

from bayes_scaling.models.layout import Floats, Ints

PRIOR_DF = 2.0


class Spread(NamedTuple):
    """Typical standard deviations between tasks, and between methods of a task beyond their usual difference."""

    task: float
    own: float


LEVEL = Spread(0.5, 0.05)  # of log loss at the centre
RATIO = Spread(1.0, 0.3)  # of the log of one term over E


def named_rng(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on a posterior's seed and a name only: the same in every call."""
    return np.random.default_rng([seed, crc32(name.encode())])


def member(mean: Floats, scale: Floats, positive: bool, rng: np.random.Generator) -> Floats:
    """Draws of a new member of a population, given draws of its mean and scale, all of one shape."""
    deviation = scale * rng.standard_normal(mean.shape)
    return np.asarray(mean * np.exp(deviation) if positive else mean + deviation)


def new_task(y: Floats, task: Ints, method: Ints, usual: Spread, rng: np.random.Generator) -> Floats:
    """Draws of a quantity for a new task, given those of the fitted cells.

    Parameters
    ----------
    y : float array, shape (S, n)
        Draws for n cells, on an unbounded scale.
    task, method : int array, shape (n,)
        Indices of T tasks and M methods, each of which occurs.
    usual : Spread
        Prior scale of the two standard deviations.
    rng : Generator

    Returns
    -------
    float array, shape (S, M)
    """
    draws, n_tasks, n_methods = y.shape[0], task.max() + 1, method.max() + 1
    of_method, of_task = np.eye(n_methods)[method], np.eye(n_tasks)[task]
    design = np.column_stack([of_method, of_task])
    fit = y @ np.linalg.pinv(design).T
    residual = y - fit @ design.T
    spare = task.size - int(np.linalg.matrix_rank(design))
    average = fit[:, n_methods:].mean(axis=1, keepdims=True)
    mean, between = fit[:, :n_methods] + average, fit[:, n_methods:] - average
    s_task = _scale(np.sum(between**2, axis=1), n_tasks - 1, usual.task, rng)
    s_own = _scale(np.sum(residual**2, axis=1), spare, usual.own, rng)
    of_new = s_task * np.sqrt(1.0 + 1.0 / n_tasks) * rng.standard_normal((draws, 1))
    count = of_method.sum(axis=0)
    own = s_own * np.sqrt(1.0 + 1.0 / count) * rng.standard_normal((draws, n_methods))
    return np.asarray(mean + of_new + own)


def _scale(squares: Floats, df: int, usual: float, rng: np.random.Generator) -> Floats:
    """Draws of a standard deviation from its posterior, shape (S, 1)."""
    total = squares + PRIOR_DF * usual**2
    return np.asarray(np.sqrt(total / rng.chisquare(df + PRIOR_DF, size=squares.size)))[:, None]
