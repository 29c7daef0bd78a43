"""Seeds of one setting share an evaluation of the law: the same posterior, the same coordinates."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from numpyro.infer.util import log_density

import bayes_scaling as bs
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.joint import joint_law
from bayes_scaling.models.layout import Problem
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.repeats import Means, counts, means_of, together
from bayes_scaling.models.starts import base_errors

pytestmark = pytest.mark.numbers

SEEDS = 4
MODELS: dict[str, dict[str, Any]] = {
    "default": {},
    "no base effects, no drift": {"base_effects": False, "discrepancy": False},
    "one slope for all bases": {"base_slopes": False},
    "rectified": {"law": "rectified"},
    "additive": {"law": "additive", "discrepancy": False},
    "pooled": {"pool": ("method",)},
    "noise of the loss": {"noise": "loss"},
}


def seeded(runs: pd.DataFrame) -> pd.DataFrame:
    """Paper runs of two methods repeated with seeds of their own, in a shuffled order; some have a seed less."""
    rng = np.random.default_rng(0)
    some = runs[(runs.split == "fit") & runs.method.isin(["lora", "full"])]
    parts = [some.assign(seed=seed) for seed in range(SEEDS)]
    table = pd.concat(parts).drop(columns=["split"])
    table = table.assign(
        loss=table["loss"] * np.exp(0.01 * rng.standard_t(5, len(table))), loss_se=rng.uniform(0.001, 0.01, len(table))
    )
    kept = ~((table["seed"] == SEEDS - 1) & (rng.random(len(table)) < 0.4))
    return bs.load_runs(table[kept].sample(frac=1.0, random_state=0))


def apart(runs: pd.DataFrame, **options: Any) -> tuple[Coordinates, Coordinates]:
    """Coordinates of all runs one by one, and of the same by setting."""
    model = bs.JointLaw(**options)
    problem = model.encode(seeded(runs))
    resolved = model.resolve(problem.layout)
    return Coordinates(resolved, problem, True), Coordinates(resolved, together(problem), True)


@pytest.mark.parametrize("name", MODELS)
@in_float64
def test_posterior_and_coordinates_are_those_of_every_run_by_itself(name: str, runs: pd.DataFrame) -> None:
    by_run, by_setting = apart(runs, **MODELS[name])
    if by_run.model.discrepancy:  # directions that no run feels may be turned among themselves
        (_, *modes), (felt, _, strengths) = by_run.drift_modes, by_setting.drift_modes
        np.testing.assert_allclose(strengths, modes[1], rtol=1e-9, atol=1e-9)
        by_setting = replace(by_setting, told_modes=(felt, *modes))
    assert by_setting.problem.loss.size < 0.4 * by_run.problem.loss.size
    for seed in range(3):
        z = jnp.asarray(np.random.default_rng(seed).normal(0.0, 0.5, by_run.size))
        here, there = by_setting.to_families(z), by_run.to_families(z)
        for family, value in there[0].items():
            np.testing.assert_allclose(here[0][family], value, rtol=1e-7, atol=1e-9, err_msg=family)
        np.testing.assert_allclose(by_setting.potential(z), by_run.potential(z), rtol=1e-9)


@in_float64
def test_a_setting_taken_for_one_run_is_another_posterior(runs: pd.DataFrame) -> None:
    """What the test above must fail for: means of seeds as if they were runs."""
    by_run, by_setting = apart(runs)
    means = Coordinates(by_run.model, by_setting.problem._replace(repeats=None), True)
    z = jnp.zeros(by_run.size)
    assert abs(float(means.potential(z) - by_run.potential(z))) > 10


@in_float64
def test_likelihood_below_a_ceiling_is_that_of_every_run(runs: pd.DataFrame) -> None:
    by_run, by_setting = apart(runs, ceiling=1.8)
    values, _ = by_run.to_sites(jnp.zeros(by_run.size))

    def density(problem: Problem) -> float:
        return float(log_density(joint_law, (by_run.model, problem, jnp.asarray(problem.loss)), {}, values)[0])

    assert density(by_setting.problem) == pytest.approx(density(by_run.problem), rel=1e-10)


def test_what_is_read_off_means_is_what_the_runs_say(runs: pd.DataFrame) -> None:
    by_run, by_setting = apart(runs)
    np.testing.assert_allclose(base_errors(by_setting.problem), base_errors(by_run.problem), rtol=1e-9)
    for mine, theirs in zip(by_setting.rough.beta, by_run.rough.beta, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(by_setting.rough.log_sigma, by_run.rough.log_sigma, rtol=1e-9)
    means: Means = means_of(by_setting.problem)
    assert means.runs.sum() == by_run.problem.loss.size and means.within.sum() > 0


def test_rows_stay_runs_where_nothing_repeats_or_too_unevenly(runs: pd.DataFrame) -> None:
    model = bs.JointLaw()
    once = model.encode(bs.load_runs(runs[runs.split == "fit"]))
    assert together(once) is once and counts(once) == 1
    table = bs.load_runs(runs[runs.split == "fit"])
    many = pd.concat([table, *[table.iloc[:1].assign(seed=s, loss=table["loss"].iloc[0] + 0.01 * s) for s in range(9)]])
    lopsided = model.encode(bs.load_runs(many))
    assert together(lopsided) is lopsided


def test_runs_of_a_setting_are_kept_to_the_last(runs: pd.DataFrame) -> None:
    problem = bs.JointLaw().encode(seeded(runs))
    repeats = together(problem).repeats
    assert repeats is not None
    kept = repeats.loss[repeats.present > 0]
    np.testing.assert_array_equal(np.sort(kept), np.sort(problem.loss))
    assert kept.size < repeats.loss.size, "some settings have a seed less than others"
    np.testing.assert_array_equal(np.sort(repeats.log_se[repeats.present > 0]), np.sort(problem.log_se))
