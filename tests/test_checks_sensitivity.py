"""Power scaling: what the priors decide, against posteriors that are known in closed form."""

import re

import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from scipy.stats import norm

import bayes_scaling as bs
from bayes_scaling import arviz_bridge
from bayes_scaling.checks.decision import Decision, decisions
from bayes_scaling.checks.sensitivity import UPPER, Weights, judge
from bayes_scaling.models.joint import joint_law
from bayes_scaling.models.log_prior import log_prior
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.models.precision import in_float64

POWERS = (1 / UPPER, UPPER)
S = 40_000


def normal_posterior(prior_mean: float, prior_sd: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draws given one observation at 0 with sd 1, and their log prior."""
    precision = 1 + prior_sd**-2
    rng = np.random.default_rng(seed)
    draws = prior_mean * prior_sd**-2 / precision + rng.standard_normal(S) / np.sqrt(precision)
    return draws, -((draws - prior_mean) ** 2) / (2 * prior_sd**2)


def weigh(log_p: np.ndarray) -> list[Weights]:
    return [Weights(a, *arviz_bridge.psis((a - 1) * log_p)) for a in POWERS]


@pytest.mark.parametrize("power", POWERS)
def test_weights_make_the_posterior_under_the_other_prior(power: float) -> None:
    """The prior N(2, 1) to a power is N(2, 1 / power): mean and sd within .02, three Monte Carlo errors."""
    draws, log_p = normal_posterior(2.0, 1.0)
    weights, k = arviz_bridge.psis((power - 1) * log_p)
    mean = float(weights @ draws)
    assert mean == pytest.approx(2 * power / (1 + power), abs=0.02)
    assert float(weights @ (draws - mean) ** 2) ** 0.5 == pytest.approx((1 + power) ** -0.5, abs=0.02)
    assert k < 0.5


def test_sensitivities_tell_a_vague_prior_from_a_strong_one_and_from_a_conflict() -> None:
    """Kallioinen et al. 2023, table 1: (prior, likelihood) sensitivity of a normal mean against .05."""
    found = []
    for mean, sd in ((0.0, 100.0), (0.0, 0.1), (6.0, 1.0)):
        draws, log_p = normal_posterior(mean, sd)
        shaped = [part.reshape(4, -1) for part in (log_p, -(draws**2) / 2)]
        found.append([arviz_bridge.power_scaling(draws.reshape(4, -1, 1), part)[0] >= 0.05 for part in shaped])
    assert found == [[False, True], [True, False], [True, True]]


def test_a_prediction_shifts_by_what_the_algebra_says() -> None:
    draws, log_p = normal_posterior(4.0, 1.0)
    moved, text = judge(Decision("t, b, D_f 1M", ["full"], np.exp(draws)[:, None]), weigh(log_p))
    shift = max(abs(4 * a / (1 + a) - 2) for a in POWERS) * np.sqrt(2)
    assert moved and f"moves by {shift:.1f}" in text


def test_a_prediction_that_the_data_make_does_not_move() -> None:
    draws, log_p = normal_posterior(4.0, 20.0)
    moved, text = judge(Decision("t, b, D_f 1M", ["full"], np.exp(draws)[:, None]), weigh(log_p))
    assert not moved and "moves by 0.0" in text


def rivals(prior_mean: float, prior_sd: float, level: float) -> tuple[bool, str]:
    """Whether the choice between a method with this posterior and one with a known loss moves."""
    draws, log_p = normal_posterior(prior_mean, prior_sd)
    losses = np.exp(np.column_stack([draws, np.full(S, level)]))
    return judge(Decision("t, b, D_f 1M", ["lora", "full"], losses), weigh(log_p))


def test_a_choice_that_the_prior_makes_is_told() -> None:
    moved, text = rivals(4.0, 1.0, 2.1)  # as likely below as above, by a prior and data that disagree
    assert moved
    p = [norm.cdf((2.1 - 4 * a / (1 + a)) * np.sqrt(1 + a)) for a in (1.0, *POWERS)]
    said = [float(number) for number in re.findall(r"0\.\d\d", text)][:3]
    np.testing.assert_allclose(said, [p[0], min(p), max(p)], atol=0.015)
    assert text.endswith("as the priors count 0.8 to 1.25 times, and full becomes the likeliest")


def test_a_choice_that_the_data_make_is_not() -> None:
    assert not rivals(4.0, 20.0, 1.0)[0]
    assert not rivals(4.0, 1.0, 9.0)[0]  # the prior moves the loss, and no ranking


def test_a_tie_stays_a_tie() -> None:
    """Another likeliest method by a hair is no other decision."""
    assert not rivals(0.3, 3.0, 0.03)[0]


# --- on the session's fit


@in_float64
def _log_prior_by_tracing(fit: bs.Posterior, chain: int, draw: int) -> float:
    """The NumPyro program's own log density, less the sites that are no priors."""
    from numpyro import handlers

    model = fit.resolved
    values = {s.name: fit.draws[s.family][chain, draw][list(s.index)] for s in model.sites}
    values |= {name: fit.draws[name][chain, draw] for name in ("base_common", "base_effect", "drift")}
    trace = handlers.trace(handlers.substitute(handlers.seed(joint_law, 0), values)).get_trace(model, fit.problem)
    return float(sum(trace[s.name]["fn"].log_prob(trace[s.name]["value"]).sum() for s in model.sites if not s.fixed))


@pytest.mark.parametrize("priors", [{}, {"A": dist.LogNormal(2.0, 1.0)}, {"nu": 5.0}])
def test_the_log_prior_is_the_joint_model_s(fit: bs.Posterior, priors: dict) -> None:
    model = bs.JointLaw(priors=priors)
    draws = {name: values[:2, :3] for name, values in fit.draws.items()}
    if "nu" in priors:
        draws["nu"] = np.full_like(draws["nu"], 5.0)
    some = bs.Posterior(fit.runs, model, draws, {}, 0, fit.settings)
    found = log_prior(some.resolved, some.layout, draws)
    assert found.shape == (2, 3)
    expected = [[_log_prior_by_tracing(some, c, d) for d in range(3)] for c in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_decision_is_on_the_largest_base_of_all_methods(fit: bs.Posterior) -> None:
    near, far = decisions(fit)
    assert near.where == "WMT19 En-Zh, 8B, D_f 20M" and far.where == "WMT19 En-Zh, 8B, D_f 200M"
    assert near.methods == ["full", "prompt", "lora"] and near.losses.shape == (4000, 3)
    p_best = fit.win_probability(2e7, **_sizes(fit)).set_index("method")["p_best"]
    shares = np.bincount(near.losses.argmin(axis=1), minlength=3) / 4000
    np.testing.assert_allclose(shares, p_best[near.methods], atol=1e-12)


def _sizes(fit: bs.Posterior) -> dict[str, float]:
    row = fit.runs[fit.runs["base"] == "8B"].iloc[0]
    return {"model_size": float(row["model_size"])}


def test_one_method_is_asked_for_its_prediction() -> None:
    table = pd.DataFrame({"method": "full", "base": "b", "finetune_size": np.geomspace(1e3, 1e6, 8)})
    truth = bs.Truth({"full": bs.CellTruth(alpha={}, beta=0.2, E=1.0, A=10.0, sigma=0.01)})
    runs = bs.simulate_runs(table, truth)
    model = bs.JointLaw(factors=(), base_effects=False)
    layout = model.encode(runs).layout
    assert layout.method == ("full",)
    draws = {f: np.full((2, 5, layout.family_size(f)), 0.5) for f in ("E", "beta", "reducible", "sigma", "nu")}
    only = list(decisions(bs.Posterior(runs, model, draws, {}, 0, NutsSettings(chains=2))))
    assert [(d.where, d.methods, d.losses.shape) for d in only] == [("simulated, b, D_f 1M", ["full"], (10, 1))]
