"""What a larger LLM is worth in data, and per unit of cost, against the laws' algebra."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from shared.posteriors import S8, canned

RNG = np.random.default_rng(3)
AT = {"finetune_size": 3e4, "model_size": S8}


@pytest.fixture(scope="module")
def spread(runs):
    """Exponents that vary from draw to draw; base effects and drift are no part of the answer."""
    beta, alpha = (RNG.uniform(0.05, 0.3, (2, 500, 3)) for _ in range(2))
    return canned(runs, beta=beta, alpha=alpha, base_scale=0.3)


def test_under_the_multiplicative_law_it_is_a_power_of_the_ratio_of_exponents(spread):
    found = spread.worth_in_data("model_size", 3.0, **AT)
    assert found.table["method"].tolist() == ["full", "prompt", "lora"]
    for c, draws in enumerate(found.draws):
        exact = 3.0 ** (spread.family("alpha")[:, c] / spread.family("beta")[:, c])
        np.testing.assert_allclose(draws, exact, rtol=1e-3)
        row = found.table.iloc[c]
        assert row["p_more"] == np.mean(exact > 3.0)  # which is P(alpha > beta)
        assert row["low"] < row["median"] < row["high"]
    again = spread.worth_in_data("model_size", 3.0, finetune_size=1e6, model_size=1e9)
    np.testing.assert_allclose(again.draws, found.draws, rtol=1e-3)


def test_under_the_additive_law_it_depends_on_where(runs):
    """A n^-a + B d^-b + E: the gain from a doubling of n, in d."""
    fit = canned(runs, bs.JointLaw("additive", discrepancy=False, base_slopes=False), reducible=0.4, data_term=0.2)
    found = fit.worth_in_data("model_size", 2.0, **AT)
    layout = fit.layout
    for c, method in enumerate(layout.method):
        x = np.log(S8) - layout.log_x0[list(layout.cell_of_term).index(c)]
        data = 0.2 * np.exp(-0.1 * (np.log(3e4) - layout.log_d0[c]))
        gain = 0.4 * np.exp(-0.3 * x) * (1 - 2.0**-0.3)
        exact = (1 - gain / data) ** (-1 / 0.1) if gain < data else np.inf
        exact = exact if exact < 1e6 else np.inf
        np.testing.assert_allclose(found.draws[c], exact, rtol=2e-3, err_msg=method)


def test_data_that_never_catch_up_say_so(runs):
    found = canned(runs, beta=0.001).worth_in_data(**AT)
    assert np.isinf(found.draws).all() and (found.table["p_beyond"] == 1).all()
    assert "full: more than 1M" in found.text


def test_the_sentence_and_the_curve(spread):
    found = spread.worth_in_data(**AT)
    assert "for a typical base LLM, a doubling of model_size is worth so many times the finetuning data" in found.text
    (ax,) = found.plot()
    assert len(ax.lines) == 4 and "is worth" in ax.get_xlabel()


def test_a_required_size_is_drawn(spread):
    required = spread.required(1.3, "lora", model_size=S8)
    (ax,) = required.plot()
    x, y = ax.lines[0].get_data()
    finite = required.draws[np.isfinite(required.draws)]
    assert y[-1] == pytest.approx(finite.size / required.draws.size)
    assert np.interp(0.5, y, x) == pytest.approx(required.table["median"].iloc[0], rel=0.05)


@pytest.fixture(scope="module")
def crossed():
    design = pd.MultiIndex.from_product(
        [[1e9, 2e9, 4e9], [1e10, 1e11], [1e4, 1e5]], names=["model_size", "pretrain_size", "finetune_size"]
    ).to_frame(index=False)
    runs = bs.load_runs(design.assign(task="sum", method="lora", loss=2 + 0.01 * np.arange(len(design))))
    alpha = RNG.uniform(0.05, 0.3, (2, 500, 2))
    return canned(runs, alpha=alpha)


def test_per_unit_of_pretraining_compute_it_is_the_difference_of_the_exponents(crossed):
    """6 N P doubles with either."""
    row = crossed.compare_per_cost("model_size", "pretrain_size", model_size=2e9, pretrain_size=1e10).iloc[0]
    plain = crossed.compare_exponents("model_size", "pretrain_size").iloc[0]
    assert (row["elasticity_first"], row["elasticity_second"]) == pytest.approx((1.0, 1.0))
    assert row["p_greater"] == pytest.approx(plain["p_greater"], abs=1e-9)
    assert row["difference"] == pytest.approx(plain["difference"])


def test_serving_makes_model_size_dearer(crossed):
    """6 N P + 2 N T: the elasticity of N is 1, of P the share of pretraining, here a quarter."""

    def cost(model_size, pretrain_size):
        return 6 * model_size * pretrain_size + 2 * model_size * 9e10

    table = crossed.compare_per_cost("model_size", "pretrain_size", cost=cost, model_size=2e9, pretrain_size=1e10)
    row, alpha = table.iloc[0], crossed.family("alpha")
    assert row["elasticity_second"] == pytest.approx(0.25, rel=1e-6)
    assert row["p_greater"] == np.mean(alpha[:, 0] > 4 * alpha[:, 1])
    assert "a unit of log cost buys" in table.attrs["text"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"times": 1.0}, "times=1.0: by how much the size grows, above 1"),
        ({"of": "pet_size"}, "of='pet_size': no method of"),
        ({"finetune_size": None}, "finetune_size=None: give the size that is compared from"),
    ],
)
def test_what_is_wrong_is_told(spread, asked, message):
    with pytest.raises(bs.BayesScalingError, match=message):
        spread.worth_in_data(**AT | asked)


def test_a_wrong_cost_is_told(crossed):
    at = {"model_size": 2e9, "pretrain_size": 1e10}
    with pytest.raises(bs.BayesScalingError, match="it does not grow with pretrain_size"):
        crossed.compare_per_cost("model_size", "pretrain_size", cost=lambda model_size, pretrain_size: model_size, **at)
    with pytest.raises(bs.BayesScalingError, match="a cost is a positive number"):
        crossed.compare_per_cost("model_size", "pretrain_size", cost=lambda **sizes: -1.0, **at)
    with pytest.raises(bs.BayesScalingError, match="has no 'pretrain_size'"):
        crossed.compare_per_cost("model_size", "pretrain_size", cost=lambda model_size: model_size, model_size=2e9)
