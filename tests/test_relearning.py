"""Coordinates learned anew: of a normal posterior the map is exact, and no map changes what is sampled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayes_scaling.models import nuts
from bayes_scaling.models.laplace import Normal
from bayes_scaling.models.nuts import NutsSettings, compile_nuts, run_nuts
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.relearning import Scale, learned_scale

pytestmark = pytest.mark.numbers

SIZE = 30
SETTINGS = NutsSettings(chains=2, warmup=300, draws=300, thin=1)


@pytest.fixture(scope="module")
def sigma():
    """A covariance with standard deviations over four decades, and strong correlations."""
    rng = np.random.default_rng(0)
    directions, _ = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))
    scales = 10.0 ** rng.uniform(-2, 2, SIZE)
    return (directions * np.geomspace(0.03, 30, SIZE)) @ directions.T * np.outer(scales, scales)


def standardised(scale, sigma):
    """Covariance of what NUTS would sample: all ones is perfect."""
    return np.linalg.eigvalsh(np.linalg.solve(scale.factor, np.linalg.solve(scale.factor, sigma).T))


def test_few_draws_of_a_normal_tell_its_scale(sigma):
    y = np.random.default_rng(1).multivariate_normal(np.full(SIZE, 3.0), sigma, size=90)
    gradient = (y - 3.0) @ np.linalg.inv(sigma)
    found = standardised(learned_scale(y, gradient), sigma)
    assert found.min() > 0.5 and found.max() < 2
    only_draws = standardised(Scale(y.mean(axis=0), np.linalg.cholesky(np.cov(y, rowvar=False))), sigma)
    assert only_draws.max() / only_draws.min() > 3 * found.max() / found.min()  # what gradients are worth


def test_there_and_back(sigma):
    rng = np.random.default_rng(2)
    normal, scale = Normal(rng.normal(size=SIZE), np.linalg.cholesky(sigma)), Scale(rng.normal(size=SIZE), np.eye(SIZE))
    y = rng.normal(size=(5, SIZE))
    after = scale.after(normal)
    np.testing.assert_allclose(
        after.mean + scale.inverse(y) @ after.factor.T, normal.mean + y @ normal.factor.T, rtol=1e-10
    )


@in_float64
def sampled(sigma, relearn):
    """Moments and mean steps of NUTS on a normal in coordinates that are off by four decades."""
    precision = jnp.asarray(np.linalg.inv(sigma))

    def potential(y, told):
        centre, factor = told
        z = centre + factor @ y
        return (z - 3.0) @ precision @ (z - 3.0) / 2

    told = jnp.zeros(SIZE), jnp.eye(SIZE)
    starts = np.random.default_rng(0).normal(size=(2, SIZE))
    kernel = compile_nuts(potential, jax.value_and_grad(potential), SETTINGS, starts[0], told)
    drawn, (centre, factor), _ = run_nuts(kernel, told, starts, SETTINGS, 0, relearn=relearn(told) if relearn else None)
    z = np.asarray(centre) + drawn["z"].reshape(-1, SIZE) @ np.asarray(factor).T
    return z, drawn["n_steps"].mean()


def learning(told):
    def relearn(y, gradient):
        nonlocal told
        scale = learned_scale(y.reshape(-1, SIZE), gradient.reshape(-1, SIZE))
        told = tuple(map(jnp.asarray, scale.after(Normal(*map(np.asarray, told)))))
        return told, scale.inverse(y[:, -1])

    return relearn


def test_long_trees_become_short_and_the_draws_stay_right(sigma):
    z, steps = sampled(sigma, learning)
    _, as_it_was = sampled(sigma, None)
    assert as_it_was > nuts.LONG and steps < as_it_was / 3
    sd = np.sqrt(np.diag(sigma))
    assert np.all(np.abs(z.mean(axis=0) - 3.0) < 5 * sd / np.sqrt(len(z) / 4))
    assert np.all(np.abs(z.std(axis=0) / sd - 1) < 0.2)


def test_short_trees_are_left_alone(sigma):
    def never(_):
        def relearn(y, gradient):
            raise AssertionError("asked for new coordinates where trees are short")

        return relearn

    z, steps = sampled(np.eye(SIZE), never)
    assert steps < nuts.LONG and np.all(np.abs(z.std(axis=0) - 1) < 0.2)
