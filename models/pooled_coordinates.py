r"""Coordinates of populations: each member, and each population's mean, as its deviation from what is expected of it.

Let :math:`u_i` be a member (its log, where it is positive), :math:`\hat u_i \pm s_i` what its own runs say of it
(:mod:`bayes_scaling.models.rough`; a slope of log loss, over the reducible share) and :math:`\tau` the populations'
scale. Were all of them normal, then given the rest

.. math:: \mu_g \sim N\Big(\frac{\sum_i \hat u_i / (\tau^2 + s_i^2) + m / v}{P_g}, \frac{1}{P_g}\Big), \quad
          u_i \sim N\Big(k_i \mu_g + (1 - k_i) \hat u_i, k_i \tau^2\Big), \quad k_i = \frac{1}{1 + \tau^2 / s_i^2},

with :math:`P_g` the sum of the weights, m and v mean and variance of the prior of :math:`\mu_g`. Standardised values
of both are sampled: where the runs say little (:math:`\tau \ll s_i`) that is the non-centred form, where they say
much the centred one, and between them each member is as it should be at whatever :math:`\tau` a draw has.
"""

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpyro.distributions import biject_to, constraints

from bayes_scaling.models.gather import take
from bayes_scaling.models.joint import gather_family
from bayes_scaling.models.pooling import PooledSite, is_positive
from bayes_scaling.models.priors import Site
from bayes_scaling.models.rough import Slopes

if TYPE_CHECKING:
    from bayes_scaling.models.coordinates import Coordinates, Families


class Known(NamedTuple):
    """What the runs say of the members on the scale that they are pooled on, shape (n,): centre and variance."""

    centre: Array
    variance: Array


def population(
    c: "Coordinates", family: str, blocks: dict[str, Array], families: "Families", weight: Array | None = None
) -> Array:
    """Add a pooled family and its populations' means; return their log Jacobian.

    Parameters
    ----------
    c : Coordinates
    family : str
    blocks : dict of arrays
        z by block.
    families : dict of arrays
        Everything that comes earlier; the scales are among it.
    weight : Array, optional
        Of each member's exponent in its local slope.
    """
    pooled = [site for site in c.by_family[family] if isinstance(site, PooledSite)]
    known = [_known(c, site, families, weight) for site in pooled]
    log_det = _means(c, pooled, known, blocks, families)
    parts: list[tuple[Site, Array]] = []
    for site, of_site in zip(pooled, known, strict=True):
        value, change = _members(c, site, of_site, blocks[site.name], families)
        parts.append((site, value))
        log_det = log_det + change
    families[family] = gather_family(parts)
    return log_det


def _known(c: "Coordinates", site: PooledSite, families: "Families", weight: Array | None) -> Known:
    at, rough = np.asarray(site.index), c.rough
    if site.family == "sigma":
        return Known(jnp.asarray(rough.log_sigma[at]), jnp.asarray(1.0 / rough.spare[at]))
    slopes: Slopes = getattr(rough, site.family)
    cell = c.problem.layout.cell_of_term[at] if site.family == "alpha" else at
    variance = slopes.noise[at] * take(families["sigma"], cell) ** 2 + slopes.unknown[at]
    for part, scale in (
        (slopes.base, "base_scale"),
        (slopes.base, "family_scale"),
        (slopes.drift, "drift_scale"),
        (slopes.slope, "slope_scale"),
    ):
        if scale in families:
            variance = variance + part[at] * families[scale][0] ** 2
    share = jnp.ones(at.size) if weight is None else take(weight, at)
    if not site.positive:
        return Known(slopes.value[at] / share, variance / share**2)
    slope = jnp.sqrt(jnp.maximum(slopes.value[at], 0.0) ** 2 + variance)
    return Known(jnp.log(slope / share), variance / slope**2)


def _means(
    c: "Coordinates", pooled: list[PooledSite], known: list[Known], blocks: dict[str, Array], families: "Families"
) -> Array:
    """Add the means of one family's populations; return their log Jacobian."""
    sites = c.by_family[pooled[0].mean_family]
    size = sum(len(site.index) for site in sites)
    centre, precision = jnp.zeros(size), jnp.zeros(size)
    for site, of_site in zip(pooled, known, strict=True):
        member = jnp.asarray(np.eye(size)[list(site.group)])
        each = 1.0 / (families[site.scale_family][site.scale_at] ** 2 + of_site.variance)
        centre, precision = centre + (each * of_site.centre) @ member, precision + each @ member
    parts, log_det = [], jnp.zeros(())
    for mean in sites:
        value, change = _mean(mean, _on_log(mean, pooled), centre, precision, blocks)
        parts.append((mean, value))
        log_det = log_det + change
    families[pooled[0].mean_family] = gather_family(parts)
    return log_det


def _on_log(mean: Site, pooled: list[PooledSite]) -> bool:
    return next(site.positive for site in pooled if mean.index[0] in site.group)


def standardised(mean: Site, on_log: bool) -> bool:
    """Whether a population mean's coordinate is its deviation from what is expected of it."""
    support = mean.distribution().support
    return not mean.fixed and (is_positive(mean.specs[0]) if on_log else support is constraints.real)


def _mean(mean: Site, on_log: bool, centre: Array, precision: Array, blocks: dict[str, Array]) -> tuple[Array, Array]:
    if mean.fixed:
        return jnp.asarray(mean.distribution().mean), jnp.zeros(())
    z, at = blocks[mean.name], np.asarray(mean.index)
    if not standardised(mean, on_log):
        transform = biject_to(mean.distribution().support)
        value = transform(z)
        return value, jnp.sum(transform.log_abs_det_jacobian(z, value))
    middle, variance = _prior_moments(mean, on_log)
    total = take(precision, at) + 1.0 / variance
    u = (take(centre, at) + middle / variance) / total + z / jnp.sqrt(total)
    log_det = -jnp.sum(jnp.log(total)) / 2
    return (jnp.exp(u), log_det + jnp.sum(u)) if on_log else (u, log_det)


def _prior_moments(mean: Site, on_log: bool) -> tuple[np.ndarray, np.ndarray]:
    """Median and squared half-width of the central 68 % of each mean's prior, on the log where that is pooled."""
    with jax.ensure_compile_time_eval():  # numbers, also where a program is being traced
        draws = np.array([spec.sample() for spec in mean.specs])
    low, middle, high = np.quantile(np.log(draws) if on_log else draws, [0.1587, 0.5, 0.8413], axis=1)
    return middle, ((high - low) / 2) ** 2


def _members(c: "Coordinates", site: PooledSite, known: Known, z: Array, families: "Families") -> tuple[Array, Array]:
    mean = take(families[site.mean_family], np.asarray(site.group))
    mean = jnp.log(mean) if site.positive else mean
    scale = families[site.scale_family][site.scale_at]
    shrink = 1.0 / (1.0 + scale**2 / known.variance)
    u = shrink * mean + (1.0 - shrink) * known.centre + scale * jnp.sqrt(shrink) * z
    log_det = z.shape[0] * jnp.log(scale) + jnp.sum(jnp.log(shrink)) / 2
    return (jnp.exp(u), log_det + jnp.sum(u)) if site.positive else (u, log_det)


def members_start(c: "Coordinates", site: PooledSite) -> np.ndarray:
    """Where a pooled site starts: as expected of it, or in natural coordinates at the middle of its mean's prior."""
    if c.conditioned:
        return np.zeros(len(site.index))
    middle = np.array([np.median(spec.sample()) for spec in site.specs])
    return np.log(middle) if site.positive else middle


def typical(sites: tuple[Site, ...], family: str) -> float:
    """Prior median of a scale, 0 where the model has none."""
    specs = [spec for site in sites if site.family == family for spec in site.specs]
    with jax.ensure_compile_time_eval():
        return float(sum(np.median(spec.sample()) for spec in specs))
