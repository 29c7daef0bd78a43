"""Tables of A, alpha, beta and E, and of their differences, against the formula and the draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.exponents import amplitudes_of
from shared.posteriors import METHODS, S16, canned, loss_draws

RNG = np.random.default_rng(20240226)


@pytest.mark.parametrize("law", ["multiplicative", "additive"])
def test_A_alpha_beta_E_are_the_papers_formula(runs, law):
    shape = (2, 50, 3)
    parameters = {
        "E": RNG.uniform(0.5, 1.0, shape),
        "beta": RNG.uniform(0.05, 0.2, shape),
        "alpha": RNG.uniform(0.1, 0.5, shape),
        "reducible": RNG.uniform(0.2, 0.5, shape),
    }
    parameters |= {"data_term": RNG.uniform(0.1, 0.3, shape)} if law == "additive" else {}
    posterior = canned(runs, bs.JointLaw(law, base_effects=False), 2, 50, **parameters)
    amplitude = amplitudes_of(posterior.layout, posterior.draws)
    for c, method in enumerate(METHODS):
        E, beta, alpha = (posterior.draws[name][..., c].ravel() for name in ("E", "beta", "alpha"))
        A = amplitude["A"][..., c].ravel()
        for x, d in [(1e9, 1e4), (3e10, 1e7)]:
            if law == "additive":
                paper = A * x**-alpha + amplitude["B"][..., c].ravel() * d**-beta + E
            else:
                paper = A * x**-alpha * d**-beta + E
            np.testing.assert_allclose(loss_draws(posterior, method, model_size=x, finetune_size=d), paper, rtol=1e-9)
        table = posterior.exponents()
        row = table[(table["method"] == method) & (table["parameter"] == "A")].iloc[0]
        assert row["mean"] == pytest.approx(A.mean()) and row["sd"] == pytest.approx(A.std())


def test_A_of_a_product_law_is_the_papers_formula_too():
    grid = pd.MultiIndex.from_product([[1e9, 2e9, 4e9], [4.0, 16.0], [1e4, 1e5]]).to_frame(index=False)
    grid.columns = ["model_size", "pet_size", "finetune_size"]
    table = grid.assign(task="sum", method="lora", loss=2 + 0.01 * np.arange(len(grid)))
    posterior = canned(table, bs.JointLaw(base_effects=False), alpha=[0.3, -0.02])
    A = amplitudes_of(posterior.layout, posterior.draws)["A"][..., 0].ravel()
    found = loss_draws(posterior, "lora", model_size=7e9, pet_size=8.0, finetune_size=1e6)
    np.testing.assert_allclose(found, A * 7e9**-0.3 * 8**0.02 * 1e6**-0.1 + 1.0, rtol=1e-9)
    assert "model_size * pet_size" in set(posterior.exponents()["factor"])


def test_the_fitted_A_gives_the_fitted_loss(fit):
    plain = replace(fit, model=bs.JointLaw(base_effects=False))
    A = amplitudes_of(fit.layout, fit.draws)["A"].reshape(-1, 3)
    for c, method in enumerate(METHODS):
        alpha, beta, E = (fit.family(name)[:, c] for name in ("alpha", "beta", "E"))
        paper = A[:, c] * S16**-alpha * 2e6**-beta + E
        np.testing.assert_allclose(loss_draws(plain, method, model_size=S16, finetune_size=2e6), paper, rtol=1e-8)


def test_exponents_summarise_the_draws(fit):
    row = fit.exponents(prob=0.8).query("method == 'lora' and parameter == 'alpha'").iloc[0]
    draws = fit.family("alpha")[:, 2]
    assert row["mean"] == pytest.approx(draws.mean()) and row["sd"] == pytest.approx(draws.std())
    assert np.mean((draws >= row["hdi_low"]) & (draws <= row["hdi_high"])) == pytest.approx(0.8, abs=0.005)
    low, high = np.quantile(draws, [0.1, 0.9])
    assert row["hdi_high"] - row["hdi_low"] <= high - low  # the shortest interval
    assert row["prob_positive"] == np.mean(draws > 0)
    assert 100 < row["ess_bulk"] < 8000 and row["r_hat"] < 1.02


def test_a_fixed_exponent_has_no_convergence_to_tell(runs):
    row = canned(runs).exponents().query("method == 'lora' and parameter == 'beta'").iloc[0]
    assert row["mean"] == pytest.approx(0.1) and row["sd"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(row["ess_bulk"]) and np.isnan(row["r_hat"])


def test_compare_exponents_counts_draws(runs):
    shape = (2, 500, 3)
    alpha, beta = RNG.normal(0.3, 0.05, shape), RNG.normal(0.28, 0.05, shape)
    posterior = canned(runs, alpha=alpha, beta=beta)
    table = posterior.compare_exponents("model_size", "finetune_size", rope=0.03)
    for c, row in enumerate(table.itertuples()):
        difference = (alpha - beta)[..., c]
        assert row.difference == pytest.approx(difference.mean()) and row.sd == pytest.approx(difference.std())
        assert row.p_greater == np.mean(difference > 0)
        assert row.p_rope == np.mean(np.abs(difference) < 0.03)
        assert row.hdi_low < row.difference < row.hdi_high
        assert row.doubling_first == pytest.approx(np.mean(1 - 2 ** -alpha[..., c]))
        assert row.doubling_second == pytest.approx(np.mean(1 - 2 ** -beta[..., c]))
    turned = posterior.compare_exponents("finetune_size", "model_size", rope=0.03)
    np.testing.assert_allclose(turned["difference"], -table["difference"])
    np.testing.assert_allclose(turned["p_greater"], 1 - table["p_greater"])
    assert "P(model_size > finetune_size) = " in table.attrs["text"]


@pytest.mark.parametrize("names", [("model_size", "pretrain_size"), ("size", "model_size")])
def test_exponents_that_the_fit_lacks_are_refused(fit, names):
    with pytest.raises(bs.BayesScalingError) as caught:
        fit.compare_exponents(*names)
    text = str(caught.value)
    assert f"exponents of both {names[0]!r} and {names[1]!r}; it has finetune_size, model_size" in text
    assert "where it takes two or more values" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"second": "model_size"}, "first='model_size', second='model_size': an exponent does not differ from itself"),
        *(({"rope": rope}, f"rope={rope!r}: half the width of a region about 0") for rope in (-1, 0, np.inf, "wide")),
        ({"rope": float("nan")}, "rope=nan: half the width"),
    ],
)
def test_a_comparison_that_says_nothing_is_refused(runs, arguments, message):
    with pytest.raises(bs.BayesScalingError) as caught:
        canned(runs).compare_exponents(**({"first": "model_size", "second": "finetune_size"} | arguments))
    assert message in str(caught.value)
