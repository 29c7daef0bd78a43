"""Statistics of one (task, method) that a wrong model gets wrong, of measured and of replicated runs alike.

Each takes standardised residuals, shape (S, n), one row a draw, and returns S values. A residual is that of log loss
from the expected loss (base effect and drift included) over the scale of the noise.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

from bayes_scaling.checks import breaks
from bayes_scaling.models.layout import Floats, Ints

FEWEST = 3  # pairs of neighbours that say something
HEAVIEST = 4.0  # degrees of freedom of the heaviest tails that are still no outliers
ENDS = "the law misses an end of the data: compare laws by bs.compare_laws"
UNEVEN = "the noise depends on D_f, and bands are too narrow on its noisy side: fit fewer small D_f, or give loss_se"
BENT = "the law bends where the runs do not: compare laws, or let it drift by JointLaw(discrepancy=True)"

STEPS = "something changed between two D_f (a setting, a metric, the texts): fit its two sides apart, or mend the runs"
BANDS = "runs of two kinds share this table (units, metrics, settings): tell them apart by task or method"


class Statistic(NamedTuple):
    """A statistic of residuals; ``two_sided`` where a value too small is as wrong as one too large."""

    name: str
    of: Callable[[Floats], Floats]
    two_sided: bool
    advice: str


def of_cell(log_d: Floats, group: Ints, log_mean: Floats, scale: Floats) -> list[Statistic]:
    """The statistics that the runs of one (task, method) allow.

    Parameters
    ----------
    log_d : float array, shape (n,)
    group : int array, shape (n,)
        Equal for runs that differ in D_f only.
    log_mean, scale : float arrays, shape (S, n)
        Of log loss under every draw.
    """
    found = [
        Statistic("smallest loss", lambda r: np.min(log_mean + scale * r, axis=1), True, ENDS),
        Statistic("largest loss", lambda r: np.max(log_mean + scale * r, axis=1), True, ENDS),
    ]
    here, after = neighbours(log_d, group)
    middle, centre = (log_d[here] + log_d[after]) / 2, np.median(log_d)
    small, large = np.flatnonzero(middle < centre), np.flatnonzero(middle > centre)
    if min(small.size, large.size) >= FEWEST:
        of = _spread((here[small], after[small]), (here[large], after[large]))
        found.append(Statistic("noise at small D_f over large D_f", of, True, UNEVEN))
    if here.size >= FEWEST:
        found.append(Statistic("likeness of residuals of neighbouring D_f", _likeness(here, after), False, BENT))
    bend = curvature(log_d, group)
    if np.any(bend):
        found.append(Statistic("curvature of residuals along D_f", _along(bend), False, BENT))
    return found + _breaks(log_d, group, log_mean, scale)


def _breaks(log_d: Floats, group: Ints, log_mean: Floats, scale: Floats) -> list[Statistic]:
    """Statistics of :mod:`bayes_scaling.checks.breaks`, of log losses in place of residuals."""
    smooth = breaks.curve(log_d, group)
    if smooth is None:
        return []
    bands, step = breaks.two_bands(smooth), breaks.step(log_d, smooth)
    found = [Statistic("two bands of losses", lambda r: bands(log_mean + scale * r), False, BANDS)]
    if step is not None:
        found.append(Statistic("a step along D_f", lambda r: step(log_mean + scale * r), False, STEPS))
    return found


def curvature(log_d: Floats, group: Ints) -> Floats:
    """Unit vector along which a parabola in log D_f, the same in every group, leaves straight lines, shape (n,).

    Zero where no group has four D_f.
    """
    bend = np.zeros(log_d.size)
    for g in np.unique(group):
        where = np.flatnonzero(group == g)
        x = log_d[where] - log_d[where].mean()
        if np.unique(x).size > FEWEST:
            line = np.column_stack([np.ones(x.size), x])
            bend[where] = x**2 - line @ np.linalg.lstsq(line, x**2, rcond=None)[0]
    length = np.sqrt(np.sum(bend**2))
    return bend / length if length > 0 else bend


def neighbours(log_d: Floats, group: Ints) -> tuple[Ints, Ints]:
    """Indices of runs and of the next larger D_f in the same group."""
    order = np.lexsort((log_d, group))
    same = group[order][1:] == group[order][:-1]
    return order[:-1][same], order[1:][same]


def _spread(small: tuple[Ints, Ints], large: tuple[Ints, Ints]) -> Callable[[Floats], Floats]:
    """Log ratio of the noise in two sets of pairs, by differences, in which a law that is off cancels (Rice 1984)."""

    def size(r: Floats, pairs: tuple[Ints, Ints]) -> Floats:
        return np.asarray(np.mean(np.abs(r[:, pairs[0]] - r[:, pairs[1]]), axis=1))

    return lambda r: np.log(size(r, small) / size(r, large))


def _likeness(here: Ints, after: Ints) -> Callable[[Floats], Floats]:
    """Lag-one correlation along D_f; residuals scatter about zero, so no mean is taken off."""

    def correlation(r: Floats) -> Floats:
        return np.asarray(np.sum(r[:, here] * r[:, after], axis=1) / np.sum(r**2, axis=1))

    return correlation


def _along(bend: Floats) -> Callable[[Floats], Floats]:
    """Share of the residuals' sum of squares that lies along a direction."""
    return lambda r: (r @ bend) ** 2 / np.sum(r**2, axis=1)


def p_outlier(residuals: Floats, nu: Floats) -> float:
    """Probability that the largest of n residuals is as large as the one seen.

    The tails of the noise are learned: one wild run makes them heavy and then looks at home in them. So the reference
    is the learned Student-t, but never one heavier than with 4 degrees of freedom.

    Parameters
    ----------
    residuals : float array, shape (S, n)
    nu : float array, shape (S, 1)
    """
    tail = 2 * student_t.sf(np.abs(residuals).max(axis=1), np.maximum(nu[:, 0], HEAVIEST))
    return float(np.mean(-np.expm1(residuals.shape[1] * np.log1p(-np.minimum(tail, 1 - 1e-12)))))
