"""The quick posterior for planning: against a grid by brute force, against NUTS, and blind to how runs are listed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma, halfnorm, lognorm, multivariate_t, norm

import bayes_scaling as bs
from bayes_scaling.models.gauss_newton import approximate, suits

pytestmark = pytest.mark.numbers

NOISE = 0.01
CELL = bs.CellTruth(alpha={"model_size": 0.3}, beta=0.15, E=1.0, A=3000.0, sigma=NOISE)
DESIGN = (
    pd.MultiIndex.from_product(
        [np.geomspace(1e8, 1e10, 5), np.geomspace(1e3, 1e6, 4)], names=["model_size", "finetune_size"]
    )
    .to_frame(index=False)
    .assign(method="full")
)


def problem_of(runs, model):
    problem = model.encode(bs.load_runs(runs))
    return model.resolve(problem.layout), problem


def exact_weights(problem, families):
    """Posterior over proposal of draws of (alpha, beta, log E, log R) from a normal, for noise of a known scale."""
    theta, mean, covariance = families
    alpha, beta, E, R = theta[:, 0], theta[:, 1], np.exp(theta[:, 2]), np.exp(theta[:, 3])
    log_x, log_d = problem.rows.log_x[:, 0], problem.rows.log_d
    fitted = np.log(E[:, None] + R[:, None] * np.exp(-np.outer(alpha, log_x) - np.outer(beta, log_d)))
    target = -np.sum((np.log(problem.loss) - fitted) ** 2, axis=1) / (2 * NOISE**2)
    target += gamma(2.0, scale=1 / 8).logpdf(alpha) + lognorm(1.0, scale=0.05).logpdf(beta)
    target += halfnorm(scale=problem.loss.min()).logpdf(E) + np.log(E)
    target += norm(np.log(np.median(problem.loss) / 2), 1.0).logpdf(np.log(R))
    log_weight = target - multivariate_t(mean, covariance, df=5).logpdf(theta)
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def test_without_base_effects_it_is_the_exact_posterior():
    """Importance sampling of the posterior with the true noise, which 20 runs in 8 seeds tell."""
    model = bs.JointLaw(base_effects=False)
    runs = bs.simulate_runs(DESIGN, bs.Truth({"full": CELL}), seed=1, repeats=8)
    resolved, problem = problem_of(runs, model)
    found = approximate(resolved, problem, draws=4000, seed=0)
    quick = np.column_stack([found["alpha"], found["beta"], np.log(found["E"]), np.log(found["reducible"])])
    mean, covariance = quick.mean(axis=0), 1.5 * np.cov(quick.T)
    theta = multivariate_t(mean, covariance, df=5).rvs(40_000, random_state=0)
    weight = exact_weights(problem, (theta, mean, covariance))
    assert 1 / np.sum(weight**2) > 4000  # the proposal reaches all of the posterior
    exact_mean = weight @ theta
    exact_sd = np.sqrt(weight @ (theta - exact_mean) ** 2)
    np.testing.assert_allclose(mean, exact_mean, atol=0.2 * exact_sd.min(), rtol=0.02)
    np.testing.assert_allclose(quick.std(axis=0), exact_sd, rtol=0.15)


def test_repeats_count_as_runs_of_their_own():
    """Four seeds of every setting take the noise's part of the width down; a permuted table gives the same."""
    model = bs.JointLaw(base_effects=False)
    widths = []
    for repeats in (1, 4):
        runs = bs.simulate_runs(DESIGN, bs.Truth({"full": CELL}), seed=2, repeats=repeats)
        widths.append(approximate(*problem_of(runs, model), draws=4000, seed=0)["alpha"].std())
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.25)
    shuffled = approximate(*problem_of(runs.sample(frac=1, random_state=0), model), draws=4000, seed=0)
    assert shuffled["alpha"].std() == pytest.approx(widths[1], rel=0.1)


def test_base_effects_widen_alpha_and_more_runs_on_the_same_bases_do_not_help():
    """The number of bases informs alpha: with the scale known, the width is that of least squares on base means."""
    scale, flat = 0.03, replace(CELL, beta=0.002)  # with a slope, how it differs between base LLMs tells of alpha too
    model = bs.JointLaw(priors={"base_scale": scale}, base_slopes=False, discrepancy=False)
    for repeats in (1, 8):
        runs = bs.simulate_runs(DESIGN, bs.Truth({"full": flat}, base_scale=scale), seed=3, repeats=repeats)
        resolved, problem = problem_of(runs, model)
        found = approximate(resolved, problem, draws=4000, seed=0)
        slope = found["alpha"] * found["reducible"] / (found["E"] + found["reducible"])  # of log loss at the centre
        log_x = np.unique(problem.rows.log_x)
        by_hand = np.sqrt(7 / 5) * scale / np.sqrt(np.sum((log_x - log_x.mean()) ** 2))
        assert slope.std() == pytest.approx(by_hand, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_widths_are_those_of_nuts(seed):
    design = pd.MultiIndex.from_product(
        [np.geomspace(1e8, 1e10, 4), np.geomspace(1e10, 1e12, 3), np.geomspace(1e4, 1e6, 4)],
        names=["model_size", "pretrain_size", "finetune_size"],
    ).to_frame(index=False)
    cell = bs.CellTruth(alpha={"model_size": 0.3, "pretrain_size": 0.1}, beta=0.1, E=1.0, A=3000.0)
    truth = bs.Truth({"full": cell}, base_scale=0.02, slope_scale=0.05)
    runs = bs.simulate_runs(design.assign(method="full"), truth, seed)
    fit = bs.fit(runs, engine="nuts")
    quick = approximate(fit.resolved, fit.problem, draws=4000, seed=0)["alpha"]
    sd = np.std(fit.family("alpha") @ [1.0, -1.0])
    assert np.std(quick @ [1.0, -1.0]) == pytest.approx(sd, rel=0.25)


@pytest.mark.parametrize("law", ["additive", "rectified"])
def test_it_is_not_for_every_law(law):
    runs = bs.simulate_runs(DESIGN, bs.Truth({"full": CELL}))
    assert not suits(*problem_of(runs, bs.JointLaw(law)))


def test_it_is_not_for_a_law_of_which_something_is_held():
    runs = bs.simulate_runs(DESIGN, bs.Truth({"full": CELL}))
    assert not suits(*problem_of(runs, bs.JointLaw(priors={"E": 1.0})))
    assert suits(*problem_of(runs, bs.JointLaw(priors={"base_scale": 0.02})))
