r"""Mixtures of Student-t distributions, fitted to weighted points: what importance sampling proposes from.

Its means and covariances come from expectation maximisation for normal components (Dempster, Laird and Rubin 1977);
each is then given a Student-t's tails, so that weights stay bounded where the target's tails are normal.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln, logsumexp

TAILS = 4  # degrees of freedom of each component, an even number
ITERATIONS = 12
LENT = 10.0  # points' worth of the overall covariance in each component's
WIDE, WIDE_SHARE = 2.0, 0.1  # standard deviation of the widest component, over the points', and its weight


class Mixture(NamedTuple):
    """Component weights (K,), means (K, d) and lower triangular factors of the scale matrices (K, d, d)."""

    log_weight: Array
    mean: Array
    factor: Array


def around(mean: Array, factor: Array, components: int) -> Mixture:
    """One component as ``components`` equal ones, and a wide one: where fitting starts."""
    return _with_wide(
        jnp.full(components, -jnp.log(components)),
        jnp.tile(mean, (components, 1)),
        jnp.tile(factor, (components, 1, 1)),
        mean,
        factor,
    )


def draw(mixture: Mixture, key: Array, points: int) -> Array:
    """Independent points, shape (points, d)."""
    of_component, of_normal, of_tails = jax.random.split(key, 3)
    chosen = _choose(of_component, jnp.exp(mixture.log_weight), points)
    normal = jax.random.normal(of_normal, (points, mixture.mean.shape[1]))
    # a chi-squared variable with an even number of degrees of freedom is a sum of exponential ones
    chi2 = 2.0 * jnp.sum(jax.random.exponential(of_tails, (points, TAILS // 2)), axis=1)
    moved = jnp.einsum("nij,nj->ni", mixture.factor[chosen], normal)
    return mixture.mean[chosen] + moved * jnp.sqrt(TAILS / chi2)[:, None]


def log_density(mixture: Mixture, points: Array) -> Array:
    """Log density, shape (n,)."""
    d = points.shape[1]
    inside = -(TAILS + d) / 2 * jnp.log1p(_distances(mixture, points) / TAILS)
    constant = gammaln((TAILS + d) / 2) - gammaln(TAILS / 2) - d / 2 * jnp.log(TAILS * jnp.pi)
    return constant + logsumexp(mixture.log_weight + inside - _log_volumes(mixture), axis=1)


def fit(points: Array, weight: Array, key: Array, components: int) -> Mixture:
    """The mixture of ``components`` and a wide one for weighted points.

    Parameters
    ----------
    points : Array, shape (n, d)
    weight : Array, shape (n,)
        Sums to one.
    key : Array
        Chooses the points that components start from.
    components : int
    """
    d = points.shape[1]
    middle = weight @ points
    spread = (points - middle).T @ (weight[:, None] * (points - middle)) + 1e-9 * jnp.eye(d)
    count = 1.0 / jnp.sum(weight**2)  # effective points
    narrow = spread * components ** (-2.0 / d)
    starts = points[_choose(key, weight, components)]
    first = Mixture(
        jnp.full(components, -jnp.log(components)), starts, jnp.tile(jnp.linalg.cholesky(narrow), (components, 1, 1))
    )

    def improve(_: int, m: Mixture) -> Mixture:
        inside = m.log_weight - _distances(m, points) / 2 - _log_volumes(m)
        member = jax.nn.softmax(inside, axis=1) * weight[:, None]
        share = jnp.sum(member, axis=0) + 1e-12
        mean = member.T @ points / share[:, None]
        squares = jnp.einsum("nk,ni,nj->kij", member, points, points)
        own = squares - share[:, None, None] * jnp.einsum("ki,kj->kij", mean, mean)
        covariance = (count * own + LENT * narrow) / (count * share + LENT)[:, None, None]
        return Mixture(jnp.log(share / jnp.sum(share)), mean, jnp.linalg.cholesky(covariance))

    fitted = jax.lax.fori_loop(0, ITERATIONS, improve, first)
    return _with_wide(fitted.log_weight, fitted.mean, fitted.factor, middle, jnp.linalg.cholesky(spread))


def _with_wide(log_weight: Array, mean: Array, factor: Array, middle: Array, spread: Array) -> Mixture:
    return Mixture(
        jnp.append(log_weight + jnp.log1p(-WIDE_SHARE), jnp.log(WIDE_SHARE)),
        jnp.concatenate([mean, middle[None]]),
        jnp.concatenate([factor, WIDE * spread[None]]),
    )


def _choose(key: Array, weight: Array, count: int) -> Array:
    """Independent indices, each with the probability of its weight."""
    edges = jnp.cumsum(weight)
    return jnp.minimum(jnp.searchsorted(edges, edges[-1] * jax.random.uniform(key, (count,))), weight.size - 1)


def _distances(m: Mixture, points: Array) -> Array:
    """Squared Mahalanobis distances, shape (n, K)."""
    d = points.shape[1]
    inverse = jax.scipy.linalg.solve_triangular(m.factor, jnp.broadcast_to(jnp.eye(d), m.factor.shape), lower=True)
    standard = jnp.einsum("kij,nj->nki", inverse, points) - jnp.einsum("kij,kj->ki", inverse, m.mean)
    return jnp.sum(standard**2, axis=2)


def _log_volumes(m: Mixture) -> Array:
    return jnp.sum(jnp.log(jnp.diagonal(m.factor, axis1=1, axis2=2)), axis=1)
