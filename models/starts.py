"""Where the sampler starts, read off the data and the middle of the priors."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from numpyro.distributions import biject_to, constraints

from bayes_scaling.models.ceiling import log_level
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.joint import COMMON, DRIFT, EFFECT, FAMILY, SLOPE, SLOPE_COMMON
from bayes_scaling.models.layout import SCALAR_FAMILIES, Floats, Problem
from bayes_scaling.models.pooled_coordinates import members_start
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.prior_spec import USUAL_DRAWS, PriorSpec, stack
from bayes_scaling.models.priors import Site
from bayes_scaling.models.repeats import means_of

HELD = (*SCALAR_FAMILIES, "alpha_scale")


def base_errors(problem: Problem) -> Floats:
    """Standard error of the mean log loss of each base effect's runs about curves through the data, shape (H,)."""
    n = problem.layout.n_effects
    columns = [np.eye(n)[problem.effect], problem.rows.log_d[:, None], problem.rows.log_x]
    means = means_of(problem)
    squares, spare = means.regression(np.concatenate(columns, axis=1))
    noise = np.sqrt(squares / max(spare, 1))
    return np.asarray(noise / np.sqrt(np.bincount(problem.effect, means.runs, minlength=n)))


def start(c: Coordinates) -> Floats:
    """One point z in a sensible place, shape (d,)."""
    blocks = {site.name: _site_start(c, site) for site in c.free_sites}
    if c.model.base_effects:
        blocks[COMMON] = np.zeros(c.problem.layout.n_commons)
        blocks[EFFECT] = np.zeros(c.problem.layout.n_effects)
        blocks[FAMILY] = np.zeros(len(c.problem.layout.families.family))
    if c.model.base_slopes:
        slopes = c.problem.layout.slopes
        blocks[SLOPE], blocks[SLOPE_COMMON] = np.zeros(slopes.effect.size), np.zeros(slopes.common.size)
    if c.model.discrepancy:
        blocks[DRIFT] = np.zeros(c.problem.layout.drift.knot.size)
    return np.concatenate([blocks[name] for name, _ in c.blocks])


def held(c: Coordinates) -> NDArray[np.bool_]:
    """Coordinates to keep still while the mode is looked for: in natural ones the scales, and what only they scale.

    There the joint mode sits at scales of zero. Conditioned effects are standardised given their scales, so that
    theirs is where the mass is.
    """
    family = {site.name: site.family for site in c.free_sites}
    scaled = (COMMON, SLOPE_COMMON, FAMILY)
    flags = [np.full(n, not c.conditioned and (name in scaled or family.get(name) in HELD)) for name, n in c.blocks]
    return np.concatenate(flags)


def _site_start(c: Coordinates, site: Site) -> Floats:
    if isinstance(site, PooledSite):
        return members_start(c, site)
    if site.name in c.standardised_means:
        return np.zeros(len(site.index))
    if c.losses_coupled and site.family == "reducible":
        amplitude = c.problem.rows.amplitude
        every = np.repeat(log_level(c.problem), amplitude.shape[1])
        weight = c.problem.rows.active.ravel() if c.model.law.amplitude_per_factor else None
        level = _mean_by(every, amplitude.ravel(), c.problem.layout.n_amplitudes, weight)
        return level[list(site.index)]
    if c.losses_coupled and site.family in ("E", "data_term"):
        return np.zeros(len(site.index))
    return np.array([_middle(spec) for spec in site.specs])


@lru_cache(maxsize=256)
def _middle(spec: PriorSpec) -> float:
    """A prior's median, where the sampler has it."""
    return float(unbounded(spec, np.median(spec.sample(), keepdims=True))[0])


@lru_cache(maxsize=256)
def prior_spread(spec: PriorSpec, shared: bool, draws: int = USUAL_DRAWS) -> Floats:
    """Median and central 68 % of a prior in its unbounded coordinate, of an exponent times any share, shape (3,)."""
    values = spec.sample(draws)
    share = np.random.default_rng(0).uniform(0.05, 1.0, values.size) if shared else 1.0
    return np.asarray(np.quantile(unbounded(spec, values * share), [0.1587, 0.5, 0.8413]))


@in_float64  # what is kept must not depend on who asks first
def unbounded(spec: PriorSpec, values: Floats) -> Floats:
    """Values of a parameter in the unbounded coordinate of its prior's support, shape (n,)."""
    support = stack([spec]).support
    if support is constraints.nonnegative:
        support = constraints.positive
    return np.asarray(biject_to(support).inv(jnp.asarray(values)), dtype=np.float64)


def _mean_by(values: Floats, index: NDArray[np.int64], n: int, weight: Floats | None = None) -> Floats:
    weight = np.ones(values.size) if weight is None else weight
    count = np.bincount(index, weight, minlength=n)
    return np.asarray(np.bincount(index, values * weight, minlength=n) / np.maximum(count, 1))
