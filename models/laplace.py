"""A normal approximation at the mode: where NUTS starts, and the scale it starts with.

Warm-up from unit scales takes five times the leapfrog steps of the draws that follow; from the curvature at the mode
it takes hardly more. Everything runs on one compiled gradient: L-BFGS to the mode, the Hessian by differences.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
ValueAndGradient = Callable[[Floats], tuple[float, Floats]]
STEP = 1e-5  # of each coordinate's own scale, for the Hessian's central differences
LOOSEST = 1.0  # a direction without curvature gets this standard deviation


class Normal(NamedTuple):
    """Mean, shape (d,), and factor S, shape (d, d): z = mean + S y for a standard normal y."""

    mean: Floats
    factor: Floats


def laplace(potential: ValueAndGradient, start: Floats, held: NDArray[np.bool_]) -> Normal:
    """Normal approximation to exp(-potential).

    Parameters
    ----------
    potential : callable
        z -> (negative log density, its gradient).
    start : float array, shape (d,)
    held : bool array, shape (d,)
        Coordinates to keep at their start, such as the scales of a hierarchy: its joint mode sits at a scale of
        zero, far from where the mass is.
    """
    free = ~held

    def restricted(x: Floats) -> tuple[float, Floats]:
        z = np.where(held, start, 0.0)
        z[free] = x
        value, gradient = potential(z)
        return (value, gradient[free]) if np.isfinite(value) else (1e300, np.zeros(x.size))

    found = minimize(restricted, start[free], jac=True, method="L-BFGS-B", options={"maxiter": 2000, "maxcor": 30})
    mode = start.copy()
    mode[free] = found.x
    return Normal(mode, _factor(_hessian(potential, mode)))


def _hessian(potential: ValueAndGradient, mode: Floats) -> Floats:
    rows = []
    for i in range(mode.size):
        step = np.zeros_like(mode)
        step[i] = STEP
        rows.append((potential(mode + step)[1] - potential(mode - step)[1]) / (2 * STEP))
    hessian = np.nan_to_num(np.array(rows), nan=0.0, posinf=0.0, neginf=0.0)
    return (hessian + hessian.T) / 2


def _factor(hessian: Floats) -> Floats:
    """Symmetric square root of the inverse Hessian, with flat or falling directions given a unit scale."""
    scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(hessian)), LOOSEST**-2))
    values, vectors = np.linalg.eigh(hessian * np.outer(scale, scale))
    return np.asarray(scale[:, None] * vectors / np.sqrt(np.maximum(values, 0.05)))
