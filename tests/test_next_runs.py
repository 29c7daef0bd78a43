"""The value of a run against closed forms: normal losses, normal noise, two methods."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from typer.testing import CliRunner

import bayes_scaling as bs
from bayes_scaling.cli import app
from bayes_scaling.information import Measurements
from shared.posteriors import S8, canned, design, flat

RNG = np.random.default_rng(11)
S = 20_000


def unit_normal_loss(gap: float, sd: float, draws: int = S) -> np.ndarray:
    """Expected losses of two methods, the first uncertain and lower by ``gap`` on average."""
    return np.stack([1.0 + sd * RNG.standard_normal(draws), np.full(draws, 1.0 + gap)], axis=1)


def closed_form(gap: float, sd: float, noise: float) -> float:
    """Expected value of one measurement of the first loss: Raiffa and Schlaifer's unit normal loss integral."""
    told = sd**2 / np.sqrt(sd**2 + noise**2)
    return float(told * norm.pdf(gap / told) - gap * norm.sf(gap / told))


@pytest.mark.parametrize(("gap", "noise"), [(0.0, 0.01), (0.01, 0.005), (0.02, 0.02), (0.0, 0.1)])
def test_the_fall_in_regret_is_the_unit_normal_loss_integral(gap: float, noise: float) -> None:
    loss = unit_normal_loss(gap, 0.02)
    measured = loss[:, 0] + noise * RNG.standard_normal(S)
    exact = closed_form(gap, 0.02, noise)
    # the larger of 4 % and 4 Monte Carlo standard errors of a mean of at most .02 / sqrt(S)
    assert Measurements(measured[:, None]).regret_fall(loss, [0]) == pytest.approx(exact, rel=0.04, abs=1e-4)


def test_a_measurement_of_something_else_is_worth_nothing() -> None:
    loss = unit_normal_loss(0.0, 0.02)
    assert Measurements(RNG.standard_normal((S, 1))).regret_fall(loss, [0]) < 0.03 * closed_form(0.0, 0.02, 0.0)


def test_the_fall_in_spread_is_that_of_a_bivariate_normal() -> None:
    quantity = RNG.standard_normal((S, 1))
    for noise in (0.1, 1.0, 3.0):
        measured = quantity + noise * RNG.standard_normal((S, 1))
        exact = 1.0 - np.sqrt(noise**2 / (1.0 + noise**2))
        assert Measurements(measured).spread_fall(quantity, [0]) == pytest.approx(exact, abs=0.01)


@pytest.fixture(scope="module")
def unsure(runs):
    """LoRA and full tuning nearly equal on average; full is the unknown one, prompt tuning is far off and known."""
    full = 1.0 + 0.02 * RNG.standard_normal(4000)
    return flat(runs, full, 1.3, 1.005, chains=4, draws=1000, sigma=0.005)


CANDIDATES = pd.concat(
    [
        design(method="full", finetune_size=1e6, cost=8.0),
        design(method="prompt", finetune_size=1e5, cost=1.0),
        design(method="lora", finetune_size=1e5, cost=1.0),
        design(method="full", finetune_size=1e5, cost=1.0),
    ],
    ignore_index=True,
)


def test_the_run_that_settles_the_choice_is_first(unsure) -> None:
    table = unsure.next_runs(CANDIDATES, finetune_size=1e5)
    assert list(table.columns) == [*CANDIDATES.columns.drop("cost"), "cost", "value", "value_per_cost", "rank", "buy"]
    first, second = table.iloc[0], table.iloc[1]
    assert (first["method"], first["cost"], first["rank"], first["buy"]) == ("full", 1.0, 1, False)
    assert first["value"] == pytest.approx(closed_form(0.005, 0.02, 0.005), rel=0.1)
    assert second["cost"] == 8.0 and second["value"] == pytest.approx(first["value"], rel=0.05)  # as good, and dearer
    assert table["value"].iloc[2:].max() < 0.03 * first["value"]
    assert table["value_per_cost"].tolist() == (table["value"] / table["cost"]).tolist()
    text = table.attrs["text"]
    assert "the expected regret is" in text and "The run to make next is full, D_f 100k, model_size 7.58B" in text


def test_a_budget_buys_what_adds_most_and_no_more_than_it_pays(unsure) -> None:
    table = unsure.next_runs(pd.concat([CANDIDATES, CANDIDATES.tail(1)]), budget=2.0, finetune_size=1e5)
    assert table.loc[table["buy"], ["method", "cost"]].to_numpy().tolist() == [["full", 1.0]] * 2
    assert not table.iloc[2:]["buy"].any() and 8.0 in table["cost"].tolist()
    assert "The 2 runs that the budget buys are together expected to take off" in table.attrs["text"]


def test_the_decision_is_at_the_largest_candidate_by_default(unsure) -> None:
    given = unsure.next_runs(CANDIDATES, finetune_size=1e6, model_size=S8)
    pd.testing.assert_frame_equal(unsure.next_runs(CANDIDATES), given)


def test_a_run_on_the_decisions_base_is_worth_more_than_one_on_another(runs) -> None:
    posterior = canned(runs, chains=4, draws=1000, base_scale=0.02, base_share=0.01, E=[1.0, 1.001, 1.3])
    candidates = pd.concat([design(method="full", base="new"), design(method="full", base="other")], ignore_index=True)
    table = posterior.next_runs(candidates, base="new")
    assert table["base"].tolist() == ["new", "other"]
    assert table["value"][0] > 20 * table["value"][1]


def test_a_contrast_of_exponents_is_learned_where_it_shows(runs) -> None:
    beta = 0.1 + 0.03 * RNG.standard_normal((4, 1000, 1)) * np.array([1.0, 0.0, 0.0])
    posterior = canned(runs, chains=4, draws=1000, beta=beta, base_scale=1e-9)
    candidates = pd.concat([design(method="full", finetune_size=d) for d in (1e9, 3e6)], ignore_index=True)
    table = posterior.next_runs(candidates, contrast=("model_size", "finetune_size"))
    assert table["finetune_size"].tolist() == [1e9, 3e6]
    assert table["value"][0] == pytest.approx(0.03, rel=0.35) and table["value"][1] < table["value"][0]
    assert "sd of model_size minus finetune_size is" in table.attrs["text"]


def test_a_hundred_candidates_take_seconds(fit) -> None:
    sizes = np.geomspace(1e4, 1e7, 34)
    candidates = pd.concat([design(method=m, finetune_size=s) for s in sizes for m in ("full", "lora", "prompt")])
    table = fit.next_runs(candidates.head(100), budget=5.0, finetune_size=1e6)
    assert len(table) == 100 and table["buy"].sum() == 5
    assert table["value"].iloc[0] >= 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"candidates": pd.DataFrame()}, "candidates must be a DataFrame with at least one row"),
        ({"candidates": CANDIDATES.assign(cost=[1.0, 0.0, 1.0, 1.0])}, "'cost': 0.0 in row 1 is not a positive number"),
        ({"budget": -1.0}, "budget=-1.0: what may be spent, above 0"),
        (
            {"contrast": ("pet_size", "model_size")},
            "no method of 'WMT19 En-Zh' has both exponents; the fit has those of",
        ),
        ({"candidates": CANDIDATES.drop(columns="model_size")}, "model_size is missing"),
    ],
)
def test_bad_input_is_told(unsure, change, words) -> None:
    with pytest.raises(bs.BayesScalingError) as caught:
        unsure.next_runs(**{"candidates": CANDIDATES, **change})
    assert words in str(caught.value)


def test_the_command_line_ranks_a_table_of_candidates(unsure, tmp_path) -> None:
    unsure.save(tmp_path / "posterior.nc")
    written = CANDIDATES.assign(finetune_size=["1M", "100k", "100k", "100k"])
    written.to_csv(tmp_path / "candidates.csv", index=False)
    command = [
        "next",
        tmp_path / "posterior.nc",
        tmp_path / "candidates.csv",
        "--budget",
        "1",
        "--finetune-size",
        "100k",
    ]
    result = CliRunner().invoke(app, [str(part) for part in (*command, "--json")], catch_exceptions=False)
    found = json.loads(result.stdout)
    table = unsure.next_runs(CANDIDATES, 1.0, finetune_size=1e5)
    assert [row["method"] for row in found["table"]] == table["method"].tolist()
    assert [row["buy"] for row in found["table"]] == [True, False, False, False]
    assert found["text"] == table.attrs["text"]
    wrong = CliRunner().invoke(app, [str(part) for part in (*command, "--contrast", "model_size")])
    assert wrong.exit_code == 2 and "--contrast 'model_size': name two factors" in wrong.stderr


def test_the_plot_fills_what_the_budget_buys(unsure) -> None:
    table = unsure.next_runs(CANDIDATES, 1.0, finetune_size=1e5)
    (ax,) = bs.plot_next_runs(table)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == pytest.approx(table["value_per_cost"].tolist())
    assert [bar.get_facecolor() == bar.get_edgecolor() for bar in ax.patches] == table["buy"].tolist()
    assert ax.get_yticklabels()[0].get_text() == "full, $D_f$ 100k, 7.58B"
    with pytest.raises(bs.BayesScalingError, match="no column 'value'"):
        bs.plot_next_runs(table.drop(columns="value"))
