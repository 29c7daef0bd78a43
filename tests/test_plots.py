"""Plots: what they draw is what the tables say, and what they leave unmeasured is seen to be so."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb, to_rgba

import bayes_scaling as bs
from bayes_scaling.plots.style import method_styles, ordered_styles, setting_title

SIZES = {"1B": 0.956e9, "8B": 7.583e9, "16B": 14.78e9}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def drawn(axes):
    """Draw for real: a layout or a tick that cannot be drawn warns only then."""
    axes[0].figure.canvas.draw()
    return axes


def curves(ax):
    """Lines that a legend would name, by name."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def markers(ax, hollow):
    """Positions of filled or of hollow markers, as a sorted list of pairs."""
    lines = [line for line in ax.lines if line.get_marker() not in ("", "None") and line.get_linestyle() == "None"]
    white = to_rgba("white")
    chosen = [line for line in lines if (to_rgba(line.get_markerfacecolor()) == white) == hollow]
    return sorted(tuple(point) for line in chosen for point in line.get_xydata().tolist())


def band(ax, number):
    """Lower and upper edge of the panel's n-th band, by position."""
    points = ax.collections[number].get_paths()[0].vertices
    edges = pd.DataFrame(points, columns=["x", "y"]).groupby("x")["y"].agg(["min", "max"])
    return edges.index.to_numpy(), edges["min"].to_numpy(), edges["max"].to_numpy()


def pairs(runs, column="loss"):
    return sorted(zip(runs["finetune_size"].tolist(), runs[column].tolist(), strict=True))


def grey(color):
    return float(np.dot(to_rgb(color), [0.299, 0.587, 0.114]))


# --- styles


def test_base_llms_darken_with_size_so_that_a_grey_print_keeps_their_order():
    styles = ordered_styles(["1B", "2B", "4B", "8B", "16B"])
    assert np.all(np.diff([grey(style.color) for style in styles.values()]) < -0.05)
    assert len({style.marker for style in styles.values()}) == 5


def test_methods_keep_their_look_and_differ_without_colour():
    styles = method_styles(["adapter", "prompt"])
    assert styles["prompt"] == method_styles(["prompt"])["prompt"]
    assert len({style.marker for style in styles.values()}) == len({style.line for style in styles.values()}) == 4


def test_titles_name_the_task_where_there_are_several_or_no_sizes():
    assert setting_title({"task": "MLSum", "model_size": 7.583e9}) == "model_size 7.58B"
    assert setting_title({"task": "MLSum", "model_size": 7.583e9}, tasks=2) == "MLSum, model_size 7.58B"
    assert setting_title({"task": "MLSum", "pet_size": np.nan}) == "MLSum"


# --- plot_fit


def test_fit_has_a_panel_a_method_and_a_curve_a_base(fit, held_out):
    axes = drawn(bs.plot_fit(fit, held_out))
    assert [ax.get_title() for ax in axes] == ["full", "prompt", "lora"]
    for ax in axes:
        assert list(curves(ax)) == ["1B", "2B", "4B", "8B", "16B"]
        assert [line.get_linestyle() for line in curves(ax).values()] == ["-", "-", "-", "-", "--"]
        assert "D_f" in ax.get_xlabel()
    assert axes[0].get_ylabel() == "loss (nats per target token)"
    legend = [text.get_text() for text in axes[0].figure.legends[0].get_texts()]
    assert {"1B", "16B (not fitted)", "90 % band of one new run", "held-out run"} <= set(legend)


@pytest.mark.parametrize("kind", ["run", "mean"])
def test_fit_draws_the_bands_that_predict_gives(fit, held_out, kind):
    axes = bs.plot_fit(fit, held_out, kind=kind, prob=0.8)
    for ax, method in zip(axes, ("full", "prompt", "lora"), strict=True):
        for number, (base, line) in enumerate(curves(ax).items()):
            size = held_out.loc[held_out["base"] == base, "model_size"].iloc[0]
            design = pd.DataFrame({"finetune_size": line.get_xdata(), "model_size": size})
            design = design.assign(method=method, base=base)
            expected = fit.predict(design, kind=kind, prob=0.8)
            x, low, high = band(ax, number)
            np.testing.assert_allclose(x, expected["finetune_size"], rtol=1e-12)
            np.testing.assert_allclose(low, expected["low"], rtol=1e-12)
            np.testing.assert_allclose(high, expected["high"], rtol=1e-12)
            np.testing.assert_allclose(line.get_ydata(), expected["mean"], rtol=1e-12)


def test_fit_fills_fitted_runs_and_leaves_held_out_runs_hollow(fit, held_out):
    for ax in bs.plot_fit(fit, held_out):
        method = ax.get_title()
        assert markers(ax, hollow=False) == pairs(fit.runs[fit.runs["method"] == method])
        assert markers(ax, hollow=True) == pairs(held_out[held_out["method"] == method])


def test_fit_shades_from_the_last_fitted_size_on(fit, held_out):
    for ax in bs.plot_fit(fit, held_out):
        last = fit.runs.loc[fit.runs["method"] == ax.get_title(), "finetune_size"].max()
        (shade,) = ax.patches
        assert shade.get_x() == last
        assert shade.get_x() + shade.get_width() == pytest.approx(ax.get_xlim()[1])
        assert [text.get_text() for text in ax.texts] == ["extrapolation"]


def test_fit_without_held_out_runs_has_nothing_hollow_and_no_shade(fit):
    for ax in drawn(bs.plot_fit(fit)):
        assert markers(ax, hollow=True) == []
        assert not ax.patches and not ax.texts
        assert list(curves(ax)) == ["1B", "2B", "4B", "8B"]


def test_fit_draws_on_given_axes_and_opens_no_figure(fit):
    figure, given = plt.subplots(1, 3)
    axes = drawn(bs.plot_fit(fit, axes=given))
    assert axes == list(given)
    assert plt.get_fignums() == [figure.number]
    assert all(ax.get_ylabel() for ax in axes)
    assert axes[-1].get_legend() is not None


def test_fit_labels_sizes_as_people_write_them(fit):
    axes = drawn(bs.plot_fit(fit))
    labels = {label.get_text() for label in axes[0].get_xticklabels()}
    assert {"1M", "2M", "5M", "10M", "20M"} <= labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: held.drop(columns="loss"), "held_out has no column 'loss'"),
        (lambda held: held.assign(loss=np.nan), "column 'loss': nan in row 0 is not a number"),
        (lambda held: held.assign(method="adapter"), "'adapter' was not fitted"),
    ],
)
def test_fit_says_what_is_wrong_with_held_out_runs(fit, held_out, change, message):
    with pytest.raises(bs.DesignError, match=message):
        bs.plot_fit(fit, change(held_out))


def test_fit_says_which_tasks_there_are(fit):
    with pytest.raises(bs.DesignError, match="task='MLSum' was not fitted; the tasks are 'WMT19 En-Zh'"):
        bs.plot_fit(fit, task="MLSum")


@pytest.mark.parametrize("wrong", [1, 2])
def test_fit_says_how_many_axes_it_needs(fit, wrong):
    _, given = plt.subplots(1, wrong)
    with pytest.raises(bs.BayesScalingError, match=f"{wrong} axes were given and the plot has 3 panels"):
        bs.plot_fit(fit, axes=given)
    with pytest.raises(bs.BayesScalingError, match="'left' is no matplotlib Axes"):
        bs.plot_fit(fit, axes=["left", "middle", "right"])


# --- plot_exponents


def test_exponents_draw_mean_and_intervals_of_the_table(fit):
    axes = drawn(bs.plot_exponents(fit, ("alpha", "beta", "E", "A"), prob=0.8))
    outer, inner = fit.exponents(0.8), fit.exponents(0.5)
    for ax, parameter in zip(axes, ("alpha", "beta", "E", "A"), strict=True):
        rows = outer["parameter"] == parameter
        assert [label.get_text() for label in ax.get_yticklabels()] == ["full", "prompt", "lora"]
        found = [line.get_xdata().tolist() for line in ax.lines]
        assert found[0::3] == outer.loc[rows, ["hdi_low", "hdi_high"]].to_numpy().tolist()
        assert found[1::3] == inner.loc[rows, ["hdi_low", "hdi_high"]].to_numpy().tolist()
        assert found[2::3] == outer.loc[rows, ["mean"]].to_numpy().tolist()
    assert [ax.get_xscale() for ax in axes] == ["linear", "linear", "linear", "log"]
    assert axes[0].get_title() == r"$\alpha$ of model_size"
    assert axes[2].get_xlabel() == "nats per target token"


def test_exponents_put_published_values_in_their_rows(fit):
    published = bs.published_exponents()
    axes = bs.plot_exponents(fit, published=published)
    here = published[(published["task"] == "WMT19 En-Zh") & published["factor"].isin(["model_size", ""])]
    for ax, parameter in zip(axes, ("alpha", "beta"), strict=True):
        value = here[here["parameter"] == parameter].set_index("method")["value"]
        diamonds = [line for line in ax.lines if line.get_marker() == "D"]
        assert all(line.get_markerfacecolor() == "none" for line in diamonds)
        assert [line.get_xdata()[0] for line in diamonds] == value[["full", "prompt", "lora"]].tolist()
        assert [round(float(line.get_ydata()[0])) for line in diamonds] == [0, 1, 2]


def test_exponents_leave_out_what_was_not_published(fit):
    published = bs.published_exponents()
    (ax,) = bs.plot_exponents(fit, "alpha", published[published["method"] == "lora"])
    assert sum(line.get_marker() == "D" for line in ax.lines) == 1


@pytest.mark.parametrize(
    ("parameters", "change", "message"),
    [
        (("gamma",), None, "the fit has no 'gamma'; it has A, alpha, beta, E"),
        ((), None, "parameters is empty"),
        (("beta",), lambda p: p.drop(columns="value"), "published has no column 'value'"),
        (
            ("beta",),
            lambda p: p[p["task"] == "MLSum"],
            "the tasks 'MLSum', the fit about 'WMT19 En-Zh'",
        ),
    ],
)
def test_exponents_say_what_is_wrong(fit, parameters, change, message):
    published = None if change is None else change(bs.published_exponents())
    with pytest.raises(bs.BayesScalingError, match=message):
        bs.plot_exponents(fit, parameters, published)


# --- plot_wins


@pytest.fixture(scope="module")
def wins(fit):
    return fit.win_probability(np.geomspace(4e3, 2.5e7, 10), model_size=list(SIZES.values()))


def test_wins_draw_the_table_with_its_monte_carlo_error(wins):
    axes = drawn(bs.plot_wins(wins))
    assert [ax.get_title() for ax in axes] == ["model_size 956M", "model_size 7.58B", "model_size 14.8B"]
    for ax, size in zip(axes, SIZES.values(), strict=True):
        assert list(curves(ax)) == ["full", "prompt", "lora"]
        for number, (method, line) in enumerate(curves(ax).items()):
            rows = wins[(wins["method"] == method) & (wins["model_size"] == size)]
            assert sorted(map(tuple, line.get_xydata().tolist())) == pairs(rows, "p_best")
            _, low, high = band(ax, number)
            np.testing.assert_allclose(low, np.clip(rows["p_best"] - 2 * rows["mcse"], 0, 1), atol=1e-12)
            np.testing.assert_allclose(high, np.clip(rows["p_best"] + 2 * rows["mcse"], 0, 1), atol=1e-12)
    assert axes[0].get_ylabel() == "P(lowest expected loss)"


def test_wins_are_hollow_where_a_method_was_not_measured(wins):
    for ax, size in zip(bs.plot_wins(wins), SIZES.values(), strict=True):
        rows = wins[wins["model_size"] == size]
        measured = rows["region"] == "interior"
        assert markers(ax, hollow=False) == pairs(rows[measured], "p_best")
        assert markers(ax, hollow=True) == pairs(rows[~measured], "p_best")
    assert measured.sum() == 0  # 16B was not fitted, at any size


def test_wins_show_the_sizes_each_method_was_measured_at(fit, wins):
    axes = drawn(bs.plot_wins(wins, posterior=fit))
    for ax in axes:
        rows = {line.get_label(): line for line in ax.lines if line.get_label().endswith(" measured")}
        for method in ("full", "prompt", "lora"):
            expected = np.unique(fit.runs.loc[fit.runs["method"] == method, "finetune_size"])
            np.testing.assert_array_equal(rows[f"_{method} measured"].get_xdata(), expected)
        assert ax.get_yticks().tolist() == [0, 0.25, 0.5, 0.75, 1]
        assert {"full", "prompt", "lora"} <= {text.get_text() for text in ax.texts}
    assert [ax.get_title().endswith("(not fitted)") for ax in axes] == [False, False, True]


def test_wins_name_the_range_of_a_method_that_the_panel_does_not_reach(fit):
    (ax,) = drawn(bs.plot_wins(fit.win_probability([1e4, 5e4], model_size=SIZES["1B"]), posterior=fit))
    (words,) = [text for text in ax.texts if text.get_text().startswith("full")]
    assert words.get_text() == "full (at 1M to 20M)"
    box, panel = words.get_window_extent(), ax.get_window_extent()
    assert panel.x0 < box.x0 and box.x1 < panel.x1


def test_wins_at_one_size_show_regret(fit):
    table = fit.win_probability(2e5, model_size=SIZES["8B"])
    (ax,) = drawn(bs.plot_wins(table))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["full", "prompt", "lora"]
    words = [f"expected\nregret {regret:.4f}" for regret in table["expected_regret"]]
    assert [text.get_text() for text in ax.texts] == words
    assert ax.get_title() == "model_size 7.58B, $D_f$ 200k"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="p_best"), "table has no column 'p_best'"),
        (lambda t: t.iloc[:0], "table has no rows"),
    ],
)
def test_wins_say_what_table_they_need(wins, change, message):
    with pytest.raises(bs.BayesScalingError, match=message):
        bs.plot_wins(change(wins))


# --- plot_crossover


@pytest.fixture(scope="module")
def crossover(fit):
    return fit.crossover("full", "lora", model_size=list(SIZES.values()))


def test_crossover_bars_add_up_to_the_probability_of_a_crossing(crossover):
    axes = drawn(bs.plot_crossover(crossover))
    for ax, row in zip(axes, crossover.table.to_dict("records"), strict=True):
        share = sum(bar.get_height() for bar in ax.containers[0])
        assert share == pytest.approx(1 - row["p_none"], abs=1e-9)
        assert ax.get_xlim() == pytest.approx(crossover.limits)


def test_crossover_says_how_likely_there_is_none(crossover):
    for ax, row in zip(bs.plot_crossover(crossover), crossover.table.to_dict("records"), strict=True):
        title = ax.get_title(loc="left")
        assert f"P(no crossover) = {row['p_none']:.2f}" in title
        if row["p_none"] > 0:
            assert f"full lower throughout: {row['p_first_always']:.2f}" in title
            assert f"lora: {row['p_second_always']:.2f}" in title


def test_crossover_marks_median_and_interval(crossover):
    for ax, row in zip(bs.plot_crossover(crossover), crossover.table.to_dict("records"), strict=True):
        interval, median = ax.lines
        assert interval.get_xdata().tolist() == [row["hdi_low"], row["hdi_high"]]
        assert median.get_xdata().tolist() == [row["median"]]


def test_crossover_shows_the_sizes_both_methods_were_measured_at(fit, crossover):
    axes = drawn(bs.plot_crossover(crossover, posterior=fit))
    labels = [line.get_label() for line in axes[0].lines]
    assert {"_full measured", "_lora measured"} <= set(labels)
    assert min(axes[0].get_yticks()) >= 0
    assert "(not fitted)" in axes[2].get_title(loc="left")


def test_crossover_draws_second_crossings_and_settings_without_any():
    never = np.full((100, 2), np.nan)
    twice = np.tile([1e4, 1e6], (100, 1))
    row = {"task": "a", "p_one": 0.0, "median": np.nan, "hdi_low": np.nan, "hdi_high": np.nan}
    table = pd.DataFrame([{**row, "p_none": 1.0, "p_two": 0.0}, {**row, "task": "b", "p_none": 0.0, "p_two": 1.0}])
    crossing = bs.Crossover("full", "lora", (1e3, 1e7), 0.9, table, np.stack([never, twice]), "")
    first, second = drawn(crossing.plot())
    assert first.get_title(loc="left") == "a: P(no crossover) = 1.00"
    assert not first.containers and first.get_ylim() == (0, 0.02)
    assert [sum(bar.get_height() for bar in bars) for bars in second.containers] == pytest.approx([1, 1])
    legend = [text.get_text() for text in first.figure.legends[0].get_texts()]
    assert legend == ["first crossing", "second crossing", "first crossing's median and 90 % HDI"]


def test_crossover_without_settings_is_an_error():
    empty = bs.Crossover("full", "lora", (1e3, 1e7), 0.9, pd.DataFrame(), np.zeros((0, 10, 2)), "")
    with pytest.raises(bs.BayesScalingError, match="no settings to plot"):
        bs.plot_crossover(empty)


# --- the room


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import bayes_scaling.plots", id="package"),
        pytest.param("import bayes_scaling as bs; bs.plot_fit", id="public name"),
    ],
)
def test_without_matplotlib_the_error_says_what_to_install(code):
    lines = ["import sys", "sys.modules['matplotlib'] = None", "from bayes_scaling import BayesScalingError"]
    lines += ["try:", f"    {code}", "except BayesScalingError as error:", "    print(error)"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout == 'plots need matplotlib: pip install "bayes_scaling[report]"\n'


def test_plots_change_no_settings_and_show_nothing(fit, monkeypatch):
    before = dict(matplotlib.rcParams)
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a plot must not show itself"))
    bs.plot_exponents(fit)
    assert dict(matplotlib.rcParams) == before
