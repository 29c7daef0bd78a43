r"""How far reality leaves a law: a slope that drifts with the distance in log D_f.

No law is true. Along :math:`x = \log(D_f / D_0)` a cell's log loss leaves it by :math:`\delta(x)`, whose slope is a
random walk that starts at the centre of the data and goes outwards on either side:

.. math:: \delta(0) = \delta'(0) = 0, \qquad d\delta' = \tau \, dW, \qquad
          \operatorname{var} \delta(x) = \tau^2 |x|^3 / 3.

It is the Gaussian process behind cubic smoothing splines (Wahba 1978; Wecker and Ansley 1983) with the law as its
mean: small where the law was measured, and growing with the distance from it. A few knots stand for the walk; what
lies beyond the last measured size is drawn when a point there is predicted. The scale :math:`\tau` is learned from
how the runs bend about the law. Past the last measured size it need not be what it was: there the walk is a Student-t
process (Shah, Wilson and Ghahramani 2014), one factor for each side of a cell, so that a law that held well may still
break.

The scale :math:`\tau` is of log loss. Where a ceiling flattens the law (:mod:`bayes_scaling.models.ceiling`) the drift
of what it flattens is as many times larger as that is steeper at the cell's median loss: ``1 / (1 - L / C)`` times.
"""

import numpy as np

from bayes_scaling.models.layout import Drift, Floats, Ints

KNOTS = 4  # on either side of the centre of a cell's D_f
BEYOND = 0.5 * np.log(2.0)  # stretch of log D_f between two knots outside the measured range
BEYOND_DF = 3.0  # tails of what happens there


def make(cell: Ints, log_d: Floats, steepness: Floats) -> Drift:
    r"""Knots of every cell from its rows' centred log D_f.

    They are the nodes of Gauss-Legendre quadrature from the centre to either edge, and a knot's variance is its weight:
    the sum over the knots is then :math:`\tau^2 \int (x - t)^2 dt` exactly, at the edge and everywhere beyond it.

    Parameters
    ----------
    cell : int array, shape (n,)
    log_d : float array, shape (n,)
    steepness : float array, shape (C,)
        :attr:`Drift.steepness`.
    """
    nodes, weights = np.polynomial.legendre.leggauss(KNOTS)  # on [-1, 1]
    n_cells = steepness.size
    edge = np.array([[log_d[cell == c].min(), log_d[cell == c].max()] for c in range(n_cells)])
    half = np.abs(edge)[:, :, None] / 2
    places = half * (1 + nodes)
    side = np.broadcast_to(np.array([-1.0, 1.0])[None, :, None], places.shape)
    return Drift(
        cell=np.repeat(np.arange(n_cells), 2 * KNOTS),
        knot=(side * places).ravel(),
        side=side.ravel().copy(),
        step=(steepness[:, None, None] * np.sqrt(half * weights)).ravel(),
        edge=edge,
        steepness=steepness,
    )


def basis(drift: Drift, cell: Ints, log_d: Floats) -> Floats:
    """What a unit change of slope at each knot adds to each row's log loss over the scale, shape (n, U)."""
    reach = np.maximum(drift.side * (log_d[:, None] - drift.knot), 0.0)
    return np.asarray(np.where(cell[:, None] == drift.cell, drift.step * reach, 0.0))


def beyond(drift: Drift, cell: int, log_d: Floats, changes: Floats, side: float) -> Floats:
    """Drift that happens outside the measured range, over the scale.

    Parameters
    ----------
    drift : Drift
    cell : int
    log_d : float array, shape (n,)
    changes : float array, shape (S, knots)
        Standardised changes of slope, one for each :data:`BEYOND` of log D_f past the edge.
    side : {-1.0, 1.0}

    Returns
    -------
    float array, shape (S, n)
        Zero for rows inside the range.
    """
    outside = side * (log_d - drift.edge[cell, int(side > 0)])
    knots = (np.arange(changes.shape[1]) + 0.5) * BEYOND
    step = drift.steepness[cell] * np.sqrt(BEYOND)
    return np.asarray(changes @ (step * np.maximum(outside[None, :] - knots[:, None], 0.0)))


def knots_beyond(drift: Drift, cell: int, log_d: Floats, side: float) -> int:
    """How many changes of slope lie between the edge of the measured range and the farthest row."""
    outside = side * (log_d - drift.edge[cell, int(side > 0)])
    return int(np.ceil(max(float(np.max(outside, initial=0.0)), 0.0) / BEYOND))


def kinks(drift: Drift, cell: int, log_d: Floats) -> Floats:
    """Centred log D_f at which a cell's drift changes its slope, as far as the outermost of some rows."""
    beyond_edge = [
        drift.edge[cell, int(side > 0)] + side * (np.arange(knots_beyond(drift, cell, log_d, side)) + 0.5) * BEYOND
        for side in (-1.0, 1.0)
    ]
    return np.sort(np.concatenate([drift.knot[drift.cell == cell], *beyond_edge]))
