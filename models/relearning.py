r"""A better scale from a few early draws and their gradients.

Coordinates standardised at the mode serve where the posterior is about as wide as the curvature there says. Where
scales of effects and drift move far from the mode it is not, and trees grow to hundreds of steps. Draws y of the
warm-up and the potential's gradients g there tell better: of a normal posterior with covariance :math:`\Sigma`, cov(y)
is :math:`\Sigma` and cov(g) its inverse, and the positive definite solution of

.. math:: \Sigma \operatorname{cov}(g) \Sigma = \operatorname{cov}(y),

the geometric mean of the one and the other's inverse, is the normal nearest to the posterior in Fisher divergence, as
in nutpie (Seyboldt, Carlson and Carpenter 2026). It needs far fewer draws than a covariance does.
"""

from typing import NamedTuple

import numpy as np

from bayes_scaling.models.laplace import Normal
from bayes_scaling.models.layout import Floats

SHRINKAGE = 0.05  # towards the diagonal scale, in units of its variance


class Scale(NamedTuple):
    """Centre m, shape (d,), and lower factor L, shape (d, d): y = m + L x with x closer to standard normal than y."""

    centre: Floats
    factor: Floats

    def inverse(self, y: Floats) -> Floats:
        """x for rows of y, shape (n, d)."""
        return np.asarray(np.linalg.solve(self.factor, (y - self.centre).T).T)

    def after(self, normal: Normal) -> Normal:
        """The map from x to z, for one from y to z."""
        return Normal(normal.mean + normal.factor @ self.centre, normal.factor @ self.factor)


def learned_scale(y: Floats, gradient: Floats) -> Scale:
    """Scale of draws and of the potential's gradients at them, both shape (n, d)."""
    of_y, of_gradient = (np.cov(values, rowvar=False) for values in (y, gradient))
    diagonal = (np.diag(of_y) / np.diag(of_gradient)) ** 0.25  # standard deviations, alike by draws and by gradients
    shrunk = SHRINKAGE * np.eye(diagonal.size)
    sigma = _geometric_mean(
        of_y / np.outer(diagonal, diagonal) + shrunk, of_gradient * np.outer(diagonal, diagonal) + shrunk
    )
    return Scale(y.mean(axis=0), diagonal[:, None] * np.linalg.cholesky(sigma))


def _geometric_mean(a: Floats, b: Floats) -> Floats:
    """X with X b X = a, for positive definite a and b."""
    root = _power(b, 0.5)
    inverse = _power(b, -0.5)
    mean = inverse @ _power(root @ a @ root, 0.5) @ inverse
    return np.asarray((mean + mean.T) / 2)


def _power(matrix: Floats, exponent: float) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values**exponent) @ vectors.T)
