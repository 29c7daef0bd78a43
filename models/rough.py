r"""Rough estimates of local slopes and noise, by linear algebra: what pooled parameters are standardised with.

They decide how fast NUTS moves, never what it draws. Per cell, log loss is regressed on log sizes by generalised
least squares under noise, base effects and drift of typical sizes. The slope is then a fixed linear function of
the losses, whose variance follows in closed form from whatever those scales are in a draw.
"""

from typing import NamedTuple

import numpy as np

from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.repeats import means_of

FEWEST_SPARE = 4  # residuals, beside slopes of the bases
WIDEST = 1.0  # sd of a slope about which the runs say nothing


class Slopes(NamedTuple):
    """Slopes of log loss at the centre, of the falling sign, and the parts of their variance.

    Attributes
    ----------
    value : float array, shape (n,)
    noise, base, drift, slope : float array, shape (n,)
        Variance for noise, base effects, drift and slope effects of scale one.
    unknown : float array, shape (n,)
        Variance that no further run of this design would take away.
    """

    value: Floats
    noise: Floats
    base: Floats
    drift: Floats
    slope: Floats
    unknown: Floats


class Rough(NamedTuple):
    """Rough estimates of the families that can be pooled.

    Attributes
    ----------
    alpha, beta : Slopes
        K and C of them.
    log_sigma, spare : float array, shape (C,)
        Log of the residuals' scale, and how many residuals are to spare for it.
    """

    alpha: Slopes
    beta: Slopes
    log_sigma: Floats
    spare: Floats


def rough_estimates(problem: Problem, base_scale: float, drift_scale: float) -> Rough:
    """Rough estimates under typical scales of base effects and drift (zero for a model without)."""
    layout = problem.layout
    alpha, beta = np.zeros((6, layout.n_terms)), np.zeros((6, layout.n_cells))
    log_sigma, spare = np.zeros(layout.n_cells), np.zeros(layout.n_cells)
    for c in range(layout.n_cells):
        log_sigma[c], spare[c] = _residual_scale(problem, c)
        found = _slopes(problem, c, np.exp(log_sigma[c]), base_scale, drift_scale)
        beta[:, c] = found[:, 0]
        for i, k in enumerate(layout.terms_of_cell[c].values()):
            alpha[:, k] = found[:, 1 + i]
    return Rough(Slopes(*alpha), Slopes(*beta), log_sigma, spare)


def _residual_scale(problem: Problem, c: int) -> tuple[float, float]:
    """Log scale of the residuals about a parabola in log D_f with a level a base, and their degrees of freedom.

    With a slope a base too, where runs are left over to tell noise from slopes.
    """
    rows = problem.rows.cell == c
    log_d, bases = problem.rows.log_d[rows], _one_hot(problem.effect[rows])
    common = np.column_stack([bases, log_d, log_d**2, problem.rows.log_x[rows]])
    means = means_of(problem).where(rows)
    for design in (np.column_stack([common, bases * log_d[:, None]]), common):
        squares, spare = means.regression(design)
        if spare >= FEWEST_SPARE:
            break
    spare = max(spare, 1)
    return float(np.log(np.sqrt(squares / spare) + 1e-4)), float(spare)


def _slopes(problem: Problem, c: int, noise: float, base_scale: float, drift_scale: float) -> Floats:
    """Value and parts of variance of the slopes of D_f and of each factor of one cell, shape (6, 1 + factors)."""
    rows = np.flatnonzero(problem.rows.cell == c)
    means = means_of(problem).where(rows)
    base, drift = _one_hot(problem.effect[rows]), problem.rows.drift[rows]
    amplitude = problem.rows.amplitude[rows]
    levels = _one_hot(amplitude[:, 0] if amplitude.shape[1] else np.zeros(rows.size))
    sizes = np.column_stack([-problem.rows.log_d[rows], *(-x for x in _log_sizes(problem, rows, c))])
    design, n = np.column_stack([levels, sizes]), levels.shape[1]
    of_noise = np.diag(1 / np.sqrt(means.runs))
    covariance = noise**2 * of_noise**2 + base_scale**2 * base @ base.T + drift_scale**2 * drift @ drift.T
    weighted = np.linalg.solve(covariance, design).T
    ridge = np.diag(np.r_[np.full(n, 1e-8), np.full(sizes.shape[1], WIDEST**-2)])
    linear = np.linalg.solve(weighted @ design + ridge, weighted)[n:]
    missed = linear @ sizes - np.eye(sizes.shape[1])
    value = linear @ means.level
    slope = value[0] * problem.rows.log_d[rows][:, None] * base
    parts = [linear @ part for part in (of_noise, base, drift, slope)]
    squares = [np.sum(part**2, axis=1) for part in (*parts, WIDEST * missed)]
    return np.stack([value, *squares])


def _log_sizes(problem: Problem, rows: np.ndarray, c: int) -> list[Floats]:
    """Centred log sizes of each factor of a cell."""
    terms = problem.layout.terms_of_cell[c].values()
    return [np.sum(problem.rows.log_x[rows] * (problem.rows.term[rows] == k), axis=1) for k in terms]


def _one_hot(index: np.ndarray) -> Floats:
    return np.asarray(index[:, None] == np.unique(index), dtype=np.float64)
