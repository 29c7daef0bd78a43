"""Priors: which one a parameter gets, what an override changes, and the prior on A."""

import math

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro import handlers

import bayes_scaling as bs
from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.joint import joint_law
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.predictive import sample_prior
from bayes_scaling.models.prior_spec import PriorSpec
from shared.prior_specs import CELL, crossed, refused, resolved, specs

# --- which prior a parameter gets


def test_the_narrowest_key_wins_and_the_others_keep_their_default(runs):
    wide, method, full = dist.Normal(0.0, 0.3), dist.Normal(0.0, 0.2), dist.Normal(0.0, 0.1)
    found = specs(runs, {"alpha": wide, "alpha[lora]": method, "alpha[model_size, WMT19 En-Zh, prompt]": full})
    scale = {name: dict(spec.args)["scale"] for name, spec in found.items() if name.startswith("alpha")}
    assert scale == {
        "alpha[model_size, WMT19 En-Zh, full]": 0.3,
        "alpha[model_size, WMT19 En-Zh, prompt]": 0.1,
        f"alpha[model_size, {CELL}]": 0.2,
    }
    default = specs(runs)
    assert {n: s for n, s in found.items() if "alpha" not in n} == {
        n: s for n, s in default.items() if "alpha" not in n
    }


def test_one_override_changes_one_parameter_only():
    runs = crossed("model_size", "pet_size")
    default, found = specs(runs), specs(runs, {"alpha[pet_size]": dist.Normal(0, 0.05)})
    assert [name for name in default if default[name] != found[name]] == ["alpha[pet_size, sum, lora]"]
    assert found["alpha[pet_size, sum, lora]"] == PriorSpec.of("Normal", loc=0.0, scale=0.05)


def test_labels_may_stand_in_any_order_and_with_any_spaces(runs):
    for key in ("alpha[model_size,lora]", "alpha[ lora , model_size ]", " alpha [lora, model_size]"):
        assert specs(runs, {key: 0.3})[f"alpha[model_size, {CELL}]"].fixed


def test_two_equally_narrow_keys_are_refused(runs):
    text = refused(runs, {"beta[WMT19 En-Zh]": 0.1, "beta[lora]": 0.2})
    assert "'beta[WMT19 En-Zh]' and 'beta[lora]' both fit beta[WMT19 En-Zh, lora]" in text
    assert "drop one of them" in text
    assert "'A' and 'reducible' both fit" in refused(runs, {"A": dist.LogNormal(9, 1), "reducible": 0.5})
    assert "both fit" in refused(runs, {"alpha[model_size, lora]": 0.1, "alpha[lora, model_size]": 0.1})


@pytest.mark.parametrize("key", ["gamma", "beta[adapter]", "alpha[pet_size]", "data_term", "base_scale[lora]", "B"])
def test_a_key_that_fits_nothing_is_refused_with_what_would_fit(runs, key):
    text = refused(runs, {key: 0.1})
    assert f"prior {key!r} fits no parameter" in text
    for known in ("E, beta, sigma, alpha, reducible", "'lora'", "'model_size'", "'WMT19 En-Zh'"):
        assert known in text


@pytest.mark.parametrize("key", ["alpha[", "alpha[]", "", "alpha]model_size["])
def test_a_malformed_key_is_refused_with_an_example(runs, key):
    assert "is not of the form 'alpha' or 'alpha[model_size, lora]'" in refused(runs, {key: 0.1})


# Bug: a key that only narrower keys cover is told to fit no parameter, though it does fit; it should either be
# accepted or be told to be shadowed.
def test_a_key_whose_every_parameter_has_a_narrower_one_is_not_said_to_fit_nothing(runs):
    priors = {"beta": dist.Normal(0, 1), **{f"beta[{m}]": dist.Normal(0, 0.1) for m in ("full", "prompt", "lora")}}
    try:
        bs.JointLaw(priors=priors).describe(runs)
    except bs.ModelError as error:
        assert "fits no parameter" not in str(error)


def test_a_number_holds_its_parameters_fixed(runs):
    model, problem = resolved(runs, beta=0.07, nu=5, **{"alpha[lora]": 0.4, "E[full]": 1.1})
    draws, _ = sample_prior(model, problem, 20, seed=0)
    assert np.all(draws["beta"] == 0.07) and np.all(draws["nu"] == 5.0)
    assert np.all(draws["alpha"][:, 2] == 0.4) and np.ptp(draws["alpha"][:, 0]) > 0
    assert np.all(draws["E"][:, 0] == 1.1) and np.ptp(draws["E"][:, 1]) > 0
    assert {site.name for site in model.sites if site.fixed} == {"beta", "nu", "alpha[lora]", "E[full]"}


# --- a prior on A instead of the reducible loss


@in_float64
def site_of(runs, law, key, prior, seed=3):
    """Log density of the site that a prior on A (or B) makes, and the exponents, at one draw from the prior."""
    model, problem = resolved(runs, law, **{key: prior})
    values = np.array([0.01, 0.3, 0.8, 5.0])
    (name,) = [s.name for s in model.sites if s.on_amplitude]

    def draw(seed):
        trace = handlers.trace(handlers.seed(joint_law, seed)).get_trace(model, problem)
        log_density = jax.vmap(trace[name]["fn"].log_prob)(values)
        return log_density, {s.name: trace[s.name]["value"] for s in model.sites}

    log_density, drawn = jit_once(draw)(jax.random.key(seed))
    families = {
        family: np.concatenate([np.asarray(drawn[s.name]) for s in model.sites if s.family == family])
        for family in ("alpha", "beta")
    }
    return values, np.asarray(log_density), families


@pytest.mark.parametrize(
    ("law", "key", "factors"),
    [
        ("multiplicative", "A", "one"),
        ("multiplicative", "A", "product"),
        ("additive", "A", "product"),
        ("additive", "B", "product"),
    ],
)
def test_a_prior_on_A_is_the_prior_at_the_implied_A_times_its_jacobian(runs, law, key, factors):
    table = runs if factors == "one" else crossed()
    prior = dist.LogNormal(6.0, 2.0)
    r, found, families = site_of(table, law, key, prior)
    cells = [group for _, group in table.groupby("method", sort=False)]
    log_d0 = np.array([np.log(cell["finetune_size"]).mean() for cell in cells])
    log_x0 = np.array([np.log(cell[f]).mean() for cell in cells for f in ("model_size", "pretrain_size") if f in cell])
    of_factor = families["alpha"] * log_x0
    if key == "B":
        shift = families["beta"] * log_d0
    elif law == "additive":
        shift = of_factor
    else:
        shift = (of_factor if factors == "one" else of_factor.sum()) + families["beta"] * log_d0
    log_a = np.log(r)[:, None] + shift
    # p_R(r) = p_A(r e^s) e^s, written out for the lognormal
    expected = -0.5 * ((log_a - 6.0) / 2.0) ** 2 - log_a - math.log(2.0 * math.sqrt(2 * math.pi)) + shift
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_prior_on_one_methods_A_leaves_the_other_amplitudes_alone(runs):
    found, default = specs(runs, {"A[lora]": dist.LogNormal(9, 1)}), specs(runs)
    changed = [name for name in default if default[name] != found[name]]
    assert changed == [f"reducible[model_size, {CELL}]"]


@pytest.mark.parametrize(("law", "key"), [("multiplicative", "A"), ("additive", "A"), ("additive", "B")])
def test_a_number_for_A_is_refused_with_what_to_use(runs, law, key):
    """alpha and beta move A along its ridge: it is not a coordinate that can be held."""
    text = refused(runs, {key: 1000.0}, law)
    assert repr(key) in text and "narrow prior" in text and "dist.LogNormal" in text
