"""Plots of contrasts, priors, base effects, residuals, maps, regrets and weights: they draw what the tables say."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling import arviz_bridge
from bayes_scaling.plots.style import method_styles
from shared.posteriors import S8, TASK, scattered

MODEL = bs.JointLaw()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def made(runs):
    return scattered(runs[runs["split"] == "fit"], MODEL)


@pytest.fixture(scope="module")
def wins(made):
    return made.win_probability([1e4, 1e5, 1e6, 1e7], model_size=[1e9, 4e9, 2e10])


def drawn(axes):
    axes[0].figure.canvas.draw()
    return axes


def points(ax, marker):
    """Positions of one kind of marker, in their order."""
    return [tuple(xy) for line in ax.lines if line.get_marker() == marker for xy in line.get_xydata().tolist()]


def spans(ax, width):
    """Both ends of the horizontal lines of a width."""
    lines = [line for line in ax.lines if line.get_linewidth() == width and len(line.get_xdata()) == 2]
    return [tuple(line.get_xdata()) for line in lines if line.get_ydata()[0] == line.get_ydata()[1]]


def test_a_contrast_draws_the_comparison_and_shades_what_is_practically_none(made):
    (ax,) = drawn(bs.plot_contrast(made, "model_size", rope=0.05, prob=0.8))
    table = made.compare_exponents("model_size", rope=0.05, prob=0.8)
    assert spans(ax, 1.4) == list(zip(table["hdi_low"], table["hdi_high"], strict=True))
    for y, (method, row) in enumerate(table.set_index("method").iterrows()):
        assert (row["difference"], y) in points(ax, method_styles([method])[method].marker)
    left, right = ax.patches[0].get_x(), ax.patches[0].get_x() + ax.patches[0].get_width()
    assert (left, right) == pytest.approx((-0.05, 0.05))
    words = [text.get_text() for text in ax.texts]
    assert words[-1] == "P(> 0) | P(ROPE)"
    assert len(words) == len(table) + 1


def test_a_contrast_of_exponents_that_no_method_has_says_so(made):
    with pytest.raises(bs.BayesScalingError, match=r"no .task, method. of this fit"):
        bs.plot_contrast(made, "pretrain_size")


def test_a_win_map_has_a_panel_a_method_with_the_probabilities_of_the_table(made, wins):
    axes = drawn(bs.plot_win_map(wins))
    assert [ax.get_title() for ax in axes] == ["full", "prompt", "lora"]
    shown = np.stack([ax.collections[0].get_array().reshape(3, 4) for ax in axes])
    for m, ax in enumerate(axes):
        rows = wins[wins["method"] == ax.get_title()].sort_values(["model_size", "finetune_size"])
        np.testing.assert_array_equal(shown[m].ravel(), rows["p_best"])
        outside = rows[rows["region"] != "interior"]
        assert sorted(points(ax, "x")) == sorted(zip(outside["finetune_size"], outside["model_size"], strict=True))
    np.testing.assert_allclose(shown.sum(axis=0), 1.0)


def test_a_win_map_says_which_grid_it_needs(made, wins):
    with pytest.raises(bs.BayesScalingError, match="no other size"):
        bs.plot_win_map(wins[wins["model_size"] == 1e9])
    with pytest.raises(bs.BayesScalingError, match="no column 'region'"):
        bs.plot_win_map(wins.drop(columns="region"))


def test_regret_is_drawn_against_size(wins):
    axes = drawn(bs.plot_regret(wins))
    assert [ax.get_title() for ax in axes] == ["model_size 1B", "model_size 4B", "model_size 20B"]
    for ax, size in zip(axes, (1e9, 4e9, 2e10), strict=True):
        for line in ax.lines:
            rows = wins[(wins["method"] == line.get_label()) & (wins["model_size"] == size)]
            np.testing.assert_array_equal(line.get_ydata(), rows["expected_regret"])


def test_regret_is_drawn_against_cost_with_the_methods_that_none_beats_joined(made):
    table = made.choose(1e5, model_size=S8, cost={"full": 20.0, "lora": 1.0, "prompt": 2.0}).table
    table = table.assign(expected_regret=[0.0, 0.03, 0.02])  # full, prompt, lora: prompt is dearer and worse than lora
    (ax,) = drawn(bs.plot_regret(table))
    front = next(line for line in ax.lines if line.get_label() == "_front")
    assert list(zip(front.get_xdata(), front.get_ydata(), strict=True)) == [(1.0, 0.02), (20.0, 0.0)]
    assert points(ax, method_styles(["prompt"])["prompt"].marker) == [(2.0, 0.03)]
    with pytest.raises(bs.BayesScalingError, match="costs at several D_f"):
        bs.plot_regret(pd.concat([table, table.assign(finetune_size=1.0)]))


def test_priors_stand_behind_the_posteriors_draws(made):
    axes = drawn(bs.plot_priors(made, ["alpha", "sigma"]))
    assert [ax.get_title() for ax in axes][:3] == [
        f"alpha\nmodel_size, {TASK}, {m}" for m in ("full", "prompt", "lora")
    ]
    assert len(axes) == 6
    for k, ax in enumerate(axes[:3]):
        draws = made.family("alpha")[:, k]
        bars = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in ax.patches[:50]]
        assert sum(width * height for _, width, height in bars) == pytest.approx(1.0)
        assert sum((x + width / 2) * width * height for x, width, height in bars) == pytest.approx(
            draws.mean(), rel=0.03
        )


def test_priors_of_a_family_without_any_say_what_there_is(made):
    with pytest.raises(bs.BayesScalingError, match=r"the fit's families are .*beta"):
        bs.plot_priors(made, ["gamma"])


@pytest.mark.parametrize("of", ["level", "slope"])
def test_base_effects_are_drawn_in_per_cent_with_their_intervals(made, of):
    (ax,) = drawn(bs.plot_base_effects(made, of, prob=0.8))
    draws = 100 * np.expm1(made.family("base_effect")) if of == "level" else 100 * made.family("base_slope")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1B", "2B", "4B", "8B"]
    found = sorted(x for style in method_styles(["full"]).values() for x, _ in points(ax, style.marker))
    assert found == pytest.approx(sorted(draws.mean(axis=0)))
    intervals = sorted(arviz_bridge.hdi(draws[:, h], 0.8) for h in range(draws.shape[1]))
    np.testing.assert_allclose(sorted(spans(ax, 1.2)), intervals)


def test_base_effects_that_the_model_has_not_are_an_error(runs):
    alone = scattered(runs[runs["split"] == "fit"], bs.JointLaw(base_effects=False, base_slopes=False))
    with pytest.raises(bs.BayesScalingError, match="no such effects"):
        bs.plot_base_effects(alone)


def test_residuals_stand_at_the_sizes_of_their_runs_and_grow_where_a_run_is_off(runs):
    spoiled = runs[runs["split"] == "fit"].reset_index(drop=True)
    spoiled.loc[5, "loss"] *= 1.5
    posterior = scattered(spoiled, bs.JointLaw(base_slopes=False, discrepancy=False))
    by_size, by_model = drawn(bs.plot_residuals(posterior))
    marker = method_styles(["full"])["full"].marker
    clean = scattered(runs[runs["split"] == "fit"], bs.JointLaw(base_slopes=False, discrepancy=False))
    before, _ = bs.plot_residuals(clean)
    moved = np.flatnonzero(np.array(points(by_size, marker))[:, 1] != np.array(points(before, marker))[:, 1])
    assert moved.tolist() == [5]
    assert points(by_size, marker)[5][1] - points(before, marker)[5][1] > 10
    full = spoiled[spoiled["method"] == "full"]
    for ax, column in ((by_size, "finetune_size"), (by_model, "model_size")):
        np.testing.assert_allclose([x for x, _ in points(ax, marker)], full[column], rtol=0.1)


def test_law_weights_are_drawn_with_their_intervals():
    weights = {"weight": [0.7, 0.3], "weight_low": [0.2, 0.0], "weight_high": [1.0, 0.8]}
    table, none = pd.DataFrame({"law": ["additive", "power"], **weights}), np.empty((0, 2))
    comparison = bs.LawComparison(table, pointwise=none, weight_draws=none, fits=(), told_apart=False, text="")
    (ax,) = drawn(bs.plot_law_weights(comparison))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["additive", "power"]
    assert [bar.get_width() for bar in ax.patches] == [0.7, 0.3]
    assert spans(ax, 1.2) == [(0.2, 1.0), (0.0, 0.8)]
    assert ax.get_title() == "the runs cannot tell the laws apart"


def test_plots_draw_on_given_axes_and_open_no_figure(made, wins):
    figure, _ = plt.subplots(1, 6)
    for plot, panels in (
        (lambda ax: bs.plot_contrast(made, "model_size", ax=ax[0]), 1),
        (lambda ax: bs.plot_win_map(wins, ax=ax), 3),
        (lambda ax: bs.plot_regret(wins, ax=ax), 3),
        (lambda ax: bs.plot_priors(made, "beta", ax=ax), 3),
        (lambda ax: bs.plot_base_effects(made, ax=ax[0]), 1),
        (lambda ax: bs.plot_residuals(made, ax=ax), 2),
    ):
        figure.clear()
        given = list(figure.subplots(1, panels, squeeze=False)[0])
        assert plot(given) == given
    assert plt.get_fignums() == [figure.number]
