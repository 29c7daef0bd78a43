"""A base LLM outside the measured sizes is drawn from a wider population of base LLMs, the wider the farther out."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling import strangeness
from bayes_scaling.prediction import encode
from shared.posteriors import S8, S16, TASK, canned, loss_draws

SLOPED = bs.JointLaw(discrepancy=False)


@pytest.fixture
def upto_8b(runs):
    return runs[runs["base"] != "16B"]


def spread(runs, method):
    """Standard deviation of the log sizes of a method's base LLMs."""
    return np.log(runs[runs["method"] == method].drop_duplicates("base")["model_size"]).std(ddof=0)


def effect(posterior, law, method="lora", **columns):
    """Draws of a new base's effect on log loss, given the law's loss there."""
    return np.log(loss_draws(posterior, method, **columns) / loss_draws(law, method, **columns))


def test_one_deviation_outside_the_sizes_doubles_the_effect(upto_8b):
    posterior, law = canned(upto_8b), canned(upto_8b, base_scale=1e-300)
    unit = effect(posterior, law, base="new")
    for deviations in (-2.0, -0.5, 0.5, 1.0, 3.0):
        edge = S8 if deviations > 0 else upto_8b["model_size"].min()
        size = edge * np.exp(deviations * spread(upto_8b, "lora"))
        farther = effect(posterior, law, base="new", model_size=size)
        np.testing.assert_allclose(farther, (1 + abs(deviations)) * unit, rtol=1e-9)


def test_inside_the_sizes_nothing_is_wider(upto_8b):
    posterior, law = canned(upto_8b), canned(upto_8b, base_scale=1e-300)
    inside = [effect(posterior, law, base="new", model_size=size) for size in (1.2e9, 3e9, S8)]
    np.testing.assert_allclose(inside[0], inside[1], rtol=1e-9)
    np.testing.assert_allclose(inside[0], inside[2], rtol=1e-9)


def test_the_slope_of_a_new_base_is_wider_too(upto_8b):
    levels = {"base_scale": 1e-300, "slope_scale": 1e-300}
    law, sloped = canned(upto_8b, SLOPED, **levels), canned(upto_8b, SLOPED, base_scale=1e-300, slope_scale=0.1)
    centre = float(np.exp(law.layout.log_d0[law.layout.cell_index[TASK, "lora"]]))

    def slope(size):
        at = {"base": "new", "model_size": size}
        fallen = [
            np.log(loss_draws(p, "lora", **at, finetune_size=1e8) / loss_draws(p, "lora", **at, finetune_size=centre))
            for p in (sloped, law)
        ]
        return fallen[0] / fallen[1] - 1.0

    np.testing.assert_allclose(slope(S8 * np.exp(spread(upto_8b, "lora"))), 2.0 * slope(S8), rtol=1e-6)


def test_a_fitted_base_keeps_its_effect(runs):
    known = canned(runs, base_effect=0.03)
    law = canned(runs, base_scale=1e-300)
    assert effect(known, law, base="16B", model_size=S16) == pytest.approx(0.03)
    assert effect(known, law, base="16B", model_size=10 * S16) == pytest.approx(0.03)


def test_what_another_method_has_seen_of_a_base_is_no_wider(runs):
    without = runs[(runs["method"] != "lora") | (runs["base"] != "16B")]
    known = canned(without, base_common=0.5, base_share=1.0)
    law = canned(without, base_scale=1e-300)
    assert effect(known, law, model_size=S16) == pytest.approx(0.5 * 0.05)  # all of it is shared, and told
    own = canned(without, base_share=0.0)
    inside = effect(own, law, base="new")
    assert np.std(effect(own, law, model_size=S16)) > 1.3 * np.std(inside)  # 16B has no run by this method


def test_the_farther_of_two_factors_counts_and_an_unknown_size_does_not():
    ladder = bs.load_data("ladder")
    runs = ladder[(ladder["task"] == "en_de") & (ladder["method"] == "full")]
    posterior = canned(runs, base_scale=0.05)
    sizes = {"model_size": runs["model_size"].max(), "pretrain_size": runs["pretrain_size"].max()}
    rows = pd.DataFrame({"method": ["full"] * 4, "task": "en_de", "finetune_size": 1600.0} | sizes)
    rows["model_size"] *= [1.0, 2.0, 2.0, 1.0]
    rows["pretrain_size"] *= [1.0, 1.0, 4.0, 0.9]
    bases = runs.drop_duplicates("base")
    deviations = [np.log(bases[factor]).std(ddof=0) for factor in ("model_size", "pretrain_size")]
    found = strangeness.factors(posterior, encode(posterior, rows), slice(0, 4))
    farther = max(np.log(2) / deviations[0], np.log(4) / deviations[1])
    assert found == pytest.approx([1.0, 1 + np.log(2) / deviations[0], 1 + farther, 1.0])


def test_a_law_of_data_alone_has_no_sizes_to_leave(runs):
    curve = runs[(runs["base"] == "8B") & (runs["method"] == "lora")]
    posterior = canned(curve, bs.JointLaw(factors=(), discrepancy=False, base_slopes=False))
    assert posterior.measured_sizes == [{}]
    rows = pd.DataFrame({"method": ["lora"], "finetune_size": [3e4]})
    assert strangeness.factors(posterior, encode(posterior, rows), slice(0, 1)) == pytest.approx([1.0])


def test_sizes_that_hardly_differ_are_no_unit_of_distance(upto_8b):
    """LLMs of one size but for a few heads: an eighth of it is stranger by what three doublings are, not a million."""
    alike = upto_8b.assign(model_size=4e9 * (1.0 + 1e-6 * upto_8b.groupby("base").ngroup()))
    posterior, law = canned(alike), canned(alike, base_scale=1e-300)
    wider = effect(posterior, law, base="new", model_size=5e8) / effect(posterior, law, base="new", model_size=4e9)
    np.testing.assert_allclose(wider, 1.0 + 3 * 2, rtol=1e-3)
