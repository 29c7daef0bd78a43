"""Who is best where: probabilities, their Monte Carlo error and what is said of them."""

import time

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.arviz_bridge import ess, ess_of_means
from shared.posteriors import S8, S16, TASK, canned, flat, loss_draws

RNG = np.random.default_rng(20240226)


def test_win_probabilities_are_shares_of_the_draws(fit):
    sizes = [3e4, 3e5, 3e6]
    table = fit.win_probability(sizes, model_size=[S8, S16])
    for (size, model), group in table.groupby(["finetune_size", "model_size"]):
        losses = np.stack([loss_draws(fit, m, model_size=model, finetune_size=size) for m in group["method"]])
        np.testing.assert_allclose(group["p_best"], [np.mean(losses.argmin(0) == i) for i in range(3)])
        np.testing.assert_allclose(group["expected_loss"], losses.mean(1))
        np.testing.assert_allclose(group["expected_regret"], (losses - losses.min(0)).mean(1), atol=1e-12)
        assert group["p_best"].sum() == pytest.approx(1, abs=1e-12)
    assert np.all(table["mcse"] > 0)


def test_a_monte_carlo_error_is_never_zero_and_knows_of_sticky_chains(runs):
    independent = 1.1 + RNG.normal(0, 0.01, 4000)
    sticky = np.repeat(1.1 + RNG.normal(0, 0.01, 200), 20)
    errors = []
    for draws in (independent, sticky):
        posterior = flat(runs, draws, 1.1, 1.5, chains=4, draws=1000)
        table = posterior.win_probability(1e5, model_size=S8).set_index("method")
        assert 0 < table.loc["lora", "mcse"] < 0.01 and table.loc["lora", "p_best"] == 0
        errors.append(table.loc["full", "mcse"])
    assert errors[0] == pytest.approx(np.sqrt(0.25 / 4000), rel=0.2)
    assert errors[1] == pytest.approx(np.sqrt(0.25 / 200), rel=0.4)


def test_effective_sample_sizes_of_many_shares_are_those_of_arviz():
    chains = RNG.standard_normal((4, 500, 5))
    for k, phi in enumerate((0.0, 0.4, 0.8, 0.95)):
        for i in range(1, 500):
            chains[:, i, k] = phi * chains[:, i - 1, k] + np.sqrt(1 - phi**2) * chains[:, i, k]
    wins = (chains > [0.0, 0.5, 1.0, 0.0, 99.0]).astype(float)  # the last never wins
    together = ess_of_means(wins)
    np.testing.assert_allclose(together[:4], [ess(wins[:, :, k], "mean") for k in range(4)], rtol=0.05)
    assert together[4] == 2000


def test_a_win_curve_of_two_methods_takes_a_fraction_of_a_second(runs):
    """4,000 draws at 200 sizes; process time, since a busy machine is slow, not wrong."""
    two = runs[runs.method != "prompt"]
    posterior = canned(two, chains=4, draws=1000, E=RNG.normal(1, 0.01, (4, 1000, 2)))
    sizes = np.geomspace(1e3, 1e8, 200)
    posterior.win_probability(sizes, model_size=S8)
    began = time.process_time()
    posterior.win_probability(sizes, model_size=S8)
    assert time.process_time() - began < 0.6


def test_the_text_of_wins_names_the_likeliest_method_over_each_span(runs):
    text = flat(runs, 1.0, 1.2, 1.1).win_probability([1e4, 1e5], model_size=[S8, S16]).attrs["text"]
    assert f"{TASK}, model_size 7.58B: full is likeliest best at D_f 10k to 100k (P = 1.00)." in text
    assert "model_size 14.8B" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"finetune_size": -1.0}, "finetune_size=-1.0: sizes are positive numbers, such as 100000"),
        ({"finetune_size": []}, "finetune_size=[]: sizes are positive"),
        ({"model_size": "8B"}, "model_size='8B': sizes are positive numbers"),
        ({"task": "MLSum"}, f"task='MLSum' was not fitted; the tasks are '{TASK}'"),
        ({"model_size": None}, "model_size is missing; add it to the design"),
    ],
)
def test_wins_of_a_wrong_setting_are_refused(fit, arguments, message):
    with pytest.raises(bs.DesignError) as caught:
        fit.win_probability(**({"finetune_size": 1e5, "model_size": S8} | arguments))
    assert message in str(caught.value)
