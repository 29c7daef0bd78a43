"""Bands at design points, and how far a point lies from what was measured."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import bayes_scaling as bs
from shared.posteriors import METHODS, S8, S16, TASK, canned, design, loss_draws

RNG = np.random.default_rng(20240226)


def test_a_seen_base_keeps_its_effect(fit):
    layout, c = fit.layout, fit.layout.cell_index[TASK, "lora"]
    f = {name: fit.family(name) for name in fit.draws}
    log_x, log_d = np.log(S8) - layout.log_x0[c], np.log(3e4) - layout.log_d0[c]
    at_centre = f["reducible"][:, c] * np.exp(-f["alpha"][:, c] * log_x)
    law = at_centre * np.exp(-f["beta"][:, c] * log_d) + f["E"][:, c]
    h = layout.effect_index[c, "8B"]
    slope = f["base_slope"][:, layout.slopes.effect.tolist().index(h)]
    loss = law * np.exp(f["base_effect"][:, h]) * (law / (at_centre + f["E"][:, c])) ** slope
    table = fit.predict(design(), prob=0.8)
    assert table["mean"][0] == pytest.approx(loss.mean(), rel=1e-9)
    np.testing.assert_allclose(table.loc[0, ["low", "high"]].astype(float), np.quantile(loss, [0.1, 0.9]), rtol=1e-6)
    below, above = np.quantile(loss, [0.5 - 0.6827 / 2, 0.5 + 0.6827 / 2])
    assert table["sd"][0] == pytest.approx((above - below) / 2, rel=1e-6)


def test_a_new_base_draws_an_effect_so_its_band_is_wider(fit):
    seen, new = fit.predict(design()), fit.predict(design(base="somebody else's 8B"))
    assert new["sd"][0] > 2 * seen["sd"][0]
    assert (new["high"] - new["low"])[0] > 2 * (seen["high"] - seen["low"])[0]


@pytest.mark.parametrize(("share", "low", "high"), [(0.01, -0.1, 0.1), (0.5, 0.4, 0.6), (0.99, 0.95, 1.0)])
def test_methods_on_one_new_base_share_their_part_of_its_effect(runs, share, low, high):
    # 4,000 draws: a rank correlation is off by .016 now and then, and by .1 in less than 1 of 10,000 posteriors
    posterior = canned(runs, chains=4, draws=1000, base_share=share)
    both = [loss_draws(posterior, method, base="new") for method in ("lora", "prompt")]
    assert low < spearmanr(*both).statistic < high
    other = loss_draws(posterior, "prompt", base="another")
    assert abs(spearmanr(both[0], other).statistic) < 0.1


def test_a_base_that_another_method_has_seen_is_partly_known(runs):
    without = runs[(runs["method"] != "lora") | (runs["base"] != "8B")]  # between others: outside them it is less known
    layout = bs.JointLaw().encode(bs.load_runs(without)).layout
    common = RNG.standard_t(4, size=(2, 2000, layout.n_commons))
    posterior = canned(without, chains=2, draws=2000, base_common=common, base_share=0.9)
    where = layout.common_index[TASK, "8B"]
    draws = loss_draws(posterior, "lora", model_size=S8)
    assert spearmanr(draws, common.reshape(-1, layout.n_commons)[:, where]).statistic > 0.85


def test_the_effect_of_a_new_base_has_the_models_scale(runs):
    posterior = canned(runs, chains=4, draws=5000, base_scale=0.05)
    effect = np.log(loss_draws(posterior, "lora", base="new") / loss_draws(posterior, "lora"))
    # a sum of two t(4): the central half lies a little further out than that of one t(4), within +-.74 scales
    half = np.quantile(np.abs(effect), 0.5) / 0.05
    assert 0.70 < half < 0.82


SLOPED = bs.JointLaw(discrepancy=False)
WIDE = {"finetune_size": 1e8}  # far from the centre, where a slope shows


def falls(posterior, method, base):
    """Draws of how much further log loss has fallen at a large D_f than the law says, as a share of the law's fall."""
    layout, c = posterior.layout, posterior.layout.cell_index[TASK, method]
    centre = float(np.exp(layout.log_d0[c]))
    plain = replace(posterior, model=replace(SLOPED, base_slopes=False))
    fallen = [
        np.log(loss_draws(p, method, base=base, **WIDE) / loss_draws(p, method, base=base, finetune_size=centre))
        for p in (posterior, plain)
    ]
    return fallen[0] / fallen[1] - 1.0


def test_a_seen_base_keeps_its_slope_and_a_new_one_draws_it(runs):
    effects = SLOPED.encode(bs.load_runs(runs)).layout.slopes.effect.size
    known = canned(runs, SLOPED, chains=4, draws=5000, base_slope=np.linspace(-0.3, 0.3, effects), slope_scale=0.1)
    layout = known.layout
    h = layout.slopes.effect.tolist().index(layout.effect_index[layout.cell_index[TASK, "lora"], "8B"])
    np.testing.assert_allclose(falls(known, "lora", "8B"), known.family("base_slope")[:, h], rtol=1e-6)
    # a sum of two t(4), each of scale .1 / sqrt(2): the central half as above
    assert 0.70 < np.quantile(np.abs(falls(known, "lora", "new")), 0.5) / 0.1 < 0.82


@pytest.mark.parametrize(("share", "low", "high"), [(0.01, -0.1, 0.1), (0.5, 0.4, 0.6), (0.99, 0.95, 1.0)])
def test_methods_on_one_new_base_share_their_part_of_its_slope(runs, share, low, high):
    posterior = canned(runs, SLOPED, chains=4, draws=1000, slope_share=share)
    both = [falls(posterior, method, "new") for method in ("lora", "prompt")]
    assert low < spearmanr(*both).statistic < high
    levels = canned(runs, SLOPED, chains=4, draws=1000, base_scale=0.05, slope_scale=1e-9)
    level = np.log(loss_draws(levels, "lora", base="new"))
    assert abs(spearmanr(both[0], level).statistic) < 0.1  # another draw than that of its level


def test_the_slope_of_a_base_that_another_method_has_seen_is_partly_known(runs):
    without = runs[(runs["method"] != "lora") | (runs["base"] != "16B")]
    layout = SLOPED.encode(bs.load_runs(without)).layout
    common = RNG.standard_t(4, size=(2, 2000, layout.slopes.common.size))
    posterior = canned(without, SLOPED, chains=2, draws=2000, base_slope_common=common, slope_share=0.9)
    where = layout.slopes.common.tolist().index(layout.common_index[TASK, "16B"])
    told = common.reshape(4000, -1)[:, where]
    assert spearmanr(falls(posterior, "lora", "16B"), told).statistic > 0.85


def test_the_lone_base_of_a_method_falls_as_its_law(runs):
    lone = runs[(runs["method"] != "lora") | (runs["base"] == "8B")]
    posterior = canned(lone, SLOPED, base_slope=0.3, slope_scale=0.1)
    assert np.abs(falls(posterior, "lora", "8B")).max() < 1e-9
    assert np.std(falls(posterior, "lora", "new")) > 0.05


def test_the_same_call_gives_the_same_numbers(fit):
    given = pd.concat([design(base="new"), design(), design(method="full")])
    for kind in ("mean", "run"):
        pd.testing.assert_frame_equal(fit.predict(given, kind), fit.predict(given, kind), check_exact=True)


def test_an_expected_loss_does_not_depend_on_the_other_rows(fit):
    sizes = np.geomspace(1e3, 1e8, 300)  # more than one block of rows
    grid = pd.concat(
        [design(method=m, base=b, finetune_size=s) for m in METHODS for b in ("new", "8B") for s in (1e4,)]
    )
    grid = pd.concat([grid, *(design(finetune_size=s) for s in sizes)], ignore_index=True)
    together = fit.predict(grid)
    order = np.random.default_rng(1).permutation(len(grid))
    shuffled = fit.predict(grid.iloc[order])
    numbers = ["mean", "sd", "low", "high", "distance"]
    np.testing.assert_allclose(shuffled[numbers], together[numbers].iloc[order], rtol=1e-12)
    for i in (0, 3, 5, 100, 305):
        alone = fit.predict(grid.iloc[[i]])
        np.testing.assert_allclose(alone[numbers], together[numbers].iloc[[i]], rtol=1e-12)


def test_a_run_has_the_band_of_the_mean_and_noise(fit):
    given = pd.concat([design(), design(method="full", finetune_size=5e6), design(base="new")])
    mean, run = fit.predict(given), fit.predict(given, kind="run")
    np.testing.assert_array_equal(run["mean"], mean["mean"])
    assert np.all(run["sd"] > mean["sd"])
    seen = [0, 1]  # on a new base the noise is small beside its effect, and the ends differ by Monte Carlo error too
    assert np.all(run["low"][seen] < mean["low"][seen]) and np.all(run["high"][seen] > mean["high"][seen])
    width = [table["high"][2] - table["low"][2] for table in (mean, run)]
    assert width[1] > 0.97 * width[0]


def test_the_noise_of_a_run_is_the_methods_own(runs):
    posterior = canned(runs, draws=5000, sigma=[0.01, 0.03, 0.1], nu=200.0)
    given = pd.concat([design(method=method) for method in METHODS])
    mean, run = posterior.predict(given), posterior.predict(given, kind="run")
    # 10,000 draws: the half-width of the central 68 % is known to about 1.5 %
    np.testing.assert_allclose(run["sd"] / mean["mean"], [0.01, 0.03, 0.1], rtol=0.06)
    assert np.all(mean["sd"] < 1e-12)


def test_a_higher_probability_has_a_wider_band(fit):
    for kind in ("mean", "run"):
        bands = [fit.predict(design(), kind, prob) for prob in (0.1, 0.5, 0.8, 0.9, 0.95, 0.99)]
        lows, highs = [b["low"][0] for b in bands], [b["high"][0] for b in bands]
        assert np.all(np.diff(lows) < 0) and np.all(np.diff(highs) > 0)


def test_a_model_without_base_effects_gives_a_new_base_none(fit):
    plain = replace(fit, model=bs.JointLaw(base_effects=False))
    seen, new = plain.predict(design()), plain.predict(design(base="new"))
    np.testing.assert_array_equal(new[["low", "high"]], seen[["low", "high"]])


@pytest.mark.parametrize("prob", [0, 1, -0.1, 90])
def test_a_probability_is_one(fit, prob):
    for call in (fit.exponents, lambda prob: fit.predict(design(), prob=prob)):
        with pytest.raises(bs.BayesScalingError, match=f"prob={prob!r}: must lie between 0 and 1, such as 0.9"):
            call(prob=prob)


def test_a_kind_is_mean_or_run(fit):
    with pytest.raises(bs.BayesScalingError, match="kind='noise': use 'mean' for expected loss or 'run'"):
        fit.predict(design(), kind="noise")


# --- regions


def test_regions_are_told_by_how_far_a_point_leaves_the_measured_sizes(fit):
    levels = np.sort(fit.runs.loc[fit.runs["method"] == "lora", "finetune_size"].unique())
    gap = np.diff(np.log10(levels)).max()
    low, high = levels[0], levels[-1]
    sizes = [
        low,
        np.sqrt(low * high),
        high,
        high * 10 ** (0.99 * gap),
        high * 10 ** (1.01 * gap),
        low / 1.01,
        low / 1e3,
    ]
    table = fit.predict(pd.concat([design(finetune_size=size) for size in sizes]))
    assert table["region"].tolist() == ["interior"] * 3 + ["edge", "beyond", "edge", "beyond"]
    np.testing.assert_allclose(table["distance"], [0, 0, 0, 0.99 * gap, 1.01 * gap, np.log10(1.01), 3], atol=1e-9)


def test_the_farthest_factor_decides_the_region(fit):
    table = fit.predict(design(model_size=[1e11], finetune_size=1e5))
    assert table["region"].tolist() == ["beyond"]
    assert table["distance"][0] == pytest.approx(np.log10(1e11 / S8))
    assert fit.predict(design(model_size=S16))["region"].tolist() == ["edge"]
    assert fit.predict(design(method="full"))["region"].tolist() == ["beyond"]


def test_every_fitted_run_lies_in_the_interior(fit):
    table = fit.predict(fit.runs)
    assert set(table["region"]) == {"interior"} and np.all(table["distance"] == 0)
