"""Checks of a fit: each fails for the posterior that it is there to catch, and passes for a healthy one."""

from dataclasses import replace

import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from scipy.stats import norm

import bayes_scaling as bs
from bayes_scaling.checks.measured import direction, overlap
from bayes_scaling.convergence import problems, wants_draws


def altered(fit, **changes):
    """The fit with other draws, stats, runs or model, and its ArviZ groups kept: they cost seconds to draw anew."""
    posterior = replace(fit, **changes)
    posterior.__dict__["idata"] = fit.idata
    return posterior


def with_draws(fit, **families):
    return altered(fit, draws={**fit.draws, **families})


def with_stats(fit, **stats):
    return altered(fit, stats={**fit.stats, **stats})


def found(checks, name):
    """Status of a check, and its reason with its advice."""
    rows = checks.table[checks.table["check"] == name]
    assert len(rows) == 1
    row = rows.iloc[0]
    return row["status"], f"{row['reason']}; {row['advice']}" if row["advice"] else row["reason"]


@pytest.fixture(scope="module")
def healthy(fit):
    return fit.check()


def test_the_healthy_fit_passes(healthy):
    assert healthy.verdict == "PASS"
    assert healthy.text.startswith("PASS: all 8 checks passed; ")
    assert list(healthy.table) == ["check", "status", "reason", "advice"]
    assert set(healthy.table["status"]) == {"passed", "informational"}
    passed = ["convergence", "calibration", "posterior predictive", "prior-data conflict"]
    passed += ["prior sensitivity of the decision", "direction", "levels", "collinearity"]
    assert healthy.table.loc[healthy.table["status"] == "passed", "check"].tolist() == passed


def test_passing_checks_give_their_numbers(healthy):
    assert "R-hat at most 1.0" in found(healthy, "convergence")[1]
    assert " of 120 runs (" in found(healthy, "calibration")[1]


# --- the sampler


def test_a_stuck_chain_is_no_convergence(fit):
    beta = fit.draws["beta"].copy()
    beta[0] = beta[0, :1]  # where it began, among the others: R-hat tells, ESS may or may not
    checks = with_draws(fit, beta=beta).check()
    status, reason = found(checks, "convergence")
    assert (status, checks.verdict) == ("failed", "FAIL")
    assert "R-hat " in reason and "sample longer" in reason
    beta[0] = beta[0].max(axis=0) + fit.draws["beta"].std()
    status, at_the_edge = found(with_draws(fit, beta=beta).check(), "convergence")
    assert "R-hat " in at_the_edge and "ESS " in at_the_edge and "is below 400" in at_the_edge
    assert checks.text.startswith("FAIL: convergence: R-hat")


def test_chains_in_different_places_are_no_convergence(fit):
    E = fit.draws["E"].copy()
    E[3] += 0.2
    status, reason = found(with_draws(fit, E=E).check(), "convergence")
    assert status == "failed" and "R-hat" in reason


def test_one_bad_parameter_among_many_is_enough(fit):
    effect = fit.draws["base_effect"].copy()
    effect[1, :, 7] += 0.1
    assert with_draws(fit, base_effect=effect).check().verdict == "FAIL"


def test_a_slow_chain_is_told_by_its_effective_sample_size(fit):
    alpha = np.repeat(fit.draws["alpha"][:, ::40], 40, axis=1)
    status, reason = found(with_draws(fit, alpha=alpha).check(), "convergence")
    assert status == "failed" and "bulk ESS" in reason


def test_only_chains_that_mix_are_worth_going_on_with(fit):
    rng, values = np.random.default_rng(0), norm.ppf((np.arange(40) + 0.5) / 40)
    halves = np.stack([rng.permutation(values) for _ in range(8)]).reshape(4, 80)  # every half chain has the same
    beta = halves[:, np.arange(1000) * 80 // 1000, None] + np.zeros(3)
    short = with_draws(fit, beta=beta)
    (reason,) = problems(short)[:1]
    assert "ESS" in reason and wants_draws(short)
    assert not wants_draws(fit), "nothing is wrong"
    assert not wants_draws(with_draws(short, E=fit.draws["E"] + 0.2 * np.eye(4)[3][:, None, None])), "R-hat"
    diverging = np.zeros(fit.stats["diverging"].shape, bool)
    diverging[0, :20] = True
    assert not wants_draws(with_stats(short, diverging=diverging)), "a draw in two hundred diverged"


def test_divergences_are_counted_and_fail_above_one_in_a_thousand(fit):
    diverging = np.zeros((4, 1000), dtype=bool)
    diverging[0, :4] = True
    status, reason = found(with_stats(fit, diverging=diverging).check(), "convergence")
    assert status == "passed" and "4 divergences" in reason
    diverging[2, :6] = True
    status, reason = found(with_stats(fit, diverging=diverging).check(), "convergence")
    assert status == "failed" and "0.25 % of the draws diverged (at most 0.1 %)" in reason


def test_an_energy_that_creeps_is_told(fit):
    creeping = np.cumsum(np.random.default_rng(0).normal(size=(4, 1000)), axis=1)
    status, reason = found(with_stats(fit, energy=creeping).check(), "convergence")
    assert status == "failed" and "E-BFMI" in reason and "is below 0.3" in reason


def test_a_parameter_held_fixed_is_no_sign_of_a_stuck_chain(fit):
    checks = with_draws(fit, nu=np.full_like(fit.draws["nu"], 5.0)).check()
    assert found(checks, "convergence")[0] == "passed"


# --- calibration


def test_bands_that_are_too_narrow_fail(fit):
    narrow = replace(fit, draws={**fit.draws, "sigma": fit.draws["sigma"] / 5})  # its groups are drawn anew
    checks = narrow.check()
    status, reason = found(checks, "calibration")
    assert (status, checks.verdict) == ("failed", "FAIL")
    assert "leave-one-out 90 % band" in reason and "compare laws, look at the residuals" in reason
    assert found(checks, "convergence")[0] == "passed"


# --- priors


def test_a_silly_prior_is_a_conflict(fit):
    checks = altered(fit, model=bs.JointLaw(priors={"beta[full]": dist.Normal(1.0, 0.05)})).check()
    status, reason = found(checks, "prior-data conflict")
    assert (status, checks.verdict) == ("failed", "REVIEW")
    mean = fit.family("beta")[:, fit.layout.cell_index["WMT19 En-Zh", "full"]].mean()
    assert f"beta[WMT19 En-Zh, full] (posterior mean {mean:.3g})" in reason
    assert "widen that prior or check the data" in reason
    assert "lora" not in reason
    assert checks.text.startswith("REVIEW: prior-data conflict: ")


def test_a_wide_prior_is_no_conflict(fit):
    checks = altered(fit, model=bs.JointLaw(priors={"beta[full]": dist.Normal(1.0, 1.0)})).check()
    assert found(checks, "prior-data conflict")[0] == "passed"


def test_an_exponent_as_wide_as_its_prior_is_said_to_be_unknown(fit):
    alpha = fit.family("alpha")[:, fit.layout.cell_index["WMT19 En-Zh", "prompt"]]
    prior = dist.Normal(alpha.mean(), alpha.std())
    checks = altered(fit, model=bs.JointLaw(priors={"alpha[prompt]": prior})).check()
    status, reason = found(checks, "information")
    assert status == "informational"
    assert reason.startswith("hardly more is known than before: alpha[model_size, WMT19 En-Zh, prompt]; ")
    assert checks.verdict == "PASS"


# --- the runs


def test_two_levels_of_a_factor_ask_for_review(fit):
    runs = fit.runs[fit.runs["base"].isin(["1B", "8B"])].reset_index(drop=True)
    checks = altered(fit, runs=runs).check()
    status, reason = found(checks, "levels")
    assert (status, checks.verdict) == ("failed", "REVIEW")
    assert "fewer than 3 levels of model_size in WMT19 En-Zh | full (2)" in reason
    assert "add a size" in reason and "finetune_size" not in reason


def test_two_levels_of_D_f_ask_for_review(fit):
    keep = (fit.runs["method"] != "full") | fit.runs["finetune_size"].isin([1e6, 2e6])
    status, reason = found(altered(fit, runs=fit.runs[keep].reset_index(drop=True)).check(), "levels")
    assert status == "failed" and "levels of finetune_size in WMT19 En-Zh | full (2):" in reason


def test_a_loss_that_rises_with_D_f_is_told(fit):
    rising = fit.runs["loss"].where(fit.runs["method"] != "full", 2.0 / fit.runs["loss"])
    checks = altered(fit, runs=fit.runs.assign(loss=rising)).check()
    status, reason = found(checks, "direction")
    assert (status, checks.verdict) == ("failed", "REVIEW")
    assert "measured loss rises with finetune_size in WMT19 En-Zh | full (slope +0." in reason
    assert "model_size in WMT19 En-Zh | full" in reason and "prompt" not in reason
    assert "is the column a loss, are its runs trained alike?" in reason


def test_a_prompt_that_gets_worse_with_its_length_is_no_error():
    design = pd.MultiIndex.from_product([[10.0, 50.0, 200.0], [1e4, 1e5, 1e6]]).to_frame(index=False)
    design.columns = ["pet_size", "finetune_size"]
    truth = bs.Truth({"prompt": bs.CellTruth({"pet_size": -0.05}, beta=0.1, E=1.0, A=2.0, sigma=0.0)})
    runs = bs.simulate_runs(design.assign(method="prompt"), truth)
    layout_only = bs.Posterior(runs, bs.JointLaw(), {}, {}, 0, None)
    assert [check.status for check in direction(layout_only)] == ["passed"]


def test_methods_measured_at_different_D_f_are_said_to_be(fit, healthy):
    status, reason = found(healthy, "overlap of D_f")
    assert status == "informational"
    assert "full 1M to 20M, prompt 4k to 90k, lora 4k to 90k" in reason and "comparisons extrapolate" in reason
    pet = fit.runs[fit.runs["method"] != "full"].reset_index(drop=True)
    assert list(overlap(replace(fit, runs=pet))) == []


def test_the_number_of_bases_is_told(healthy):
    status, reason = found(healthy, "base effects")
    assert status == "informational"
    assert reason.startswith("4 base LLMs a (task, method) inform alpha[model_size], not the number of runs")


def test_a_model_without_base_effects_asks_for_review(fit):
    checks = altered(fit, model=bs.JointLaw(base_effects=False)).check()
    assert found(checks, "base effects")[0] == "failed" and checks.verdict == "REVIEW"
    assert "use JointLaw(base_effects=True)" in checks.text


def test_every_failed_check_is_a_reason_of_the_verdict(fit):
    E = fit.draws["E"].copy()
    E[3] += 0.5
    runs = fit.runs[fit.runs["base"].isin(["1B", "8B"])].reset_index(drop=True)
    checks = altered(fit, runs=runs, draws={**fit.draws, "E": E}).check()
    failed = checks.table[checks.table["status"] == "failed"]
    assert {"convergence", "levels"} <= set(failed["check"])
    assert checks.verdict == "FAIL"
    for row in failed.itertuples():
        assert row.advice and f"{row.check}: {row.reason}; {row.advice}" in checks.text
