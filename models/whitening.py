r"""Standardised coordinates: z = mean + D(y) S y, with y about standard normal under the posterior.

S comes from the curvature at the mode. D handles what a fixed scale cannot: how tightly the base LLMs pin the law
depends on how far they scatter about it. So the amplitudes and size exponents of cells with several bases deviate
from the mode in proportion to ``base_scale``, which takes the funnel out of the posterior.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laplace import Normal, ValueAndGradient, laplace
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.starts import base_errors, held, start

BASE_FACTORS = ("model_size", "pretrain_size")


@dataclass(frozen=True, eq=False)
class Whitening:
    """The map from y to z.

    Attributes
    ----------
    normal : Normal
        Mean and S.
    follows : bool array, shape (d,)
        Coordinates whose deviation is proportional to the base scale.
    scale_at : int or None
        Where log base_scale stands in z.
    floor : float
        Standard error of a base's mean run: below it, a smaller base scale pins the law no further.
    """

    normal: Normal
    follows: NDArray[np.bool_]
    scale_at: int | None
    floor: float

    def to_z(self, y: Array) -> tuple[Array, Array]:
        """Coordinates z and the log Jacobian determinant (up to a constant)."""
        told = jnp.asarray(self.normal.mean), jnp.asarray(self.normal.factor), jnp.asarray(self.floor)
        return to_z(y, *told, self.follows, self.scale_at)


def to_z(
    y: Array, mean: Array, factor: Array, floor: Array, follows: NDArray[np.bool_], scale_at: int | None
) -> tuple[Array, Array]:
    """:meth:`Whitening.to_z` with its numbers as arguments."""
    deviation = factor @ y
    if scale_at is None:
        return mean + deviation, jnp.zeros(())
    here, typical = jnp.exp(mean[scale_at] + deviation[scale_at]), jnp.exp(mean[scale_at])
    ratio = jnp.sqrt((here**2 + floor**2) / (typical**2 + floor**2))
    return mean + jnp.where(follows, ratio * deviation, deviation), follows.sum() * jnp.log(ratio)


def followers(c: Coordinates) -> tuple[NDArray[np.bool_], int | None]:
    """Which coordinates follow the base scale, and where its log stands in z; none and None where it is not free."""
    where = c.slices.get("base_scale")
    if where is None or not c.pinned.any():
        return np.zeros(c.size, bool), None
    return _follows(c), where.start


def whiten(c: Coordinates, potential: ValueAndGradient) -> Whitening:
    """Whitening at the mode."""
    follows, scale_at = followers(c)
    floor = 0.0 if scale_at is None else float(np.median(base_errors(c.problem)))
    return Whitening(laplace(potential, start(c), held(c)), follows, scale_at, floor)


def _follows(c: Coordinates) -> NDArray[np.bool_]:
    layout, flags = c.problem.layout, np.zeros(c.size, bool)
    pinned = np.bincount(layout.cell_of_effect, c.pinned, minlength=layout.n_cells) > 0
    of_amplitude: NDArray[np.bool_] = pinned[layout.cell_of_amplitude]
    between_bases = np.isin(np.array(layout.factor_of_term, dtype=str), BASE_FACTORS)
    of_term = pinned[layout.cell_of_term] & between_bases
    for site in c.free_sites:
        if site.family in ("reducible", "alpha") and not isinstance(
            site, PooledSite
        ):  # pooled ones follow by themselves
            wanted = of_amplitude if site.family == "reducible" else of_term
            flags[c.slices[site.name]] = wanted[list(site.index)]
    return flags
