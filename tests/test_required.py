"""Inverse prediction against algebra: what size a target takes, draw by draw."""

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.required import first_at_most
from shared.posteriors import S8, S16, TASK, canned

RNG = np.random.default_rng(7)
S = 2 * 500


@pytest.fixture(scope="module")
def spread(runs):
    """Draws whose floors of every method lie about 1.0, with a slope of D_f that varies."""
    E = RNG.normal(1.0, 0.05, (2, 500, 1)) * np.ones(3)
    beta = RNG.uniform(0.1, 0.3, (2, 500, 1)) * np.ones(3)
    return canned(runs, E=E, beta=beta)


def by_algebra(fit, target, model_size):
    """The multiplicative law solved for D_f in every draw of LoRA, infinite below its floor."""
    layout, c = fit.layout, fit.layout.cell_index[TASK, "lora"]
    (k,) = layout.terms_of_cell[c].values()
    E, beta, R = (fit.family(name)[:, i] for name, i in (("E", c), ("beta", c), ("reducible", c)))
    at_size = R * np.exp(-fit.family("alpha")[:, k] * (np.log(model_size) - layout.log_x0[k]))
    with np.errstate(invalid="ignore", divide="ignore"):
        log_d = layout.log_d0[c] - np.log((target - E) / at_size) / beta
    return np.where(target > E, np.exp(log_d), np.inf)


def test_every_draw_is_the_law_solved_for_d_f(spread):
    limits = (10.0, 1e12)
    found = spread.required(1.15, "lora", model_size=S8, base="8B", limits=limits)
    exact = by_algebra(spread, 1.15, S8)
    exact = np.where(exact > limits[1], np.inf, np.maximum(exact, limits[0]))
    assert found.draws.shape == (S,)
    np.testing.assert_allclose(found.draws, exact, rtol=1e-3)
    row = found.table.iloc[0]
    assert row["p_reachable"] == np.mean(np.isfinite(exact)) < 1.0
    assert row["low"] <= row["median"] <= row["high"]


def test_a_floor_above_the_target_is_never_and_says_so(spread):
    found = spread.required(0.7, "lora", model_size=S8)
    assert found.table.iloc[0]["p_reachable"] == 0.0
    assert np.all(np.isinf(found.draws)) and np.isinf(found.table.iloc[0]["median"])
    assert "is probably out of reach of D_f: P(reachable between 400 and 1M) = 0.00" in found.text


def test_an_interval_may_end_in_never(spread):
    found = spread.required(1.06, "lora", model_size=S8, base="8B", limits=(10.0, 1e14))
    row = found.table.iloc[0]
    assert np.isfinite(row["median"]) and np.isinf(row["high"])
    assert "to never)" in found.text and "lies outside the measured ones (beyond)" in found.text


def test_a_target_that_the_smallest_size_meets_is_reached_already(spread):
    found = spread.required(5.0, "lora", model_size=S8)
    assert found.table.iloc[0][["p_reachable", "p_already"]].tolist() == [1.0, 1.0]
    np.testing.assert_allclose(found.draws, found.limits[0])
    assert "reached at the smallest of these already with probability 1.00" in found.text


def test_the_model_size_that_a_target_takes(runs):
    """On one new LLM: its effect is drawn once, not anew at every size."""
    fit = canned(runs, base_scale=0.02)
    found = fit.required(1.3, "full", "model_size", finetune_size=5e6, limits=(1e8, 1e12))
    design = bs.load_data("zhang2024_en_zh").query("method == 'full'").head(1)
    some = [3, 400, 999]
    for i in some:
        at = design.assign(model_size=found.draws[i], finetune_size=5e6, base="an LLM of the required size")
        ((_, parts),) = fit.blocks(at)
        assert np.exp(parts.log_mean[i, 0]) == pytest.approx(1.3, rel=1e-3)
    assert found.table.iloc[0]["finetune_size"] == 5e6 and "takes model_size" in found.text


def test_the_first_size_counts_where_a_loss_rises_again():
    x, loss = np.log([1.0, 10.0, 100.0, 1000.0]), np.array([[4.0, 2.0, 1.0, 3.0], [4.0, 3.0, 2.5, 2.1]])
    found = first_at_most(x, loss, 2.0)
    assert found[0] == pytest.approx(10.0) and np.isinf(found[1])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"target": -1.0}, "target=-1.0: the loss to reach is a positive number"),
        ({"method": "ia3"}, "method='ia3' was not fitted on 'WMT19 En-Zh'; fitted are 'full', 'prompt', 'lora'"),
        ({"of": "pet_size"}, "of='pet_size': the law of 'lora' has the sizes 'finetune_size', 'model_size'"),
        ({"finetune_size": 1e5}, "finetune_size=100000.0: this is the size that is asked for"),
        ({"of": "model_size", "model_size": None}, "finetune_size=None: give D_f"),
        ({"limits": (5.0, 1.0)}, "limits=.*: give the smallest and the largest D_f"),
        ({"model_size": None}, "model_size"),
    ],
)
def test_what_is_wrong_is_told(spread, asked, message):
    given = {"target": 1.2, "method": "lora", "model_size": S16} | asked
    with pytest.raises(bs.DesignError, match=message):
        spread.required(**given)
