"""The rulers of ``benchmarks/model_selection.py`` and ``benchmarks/buying.py``, without a fit."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from buying import Problem, first_runs, the_largest
from model_selection import accept_then_stop, report
from real_data import FOLDER, lin2024

import bayes_scaling as bs

SIZES = np.array([200.0, 400, 800, 1600, 3200, 6400])
LINE = 5.0 * SIZES**-0.2


def test_a_power_law_is_carried_on() -> None:
    assert accept_then_stop(SIZES, LINE, 1e6) == pytest.approx(5.0 * 1e6**-0.2)


def test_what_bends_at_small_sizes_is_left_out_and_what_scatters_is_not() -> None:
    flat = LINE * np.exp([-0.5, -0.3, 0.0, 0.0, 0.0, 0.0])
    assert accept_then_stop(SIZES, flat, 1e6) == pytest.approx(5.0 * 1e6**-0.2, rel=1e-6)
    scattered = np.log(LINE) + np.array([0.02, -0.02, 0.02, -0.02, 0.02, -0.02])
    every = np.polynomial.Polynomial.fit(np.log(SIZES), scattered, 1)
    assert accept_then_stop(SIZES, np.exp(scattered), 1e6) == pytest.approx(np.exp(every(np.log(1e6))))


@pytest.mark.skipif(not (FOLDER / "lin2024").exists(), reason="lin2024 is not here")
@pytest.mark.parametrize(
    ("task", "budget", "published"),
    [
        ("gigaword", 8, 0.989),
        ("gigaword", 32, 0.969),
        ("gigaword", 128, 0.911),
        ("flan", 8, 0.909),
        ("flan", 128, 0.522),
    ],
)
def test_accept_then_stop_correlates_as_its_authors_say(task: str, budget: int, published: float) -> None:
    """Lin et al. (2024), table 2: Pearson correlation of forecast and measured loss over 30 LLMs."""
    runs = lin2024().runs.query("task == @task")
    full = runs["finetune_size"].max()
    forecast, measured = [], []
    for _, curve in runs.sort_values("finetune_size").groupby("base"):
        known = curve[curve["finetune_size"] <= full / budget]
        forecast.append(accept_then_stop(known["finetune_size"].to_numpy(), known["loss"].to_numpy(), full))
        measured.append(curve["loss"].iloc[-1])
    assert np.corrcoef(forecast, measured)[0, 1] == pytest.approx(published, abs=0.015)


def test_the_table_of_a_choice_that_is_second_best() -> None:
    found = pd.DataFrame({"task": "t", "budget": 8, "base": list("abc"), "measured": [1.0, 1.1, 2.0]})
    found = found.assign(posterior=[2.0, 1.0, 3.0], AtS=[1.0, 2.0, 3.0], **{"sub-tuning": [3.0, 2.0, 1.0]})
    table = report(found)
    assert table["regret"].tolist() == pytest.approx([0.1, 0.0, 1.0])
    assert table["rel_acc"].tolist() == pytest.approx([0.9, 1.0, 0.0])


@pytest.fixture
def problem() -> Problem:
    runs = pd.DataFrame(
        [
            {"task": "t", "method": m, "base": "x", "finetune_size": d, "seed": s, "loss": 1.0}
            for m in ("a", "b")
            for d in SIZES
            for s in (0, 1)
        ]
    )
    return Problem("p", runs, SIZES[-1], pd.Series({"a": 1.0, "b": 2.0}), bs.JointLaw(factors=()))


def test_the_target_cannot_be_bought_and_the_start_is_one_run_a_size(problem: Problem) -> None:
    start, rest = first_runs(problem)
    assert sorted(start["finetune_size"]) == [200, 200, 400, 400, 800, 800] and set(start["seed"]) == {0}
    assert sorted(rest["finetune_size"].unique()) == [1600, 3200] and len(rest) == 8


def test_the_largest_goes_from_method_to_method(problem: Problem) -> None:
    known, rest = first_runs(problem)
    bought = []
    for _ in range(3):
        i = the_largest(problem, known, rest, np.random.default_rng(0))
        bought.append(tuple(rest.loc[i, ["method", "finetune_size"]]))
        known = pd.concat([known, rest.loc[[i]]])
        rest = rest.drop(index=i).reset_index(drop=True)
    assert [size for _, size in bought] == [3200.0] * 3
    assert bought[0][0] != bought[1][0]
