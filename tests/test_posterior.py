"""What a posterior answers: the columns that scripts read, and two laws in one (task, method)."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from shared.posteriors import METHODS, S8, S16, TASK, canned, design

# --- the columns that other people's scripts read


def test_predict_has_the_designs_columns_and_its_own(fit):
    given = design(note="mine").set_index(pd.Index([7]))
    table = fit.predict(given)
    assert list(table) == [*given, "mean", "sd", "low", "high", "distance", "region"]
    assert table["note"].tolist() == ["mine"] and list(given) == ["method", "model_size", "finetune_size", "note"]


def test_exponents_columns_and_rows(fit):
    table = fit.exponents()
    wanted = "task method parameter factor mean sd hdi_low hdi_high prob_positive ess_bulk r_hat"
    assert list(table) == wanted.split()
    assert len(table) == 3 * 4
    lora = table[table["method"] == "lora"]
    assert list(zip(lora["parameter"], lora["factor"], strict=True)) == [
        ("A", "model_size"),
        ("alpha", "model_size"),
        ("beta", "finetune_size"),
        ("E", ""),
    ]


def test_compare_exponents_columns(fit):
    table = fit.compare_exponents("model_size", "finetune_size")
    wanted = "task method difference sd hdi_low hdi_high p_greater p_rope"
    assert list(table)[:8] == wanted.split()
    assert table["method"].tolist() == list(METHODS)


def test_win_probability_columns_and_rows(fit):
    table = fit.win_probability([1e4, 1e6], model_size=[S8, S16])
    wanted = "task method finetune_size model_size p_best mcse expected_loss expected_regret"
    assert list(table)[:8] == wanted.split()
    assert len(table) == 3 * 2 * 2
    assert isinstance(table.attrs["text"], str)


def test_crossover_columns_and_draws(fit):
    found = fit.crossover("full", "lora", model_size=[S8, S16])
    wanted = "task model_size p_none p_one p_two median hdi_low hdi_high"
    assert list(found.table)[:8] == wanted.split()
    assert found.draws.shape == (2, 4000, 2)
    assert "P(no crossover of full and lora" in found.text


def test_choose_has_what_a_script_needs(fit):
    choice = fit.choose(3e4, model_size=S8, cost=dict.fromkeys(METHODS, 1.0))
    assert choice.method in METHODS
    assert {"task", "method", "finetune_size", "model_size", "p_best", "expected_regret", "cost"} <= set(choice.table)
    assert 0 <= choice.p_best <= 1 and choice.expected_regret >= 0 and choice.method in choice.text


# --- a fit of the paper's two tables together: two laws in one (task, method)


@pytest.fixture(scope="module")
def mixed(runs):
    return canned(pd.concat([runs, bs.load_data("zhang2024_pet")]))


# Bug: KeyError: 'pet_size'. The region reads a column of every factor of the cell, and a design need not have all.
def test_a_design_needs_only_the_factors_of_one_law(mixed):
    by_model = mixed.predict(design(task=TASK))
    assert by_model["region"].tolist() == ["interior"]
    by_rank = mixed.predict(design(task=TASK, pet_size=8.0).drop(columns="model_size"))
    assert by_rank["region"].tolist() == ["interior"]
    pd.testing.assert_frame_equal(mixed.predict(design(task=TASK, pet_size=np.nan)).drop(columns="pet_size"), by_model)


# Bug: KeyError: 'pet_size', the same
def test_methods_of_such_a_fit_are_compared_by_model_size(mixed):
    table = mixed.win_probability([1e5, 1e6], model_size=S8, task=TASK)
    assert table.groupby("finetune_size")["p_best"].sum().tolist() == pytest.approx([1, 1])
    assert mixed.crossover("full", "lora", model_size=S8, task=TASK).draws.shape == (1, 1000, 2)
    assert mixed.choose(1e5, model_size=S8, task=TASK).method in (*METHODS, None)


def test_such_a_fit_has_an_A_and_an_alpha_for_each_factor(mixed):
    table = mixed.exponents()
    lora = table[(table["task"] == TASK) & (table["method"] == "lora")]
    pairs = list(zip(lora["parameter"], lora["factor"], strict=True))
    assert pairs == [
        ("A", "model_size"),
        ("A", "pet_size"),
        ("alpha", "model_size"),
        ("alpha", "pet_size"),
        ("beta", "finetune_size"),
        ("E", ""),
    ]
    both = mixed.compare_exponents("model_size", "pet_size")
    assert both[["task", "method"]].to_numpy().tolist() == [[TASK, "prompt"], [TASK, "lora"]]


def test_a_fit_of_several_tasks_asks_which(mixed):
    with pytest.raises(bs.DesignError, match="task=None: the fit has 3 tasks; choose one of 'WMT19 En-Zh', "):
        mixed.choose(1e5, model_size=S8)
