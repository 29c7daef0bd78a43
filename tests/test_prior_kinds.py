"""What may be a prior: which distributions, numbers and ranges."""

import json

import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import bayes_scaling as bs
from bayes_scaling.models.prior_spec import PriorSpec, stack
from shared.prior_specs import refused

pytestmark = pytest.mark.numbers

SCALARS = [
    dist.Normal(0.0, 0.05),
    dist.LogNormal(0.123456789012345, 2),
    dist.HalfNormal(2),
    dist.HalfCauchy(1.5),
    dist.Cauchy(0.0, 1.0),
    dist.StudentT(4, 0, 0.1),
    dist.Gamma(2, 8),
    dist.InverseGamma(2, 3),
    dist.Beta(2, 5),
    dist.Uniform(-1, 2),
    dist.Exponential(3.0),
    dist.Laplace(0, 1),
    dist.Logistic(0, 1),
    dist.Gumbel(0, 1),
    dist.Pareto(1.0, 2.0),
    dist.Weibull(1.0, 2.0),
    dist.LogUniform(0.1, 2.0),
    dist.Kumaraswamy(1.0, 2.0),
    dist.BetaProportion(0.3, 5.0),
    dist.Chi2(3.0),
    dist.TruncatedNormal(0.1, 1.0, low=0.0),
    dist.TruncatedNormal(0.1, 1.0, high=1.0),
    dist.TruncatedNormal(0.1, 1.0, low=0.0, high=1.0),
    dist.TruncatedCauchy(0.0, 1.0, low=0.0),
    dist.FoldedDistribution(dist.Normal(0.5, 1.0)),
]


@pytest.mark.parametrize("prior", SCALARS, ids=lambda d: type(d).__name__)
def test_a_prior_survives_json_with_its_density(prior):
    spec = PriorSpec.from_distribution(prior)
    back = PriorSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert back == spec
    assert str(back) == str(spec)
    with jax.enable_x64(True):
        drawn = np.asarray(stack([spec]).sample(jax.random.key(0), (7,)))[:, 0]
    np.testing.assert_allclose(spec.sample(7), drawn, rtol=1e-10)
    x = np.asarray(prior.sample(jax.random.key(1), (5,)))
    expected = np.asarray(prior.log_prob(x))
    pair = np.asarray(stack([back, back]).log_prob(x[:, None]))
    np.testing.assert_allclose(pair, np.stack([expected, expected], axis=1), rtol=1e-4, atol=1e-4)


def test_numbers_of_a_prior_are_printed_as_they_were_written():
    assert str(PriorSpec.from_distribution(dist.Normal(0.0, 0.05))) == "Normal(loc=0, scale=0.05)"
    truncated = str(PriorSpec.from_distribution(dist.TruncatedNormal(0.1, 0.2, low=0.0)))
    assert "Normal(loc=0.1, scale=0.2)" in truncated and "low=0" in truncated
    assert str(PriorSpec.from_distribution(0.25)) == "fixed at 0.25"


@pytest.mark.parametrize(
    ("prior", "shapes"),
    [
        (dist.Normal(np.zeros(2), 1.0), "batch shape (2,)"),
        (dist.Dirichlet(np.ones(3)), "event shape (3,)"),
        (dist.Normal(0, 1).expand([2]), "batch shape (2,)"),
        (dist.Delta(np.zeros(2)), "batch shape (2,)"),
    ],
    ids=["batch", "event", "expanded", "delta"],
)
def test_a_prior_that_is_not_scalar_is_refused(prior, shapes):
    with pytest.raises(bs.ModelError) as caught:
        bs.JointLaw(priors={"beta": prior})
    assert "must be scalar" in str(caught.value) and shapes in str(caught.value)
    assert "its own key, such as 'beta[lora]'" in str(caught.value)


# Bug: TransformedDistribution, mixtures, ImproperUniform and Poisson raise bare TypeErrors and ValueErrors of NumPy
# ("only 0-dimensional arrays can be converted to Python scalars") instead of a ModelError.
@pytest.mark.parametrize(
    "prior",
    [
        dist.TransformedDistribution(dist.Normal(0, 1), dist.transforms.ExpTransform()),
        dist.MixtureSameFamily(dist.Categorical(np.ones(2) / 2), dist.Normal(np.zeros(2), 1.0)),
        dist.ImproperUniform(dist.constraints.real, (), ()),
        dist.Poisson(3.0),
    ],
    ids=lambda d: type(d).__name__,
)
def test_a_prior_that_cannot_be_written_down_is_refused(prior):
    with pytest.raises(bs.ModelError, match=type(prior).__name__):
        bs.JointLaw(priors={"beta": prior})


def test_a_prior_of_somebodys_own_class_is_refused_with_named_ones():
    class Mine(dist.Normal):
        pass

    with pytest.raises(bs.ModelError) as caught:
        bs.JointLaw(priors={"beta": Mine(0.0, 1.0)})
    assert "'Mine' is no class of numpyro.distributions" in str(caught.value)
    assert "dist.Normal" in str(caught.value)


@pytest.mark.parametrize("value", [True, "Normal(0, 1)", None, [0.1]])
def test_a_prior_that_is_no_prior_is_refused_with_an_example(value):
    with pytest.raises(bs.ModelError) as caught:
        bs.JointLaw(priors={"beta": value})
    assert "a number or a numpyro.distributions object" in str(caught.value) and repr(value) in str(caught.value)
    assert "dist.Normal(0.0, 0.05)" in str(caught.value)


# Bug: NumPy and JAX numbers other than float64 are "no number": np.float32(0.1), np.int64(1), jnp.asarray(0.1).
@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), np.int64(1), jax.numpy.asarray(0.5)])
def test_a_number_of_any_make_is_a_number(number):
    (spec,) = bs.JointLaw(priors={"beta": number}).prior_specs.values()
    assert spec == PriorSpec.of("Delta", v=float(number))


# Bug: nothing checks that a prior can hold its parameter: E fixed at -1 or NaN gives NaN losses, a Normal prior on
# sigma negative noise, and both are told only by a sampler that fails.
@pytest.mark.parametrize(
    ("key", "prior"),
    [("E", -1.0), ("E", float("nan")), ("sigma", dist.Normal(0.0, 1.0)), ("base_share", 2.0), ("reducible", -0.1)],
)
def test_a_prior_outside_its_parameters_range_is_refused(runs, key, prior):
    assert key in refused(runs, {key: prior})
