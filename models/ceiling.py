r"""A bounded error metric has a ceiling C as well as a floor: the loss of knowing nothing, such as chance.

The law, base effects and drift together give an unbounded loss :math:`U`, which the ceiling saturates:

.. math:: L = \frac{U}{1 + U / C}, \qquad \frac{L}{1 - L / C} = U, \qquad
          \frac{L - \varepsilon_\infty}{C - L} = \frac{A D_f^{-\beta}}{C + E}.

The last equation is that of Alabdulmohsin, Neyshabur and Zhai (2022, arXiv 2209.06640, "M4") with their exponent at
one, for the law :math:`U = A D_f^{-\beta} + E` with its floor :math:`\varepsilon_\infty = E / (1 + E / C)`. On log odds
of the loss everything is as it is on log loss without a ceiling, which is the limit of an infinite C.

The noise stays on log loss: a run of few test examples, or one that learned the wrong thing, can be worse than chance.
"""

from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.models.layout import Floats, Problem, RowArrays

Values = TypeVar("Values", Array, Floats)
HIGHEST = 0.95  # share of the ceiling from which on a measured loss is taken for no higher, where a start is needed


def saturate(log_mean: Values, rows: RowArrays) -> Values:
    """Log of the expected loss from log of the unbounded one, shape (..., n); unchanged where there is no ceiling."""
    if not rows.bounded:
        return log_mean
    xp = np if isinstance(log_mean, np.ndarray) else jnp
    saturated: Values = -xp.logaddexp(-log_mean, -rows.log_ceiling[:, 0])
    return saturated


def saturated_residual(residual: Array, loss: Array | Floats, rows: RowArrays) -> Array:
    """Log loss less the expected one, from log loss less the log of the unbounded one, shape (n,)."""
    if not rows.bounded:
        return residual
    log_loss = jnp.log(jnp.asarray(loss))
    return log_loss - saturate(log_loss - residual, rows)


def unbounded(loss: Floats, log_ceiling: Floats) -> Floats:
    """Where measured losses stand without their ceilings, shape (n,); one near or above it counts as near it."""
    return np.asarray(loss / response(loss, log_ceiling))


def response(loss: Floats, log_ceiling: Floats) -> Floats:
    """How far log loss follows the log of the unbounded loss: 1 - L / C, which is 1 without a ceiling, shape (n,)."""
    return np.asarray(1.0 - np.minimum(loss * np.exp(-log_ceiling), HIGHEST))


def steepness(level: Floats, log_ceiling: Floats) -> Floats:
    """How many times as steep as log loss the log of the unbounded loss U is, 1 / (1 - L / C), shape (n,)."""
    return np.asarray(1.0 + level * np.exp(-log_ceiling))


def log_level(problem: Problem) -> Floats:
    """Log of each measured loss as it stands without its ceiling, shape (n,)."""
    return np.asarray(np.log(unbounded(problem.loss, _of_rows(problem))))


def log_response(problem: Problem) -> Floats:
    """:func:`response` of each measured loss, shape (n,)."""
    return response(problem.loss, _of_rows(problem))


def told_response(problem: Problem) -> Array:
    """:func:`log_response` where a compiled program is told the losses."""
    if not problem.rows.bounded:
        return jnp.ones(())
    return 1.0 - jnp.minimum(jnp.asarray(problem.loss) * jnp.exp(-jnp.asarray(problem.rows.log_ceiling[:, 0])), HIGHEST)


def _of_rows(problem: Problem) -> Floats:
    rows = problem.rows
    return rows.log_ceiling[:, 0] if rows.bounded else np.full(problem.loss.size, np.inf)
