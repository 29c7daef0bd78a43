"""Power of planned studies: a null has the level that was asked for, and more base LLMs give more power."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayes_scaling as bs
from bayes_scaling.cli import app
from bayes_scaling.study_simulation import truth_from_loss

pytestmark = pytest.mark.numbers

RANGES = {"model_size": (1e8, 1e10), "finetune_size": (1e3, 1e6)}
EXPONENTS = {"model_size": 0.2, "finetune_size": 0.15}
CONTRAST = ("model_size", "finetune_size")


def plan(exponents=EXPONENTS, levels=(3,), base_scale=0.02, **arguments):
    truth = truth_from_loss(1.5, 0.8, exponents, RANGES, sigma=0.01, base_scale=base_scale)
    asked = {"studies": 20} | arguments
    return bs.plan_study(truth, CONTRAST, RANGES, {"model_size": list(levels), "finetune_size": [3]}, **asked)


@pytest.fixture(scope="module")
def planned():
    return plan(levels=(3, 10), studies=20)


def test_power_grows_and_the_interval_narrows_with_the_number_of_base_llms(planned):
    few, many = (planned.table.iloc[i] for i in (0, 1))
    assert (few["bases"], few["runs"], many["bases"], many["runs"]) == (3, 9, 10, 30)
    assert many["power"] > few["power"]  # on the same seeds
    assert many["hdi_width"] + 3 * many["hdi_width_mcse"] < few["hdi_width"]


def test_a_study_that_is_surer_than_it_should_be_is_told_of():
    """Base LLMs that scatter ten times as far as the analysis is told: intervals miss, and the text says so."""
    model = bs.JointLaw(priors={"base_scale": 0.005}, base_slopes=False)
    sure = plan(levels=(5,), base_scale=0.05, model=model)
    assert sure.table["coverage"].iloc[0] < 0.6 and "the power is not to be believed" in sure.text
    right = plan(levels=(5,), base_scale=0.005, model=model)
    assert right.table["coverage"].iloc[0] > 0.75 and "believed" not in right.text


def test_more_seeds_on_the_same_base_llms_hardly_help():
    """What a base LLM does is the same in every seed."""
    one, ten = (plan(levels=(4,), seeds=[s], base_scale=0.05).table.iloc[0] for s in (1, 10))
    assert ten["hdi_width"] > 0.8 * one["hdi_width"]
    assert ten["cost"] == 10 * one["cost"]


def test_a_truth_without_a_difference_is_seldom_told_apart():
    """P(first > second) of at least .95 in about a study of twenty, on either side."""
    null = plan({"model_size": 0.15, "finetune_size": 0.15}, levels=(6,), studies=40).table.iloc[0]
    assert null["power"] < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    assert null["p_wrong"] < 0.10 + 3 * np.sqrt(0.10 * 0.90 / 40)


def test_the_text_names_the_cheapest_design_that_is_enough_or_says_that_there_is_none(planned):
    assert "Goal: P(alpha[model_size] > beta) of at least 0.95, in 90 % of studies" in planned.text
    enough = planned.table["enough"]
    assert ("No design has that power" in planned.text) == (not enough.any())
    narrow = plan(levels=(3,), width=1e-4, studies=2)
    assert not narrow.table["enough"].any() and "No design has that power" in narrow.text
    wide = plan(levels=(3, 4), width=10.0, studies=2)
    assert wide.table["power"].tolist() == [1.0, 1.0]
    assert "The cheapest design that is enough is 3 model sizes x 3 sizes of D_f x 1 seed, 9 runs" in wide.text


def test_the_cost_is_the_users(planned):
    dear = plan(studies=2, cost=lambda runs: 6 * runs["model_size"] * runs["finetune_size"]).table.iloc[0]
    sizes = [np.geomspace(*RANGES[name], 3) for name in RANGES]
    assert dear["cost"] == pytest.approx(6 * sizes[0].sum() * sizes[1].sum())


def test_the_loss_at_the_centre_sets_a():
    truth = truth_from_loss(1.5, 0.8, EXPONENTS, RANGES)
    centre = pd.DataFrame({"method": "method", "model_size": [1e9, 2e9], "finetune_size": 10**4.5})
    assert bs.simulate_runs(centre, truth)["expected_loss"].iloc[0] == pytest.approx(1.5)


def test_a_plan_is_drawn(planned):
    (ax,) = planned.plot()
    assert len(ax.containers) == 2 and ax.get_ylabel() == "power"


def test_the_command_prints_the_same_plan(planned):
    asked = ["plan-study", "--contrast", "model_size,finetune_size", "--range", "model_size=100M:10B"]
    asked += ["--range", "finetune_size=1k:1M", "--levels", "model_size=3,10", "--levels", "finetune_size=3"]
    asked += ["--exponent", "model_size=0.2", "--exponent", "finetune_size=0.15", "--loss", "1.5", "--floor", "0.8"]
    asked += ["--noise", "0.01", "--base-scale", "0.02", "--studies", "20", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert [row["power"] for row in printed["table"]] == planned.table["power"].tolist()
    assert printed["text"] == planned.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contrast": ("model_size", "pet_size")}, "contrast=.*: name two of the sizes that are varied"),
        ({"ranges": {"model_size": (1e8, 1e10)}}, "both name 'finetune_size' and the same sizes"),
        ({"ranges": RANGES | {"model_size": (1e10, 1e8)}}, "give the smallest and the largest"),
        ({"levels": {"model_size": [1], "finetune_size": [3]}}, "whole numbers of at least 2"),
        ({"seeds": [0]}, "seeds=.*: whole numbers of at least 1"),
        ({"width": -1.0}, "width=-1.0: a width"),
        ({"studies": 1}, "studies=1: simulated studies"),
        ({"power": 1.5}, "power=1.5: must lie between 0 and 1"),
        ({"model": bs.JointLaw("additive")}, "law='additive': a study is planned with a quick posterior"),
        ({"cost": lambda runs: [1.0]}, "cost must give one positive number"),
        ({"truth": "1.5"}, "truth=.*: give one bs.Truth"),
    ],
)
def test_what_is_wrong_is_told(change, message):
    asked = {"contrast": CONTRAST, "ranges": RANGES, "levels": {"model_size": [3], "finetune_size": [3]}, "studies": 2}
    asked |= {"truth": truth_from_loss(1.5, 0.8, EXPONENTS, RANGES)} | change
    with pytest.raises(bs.BayesScalingError, match=message):
        bs.plan_study(**asked)
