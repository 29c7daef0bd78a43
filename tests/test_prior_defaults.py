"""Default priors and presets, and what ``describe`` says of them."""

import math

import numpy as np
import numpyro.distributions as dist
import pytest

import bayes_scaling as bs
from bayes_scaling.models.predictive import sample_prior
from bayes_scaling.models.prior_spec import PriorSpec, stack
from bayes_scaling.models.priors import PRESETS
from shared.prior_specs import crossed, resolved, specs

# --- presets


# Bug: both presets have a prior for alpha[pretrain_size] and so are refused for every table without that factor, the
# package's own included.
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_used_for_runs_that_vary_some_of_its_factors(runs, name):
    text = bs.JointLaw(priors=name).describe(runs)
    assert str(bs.prior_preset(name)["alpha[model_size]"]) in text


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_where_it_comes_from(name):
    source, priors = PRESETS[name]
    assert "et al." in source and "2024" in source
    assert bs.prior_preset(name) == priors
    assert bs.JointLaw(priors=name).prior_specs == priors


def test_the_papers_preset_has_the_mean_and_twice_the_spread_of_its_table():
    published, preset = bs.published_exponents(), bs.prior_preset("zhang2024")
    for factor in ("model_size", "pretrain_size"):
        rows = published[(published["parameter"] == "alpha") & (published["factor"] == factor)]
        prior = stack([preset[f"alpha[{factor}]"]])
        assert float(prior.mean[0]) == pytest.approx(rows["value"].mean(), rel=0.05)
        assert float(prior.variance[0]) ** 0.5 == pytest.approx(2 * rows["value"].std(), rel=0.1)
    beta, log_beta = published[published["parameter"] == "beta"]["value"], dict(preset["beta"].args)
    assert log_beta["loc"] == pytest.approx(np.log(beta).mean(), rel=0.05)
    assert log_beta["scale"] == pytest.approx(2 * np.log(beta).std(), rel=0.1)


def test_a_preset_can_be_merged_with_ones_own_prior():
    runs = crossed("model_size", "pretrain_size")
    own = {**bs.prior_preset("besiroglu2024"), "beta": dist.Normal(0.07, 0.1)}
    assert specs(runs, own)["beta[sum, lora]"] == PriorSpec.of("Normal", loc=0.07, scale=0.1)
    bs.prior_preset("besiroglu2024").clear()
    assert bs.prior_preset("besiroglu2024")  # a copy each time


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(bs.ModelError, match="priors='chinchilla': no such preset; the presets are 'zhang2024'"):
        bs.JointLaw(priors="chinchilla")


# --- defaults


def test_model_and_pretraining_size_have_one_prior_so_the_data_answer_which_matters_more():
    found = specs(crossed("model_size", "pretrain_size"))
    first, second = found["alpha[model_size, sum, lora]"], found["alpha[pretrain_size, sum, lora]"]
    assert first == second
    assert np.all(first.sample(1000) > 0)
    model, problem = resolved(crossed("model_size", "pretrain_size"))
    alpha = sample_prior(model, problem, 4000, seed=1)[0]["alpha"]
    # P(first > second) = 1/2; fails by chance in 1 of 10,000 keys (3.9 standard errors)
    assert abs(np.mean(alpha[:, 0] > alpha[:, 1]) - 0.5) < 3.9 * 0.5 / math.sqrt(4000)


def test_the_exponent_of_pet_size_may_have_either_sign():
    draws = specs(crossed("model_size", "pet_size"))["alpha[pet_size, sum, lora]"].sample(1000)
    assert 0.4 < np.mean(draws > 0) < 0.6


@pytest.mark.parametrize("law", ["multiplicative", "additive"])
def test_priors_scale_with_the_loss_and_with_nothing_else(law):
    one, three = specs(crossed(), law=law), specs(crossed(scale=3.0), law=law)
    for name, spec in one.items():
        before, after = dict(spec.args), dict(three[name].args)
        if name.startswith("E["):
            assert after["scale"] == pytest.approx(3 * before["scale"])
        elif name.startswith(("reducible[", "data_term[")):
            assert after["loc"] == pytest.approx(before["loc"] + math.log(3))
            assert after["scale"] == before["scale"]
        else:
            assert spec == three[name]


def test_priors_do_not_depend_on_the_units_of_the_sizes():
    runs = crossed()
    assert specs(runs) == specs(
        runs.assign(model_size=runs["model_size"] / 1e9, finetune_size=7 * runs["finetune_size"])
    )


# --- describe


@pytest.mark.parametrize("law", ["multiplicative", "additive"])
def test_describe_prints_every_prior_with_its_numbers_and_reason(runs, law):
    text = bs.JointLaw(law, priors={"beta[lora]": dist.Normal(0.03, 0.0123), "nu": 7.5}).describe(runs)
    for spec in specs(runs, {"beta[lora]": dist.Normal(0.03, 0.0123), "nu": 7.5}, law).values():
        assert str(spec) in text
    assert "Normal(loc=0.03, scale=0.0123)" in text and "fixed at 7.5" in text
    for reason in ("scale: lowest loss measured", "same for model and pretraining size", "give or take e", "given"):
        assert reason in text
    formula = {"multiplicative": "A * X^-alpha * D_f^-beta + E", "additive": "A * X^-alpha + B * D_f^-beta + E"}
    assert formula[law] in text and "Zhang et al. 2024" in text


def test_describe_counts_runs_bases_and_sizes_of_every_cell(runs):
    lines = [" ".join(line.split()) for line in bs.JointLaw().describe(runs).splitlines()]
    for method, cell in runs.groupby("method"):
        (line,) = [line for line in lines if line.startswith(f"WMT19 En-Zh {method} ")]
        assert line.startswith(f"WMT19 En-Zh {method} {len(cell)} {cell['base'].nunique()} ")
        assert f"({cell['finetune_size'].nunique()})" in line and "956M to 14.8B (5)" in line


def test_describe_says_which_exponent_is_hardly_identified():
    text = bs.JointLaw().describe(crossed("model_size", "pretrain_size"))
    told = text[text.index("Hardly identified") :]
    assert "alpha[pretrain_size] of sum | lora: 2 levels" in told
    assert "alpha[model_size]" not in told


def test_describe_keeps_silent_where_every_factor_has_three_levels(runs):
    assert "Hardly identified" not in bs.JointLaw().describe(runs)


def test_describe_says_what_a_model_without_base_effects_lacks(runs):
    text = bs.JointLaw(base_effects=False).describe(runs)
    assert "too narrow" in text and "base_scale" not in text
    assert "a new base draws one" in bs.JointLaw().describe(runs)


def test_describe_says_how_many_runs_have_a_known_error():
    runs = crossed()
    runs["loss_se"] = [0.01] * 5 + [np.nan] * (len(runs) - 5)
    assert "known test-set error added in 5 runs" in bs.JointLaw().describe(runs)
    assert "no known test-set error" in bs.JointLaw().describe(runs.drop(columns="loss_se"))
