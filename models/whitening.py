r"""Standardised coordinates: z = mean + D(y) S y, with y about standard normal under the posterior.

S comes from the curvature at the mode. D handles what a fixed scale cannot: how tightly the base LLMs pin the law
depends on how far they scatter about it. So the amplitudes and size exponents of cells with several bases deviate
from the mode in proportion to ``base_scale``, which takes the funnel out of the posterior. An exponent does so as far
as the bases pin it: of bases of nearly one size its width is its prior's, whatever their scatter.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laplace import Normal, ValueAndGradient, laplace
from bayes_scaling.models.layout import Floats
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.starts import base_errors, held, prior_spread, start

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
    loose : float array, shape (d,)
        How far a coordinate is held by its prior and not by the bases, at the mode: 1 where they say nothing of it.
    """

    normal: Normal
    follows: NDArray[np.bool_]
    scale_at: int | None
    floor: float
    loose: Floats

    @property
    def numbers(self) -> "Numbers":
        """What :func:`to_z` is told."""
        return Numbers(*map(jnp.asarray, (self.normal.mean, self.normal.factor, self.floor, self.loose)))

    def to_z(self, y: Array) -> tuple[Array, Array]:
        """Coordinates z and the log Jacobian determinant (up to a constant)."""
        return to_z(y, self.numbers, self.follows, self.scale_at)


class Numbers(NamedTuple):
    """A whitening's mean (d,), factor (d, d), floor and loose (d,)."""

    mean: Array
    factor: Array
    floor: Array
    loose: Array


def to_z(y: Array, told: Numbers, follows: NDArray[np.bool_], scale_at: int | None) -> tuple[Array, Array]:
    """:meth:`Whitening.to_z` with its numbers as arguments."""
    mean, factor, floor, loose = told
    deviation = factor @ y
    if scale_at is None:
        return mean + deviation, jnp.zeros(())
    here, typical = jnp.exp(mean[scale_at] + deviation[scale_at]), jnp.exp(mean[scale_at])
    pinned = (typical**2 + floor**2) / (here**2 + floor**2)
    ratio = jnp.where(follows, 1.0 / jnp.sqrt(loose + (1.0 - loose) * pinned), 1.0)
    return mean + ratio * deviation, jnp.sum(jnp.log(ratio))


def followers(c: Coordinates) -> tuple[NDArray[np.bool_], int | None]:
    """Which coordinates follow the base scale, and where its log stands in z; none and None where it is not free."""
    where = c.slices.get("base_scale")
    if where is None or not c.pinned.any():
        return np.zeros(c.size, bool), None
    return _follows(c), where.start


def whiten(c: Coordinates, potential: ValueAndGradient) -> Whitening:
    """Whitening at the mode."""
    follows, scale_at = followers(c)
    normal = laplace(potential, start(c), held(c))
    if scale_at is None:
        return Whitening(normal, follows, None, 0.0, np.zeros(c.size))
    floor = float(np.median(base_errors(c.problem)))
    loose = _held_by_priors(c, normal.mean, np.exp(normal.mean[scale_at]) ** 2 + floor**2)
    return Whitening(normal, follows, scale_at, floor, loose)


def _held_by_priors(c: Coordinates, mode: Floats, scatter: float) -> Floats:
    """Share of each size exponent's variance that is its prior's where bases scatter so, 0 elsewhere, shape (d,)."""
    shares, spread = np.zeros(c.size), _spread_of_bases(c)
    for site in c.free_sites:
        if site.family != "alpha" or isinstance(site, PooledSite):
            continue
        where = c.slices[site.name]
        slope = np.exp(mode[where]) if site.positive else 1.0  # of log loss along log size, by the coordinate
        said = slope**2 * spread[list(site.index)] / scatter
        low, _, high = np.transpose([prior_spread(spec, shared=False) for spec in site.specs])
        precision = 4.0 / (high - low) ** 2
        shares[where] = precision / (precision + said)
    return shares


def _spread_of_bases(c: Coordinates) -> Floats:
    """Sum of squares of log size over each term's bases, beside what other terms of the cell explain, shape (K,)."""
    rows, layout = c.problem.effect_rows, c.problem.layout
    sizes = np.zeros((layout.n_effects, layout.n_terms))
    np.add.at(sizes, (np.arange(layout.n_effects)[:, None], rows.term), rows.log_x * rows.active)
    spread = np.zeros(layout.n_terms)
    for k, cell in enumerate(layout.cell_of_term):
        bases, others = layout.cell_of_effect == cell, np.flatnonzero(layout.cell_of_term == cell)
        known = np.column_stack([np.ones(bases.sum()), sizes[np.ix_(bases, others[others != k])]])
        left = sizes[bases, k] - known @ np.linalg.lstsq(known, sizes[bases, k], rcond=None)[0]
        spread[k] = left @ left
    return spread


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
