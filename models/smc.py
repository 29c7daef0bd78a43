r"""Sequential Monte Carlo by tempering: thousands of particles from a wide guess to the posterior.

Particles start from a normal reference :math:`q` and pass through :math:`q^{1-t} \, \pi^t` for t from 0 to 1 (Neal
2001; Del Moral, Doucet and Jasra 2006). Each t is as far ahead as leaves most of the particles effective; they are
resampled and moved by random-walk Metropolis steps shaped by their own covariance. Independent populations play the
part of chains. One compiled program serves every data set of one shape, which is the point: compiling NUTS costs ten
seconds for each small problem, a population less than one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from bayes_scaling.models.layout import Floats

LogDensity = Callable[[Array, Any], Array]
EFFECTIVE = 0.7  # share of effective particles that a step of t may leave
STAGES = 200  # at most
SWEEPS = 20  # Metropolis steps of every particle at each t
LAST_SWEEPS = 240  # at t = 1
BISECTIONS = 30
WANTED_ACCEPTANCE = 0.25


class Population(NamedTuple):
    """Particles on their way: z (N, d), log target and log reference (N,), t, step size and log evidence."""

    key: Array
    z: Array
    log_target: Array
    log_reference: Array
    t: Array
    scale: Array
    log_evidence: Array
    acceptance: Array
    stages: Array


class Reference(NamedTuple):
    """A normal with mean (d,) and standard deviation (d,) that particles start from.

    ``normal`` (d,) is 1 for coordinates that are about standard normal under the posterior too: they are renewed by
    steps that leave that normal alone (Neal 1999; Cotter et al. 2013), however many they are.
    """

    mean: Floats
    sd: Floats
    normal: Floats


def temper(
    log_density: LogDensity, key: Array, reference: Reference, data: Any, particles: int, effort: int | Array = 1
) -> Population:
    """One population at the posterior; pure JAX, to be compiled and mapped over keys.

    ``effort`` multiplies the Metropolis steps, without another compilation.
    """
    mean, sd = jnp.asarray(reference.mean), jnp.asarray(reference.sd)

    def evaluate(z: Array) -> tuple[Array, Array]:
        log_target = jax.vmap(lambda one: log_density(one, data))(z)
        log_reference = jnp.sum(jax.scipy.stats.norm.logpdf(z, mean, sd), axis=1)
        return jnp.where(jnp.isfinite(log_target), log_target, -jnp.inf), log_reference

    def stage(p: Population) -> Population:
        ratio = jnp.where(jnp.isfinite(p.log_target), p.log_target - p.log_reference, -jnp.inf)
        step = _step(ratio, 1.0 - p.t)
        log_weight = step * ratio
        key, of_choice, of_moves = jax.random.split(p.key, 3)
        chosen = _resample(of_choice, log_weight)
        gained = jax.scipy.special.logsumexp(log_weight) - jnp.log(particles)
        t = jnp.where(p.t + step >= 1.0 - 1e-9, 1.0, p.t + step)
        moved = p._replace(
            key=key,
            z=p.z[chosen],
            log_target=p.log_target[chosen],
            log_reference=p.log_reference[chosen],
            t=t,
            log_evidence=p.log_evidence + gained,
            stages=p.stages + 1,
        )
        return _sweep(evaluate, moved, jnp.asarray(reference.normal), of_moves, effort * SWEEPS)

    key, of_start, of_last = jax.random.split(key, 3)
    z = mean + sd * jax.random.normal(of_start, (particles, mean.shape[0]))
    zero = jnp.zeros(())
    start = Population(key, z, *evaluate(z), zero, zero + 1.0, zero, zero, zero)
    at_one = jax.lax.while_loop(lambda p: (p.t < 1.0) & (p.stages < STAGES), stage, start)
    return _sweep(evaluate, at_one, jnp.asarray(reference.normal), of_last, effort * LAST_SWEEPS)


def _sweep(
    evaluate: Callable[[Array], tuple[Array, Array]], p: Population, normal: Array, key: Array, sweeps: int | Array
) -> Population:
    """Metropolis steps of every particle: a random walk shaped by the covariance of all, renewal of the normal ones."""
    walks = 1.0 - normal
    covariance = jnp.cov(p.z, rowvar=False).reshape(p.z.shape[1], -1) * jnp.outer(walks, walks)
    factor = jnp.linalg.cholesky(covariance + 1e-10 * jnp.eye(p.z.shape[1]))

    def one(i: Array, p: Population) -> Population:
        of_step, of_size, of_renewal, of_choice = jax.random.split(jax.random.fold_in(key, i), 4)
        standard = jax.random.normal(of_step, p.z.shape)
        size = p.scale * jnp.exp(0.7 * jax.random.normal(of_size, (p.z.shape[0], 1)))  # some bold, some timid
        renewal = jax.random.uniform(of_renewal, (p.z.shape[0], 1))
        renewed = jnp.sqrt(1.0 - renewal**2) * p.z + renewal * standard
        proposed = jnp.where(normal > 0, renewed, p.z + size * (standard @ factor.T))
        log_target, log_reference = evaluate(proposed)
        gain = p.t * (log_target - p.log_target) + (1.0 - p.t) * (log_reference - p.log_reference)
        gain = gain + ((proposed**2 - p.z**2) @ normal) / 2
        accept = jnp.log(jax.random.uniform(of_choice, gain.shape)) < gain
        rate = jnp.mean(accept, dtype=p.scale.dtype)
        return p._replace(
            z=jnp.where(accept[:, None], proposed, p.z),
            log_target=jnp.where(accept, log_target, p.log_target),
            log_reference=jnp.where(accept, log_reference, p.log_reference),
            scale=p.scale * jnp.exp(0.5 * (rate - WANTED_ACCEPTANCE)),
            acceptance=rate,
        )

    reached: Population = jax.lax.fori_loop(0, sweeps, one, p)
    return reached


def _step(ratio: Array, most: Array) -> Array:
    """The largest step of t that leaves the wanted share of effective particles."""
    particles = ratio.shape[0]

    def effective(step: Array) -> Array:
        weight = jax.nn.softmax(step * ratio)
        return 1.0 / (particles * jnp.sum(weight**2))

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = (low + high) / 2
        enough = effective(middle) >= EFFECTIVE
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

    low, _ = jax.lax.fori_loop(0, BISECTIONS, halve, (jnp.zeros(()), most))
    return jnp.where(effective(most) >= EFFECTIVE, most, jnp.maximum(low, 1e-6))


def _resample(key: Array, log_weight: Array) -> Array:
    """Systematic resampling: indices of the particles that go on."""
    n = log_weight.shape[0]
    edges = jnp.cumsum(jax.nn.softmax(log_weight))
    places = (jnp.arange(n) + jax.random.uniform(key)) / n
    return jnp.minimum(jnp.searchsorted(edges, places), n - 1)
