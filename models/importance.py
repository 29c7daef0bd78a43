r"""Adaptive importance sampling: weighted independent points from a density of a few coordinates, and its integral.

A mixture of Student-t distributions starts from the curvature at the mode and is fitted to its own weighted points a
few times (population Monte Carlo; Cappe et al. 2008, arXiv 0710.4242). Points from the last mixture are independent,
and their weights say exactly how far the mixture is off: the mean weight is the density's integral, and the Pareto
shape of the largest (Vehtari et al. 2024, arXiv 1507.02646) whether either can be trusted.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from bayes_scaling.models import mixture
from bayes_scaling.models.smc import Reference

LogDensity = Callable[[Array, Any], Array]
CLIMBS = 60  # Newton steps to the mode
STEP = 1e-5  # of the reference's scales, for the Hessian's differences
STAGES = 4  # fits of the mixture
TRIAL = 1000  # points of each
COMPONENTS = 8
FEWEST = 200.0  # effective points that a fit of the mixture needs
HALVINGS = 25
LOOSEST = 1.0  # standard deviation of a direction without curvature, over the reference's


class Weighted(NamedTuple):
    """Points z (n, d), the log target at each and its log over the proposal's density (n,)."""

    z: Array
    log_target: Array
    log_weight: Array


def sample(log_density: LogDensity, key: Array, reference: Reference, data: Any, points: int) -> Weighted:
    """Weighted points of one density; pure JAX, to be compiled and mapped over densities.

    Parameters
    ----------
    log_density : callable
        ``(z, data)`` -> log density, not normalised.
    key : Array
    reference : Reference
        Where to start looking for the mode, and the scale of each coordinate.
    data : pytree
    points : int
    """
    centre, scale = jnp.asarray(reference.mean), jnp.asarray(reference.sd)
    d = centre.shape[0]

    def standardised(u: Array) -> Array:
        value = log_density(centre + scale * u, data)
        return jnp.where(jnp.isfinite(value), value, -jnp.inf)

    mode, factor = _climb(standardised, jnp.zeros(d))
    log_volume: Array = jnp.sum(jnp.log(scale)) + jnp.linalg.slogdet(factor)[1]

    def whitened(y: Array) -> Array:
        log_target: Array = jax.vmap(lambda one: standardised(mode + factor @ one))(y)
        return log_target + log_volume

    def weigh(proposal: mixture.Mixture, key: Array, n: int) -> Weighted:
        y = mixture.draw(proposal, key, n)
        log_target = whitened(y)
        return Weighted(y, log_target, log_target - mixture.log_density(proposal, y))

    def refit(i: Array, proposal: mixture.Mixture) -> mixture.Mixture:
        of_points, of_fit = jax.random.split(jax.random.fold_in(key, i))
        trial = weigh(proposal, of_points, TRIAL)
        return mixture.fit(trial.z, _tempered(trial.log_weight), of_fit, COMPONENTS)

    proposal = jax.lax.fori_loop(0, STAGES, refit, mixture.around(jnp.zeros(d), jnp.eye(d), COMPONENTS))
    last = weigh(proposal, jax.random.fold_in(key, STAGES), points)
    return Weighted(centre + scale * (mode + last.z @ factor.T), last.log_target - log_volume, last.log_weight)


def _climb(log_density: Callable[[Array], Array], start: Array) -> tuple[Array, Array]:
    """The mode by damped Newton steps, and the square root of the inverse curvature there."""
    moves = STEP * jnp.concatenate([jnp.eye(start.size), -jnp.eye(start.size), jnp.zeros((1, start.size))])
    gradients = jax.vmap(jax.grad(log_density))

    def slopes(u: Array) -> tuple[Array, Array, Array]:
        """The gradient, and eigenvalues and eigenvectors of minus the Hessian, by differences: quick to compile."""
        up, down, here = jnp.split(_finite(gradients(u + moves)), [start.size, 2 * start.size])
        hessian = (up - down) / (2.0 * STEP)
        return here[0], *jnp.linalg.eigh(-(hessian + hessian.T) / 2.0)

    def step(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        u, value, damping = state
        gradient, curvature, vectors = slopes(u)
        moved = u + vectors @ ((vectors.T @ gradient) / (jnp.abs(curvature) + damping))
        reached = log_density(moved)
        better = reached > value
        return (
            jnp.where(better, moved, u),
            jnp.where(better, reached, value),
            jnp.clip(jnp.where(better, damping / 4.0, damping * 4.0), 1e-6, 1e12),
        )

    mode, _, _ = jax.lax.fori_loop(0, CLIMBS, step, (start, log_density(start), jnp.ones(())))
    _, curvature, vectors = slopes(mode)
    return mode, vectors / jnp.sqrt(jnp.maximum(curvature, LOOSEST**-2))


def _finite(values: Array) -> Array:
    return jnp.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _tempered(log_weight: Array) -> Array:
    """Weights that sum to one, to the highest power up to one that leaves enough effective points."""
    log_weight = jnp.where(jnp.isfinite(log_weight), log_weight, -1e300)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = (low + high) / 2
        enough = _effective(middle * log_weight) >= FEWEST
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

    low, _ = jax.lax.fori_loop(0, HALVINGS, halve, (jnp.zeros(()), jnp.ones(())))
    power = jnp.where(_effective(log_weight) >= FEWEST, 1.0, low)
    return jax.nn.softmax(power * log_weight)


def _effective(log_weight: Array) -> Array:
    return 1.0 / jnp.sum(jax.nn.softmax(log_weight) ** 2)
