"""A bounded metric: the expected loss stays below its ceiling, and an infinite ceiling is none."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayes_scaling as bs
from bayes_scaling.cli import app
from bayes_scaling.loo import log_likelihood
from bayes_scaling.models.ceiling import saturate, unbounded
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laws import LAWS
from bayes_scaling.models.layout import RowArrays
from bayes_scaling.models.least_squares import least_squares, log_mean
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.starts import start
from bayes_scaling.prediction import expected_loss

pytestmark = pytest.mark.numbers

CEILING, E, BETA, A = 0.5, 0.1, 0.9, 300.0
SIZES = np.repeat(np.geomspace(50, 5e4, 10).round(), 2)
OPTIONS = {"factors": (), "base_effects": False, "discrepancy": False}
FEW = pd.DataFrame({"method": "full", "base": "b", "finetune_size": [1.0, 10.0]})


def curve(sigma: float = 0.03, law: str = "multiplicative") -> pd.DataFrame:
    truth = bs.Truth({"full": bs.CellTruth({}, BETA, E, A, sigma=sigma)}, law, ceiling=CEILING)
    design = pd.DataFrame({"method": "full", "base": "b", "finetune_size": SIZES, "seed": np.arange(SIZES.size)})
    return bs.simulate_runs(design, truth).assign(metric="1 - accuracy")


def expected(sizes: np.ndarray) -> np.ndarray:
    u = A * sizes**-BETA + E
    return np.asarray(u / (1 + u / CEILING))


@pytest.fixture(scope="module")
def fit() -> bs.Posterior:
    return bs.fit(curve(), bs.JointLaw(ceiling=CEILING, **OPTIONS), draws=500)


# --- the formula


def rows(log_ceiling: np.ndarray) -> RowArrays:
    n = log_ceiling.size
    none = np.zeros((n, 1))
    index = none.astype(np.int64)
    return RowArrays(index[:, 0], index, none, index, none, none[:, 0], log_ceiling=log_ceiling[:, None])


@in_float64
def test_it_saturates_as_alabdulmohsin_et_al_s_law_does() -> None:
    """(L - floor) / (C - L) is a power law of D_f. The broken twin, a loss cut off at C, is none."""
    loss, floor = expected(SIZES), E / (1 + E / CEILING)
    np.testing.assert_allclose((loss - floor) / (CEILING - loss), A * SIZES**-BETA / (CEILING + E), rtol=1e-12)
    u = np.log(A * SIZES**-BETA + E)
    bounded = rows(np.full(SIZES.size, np.log(CEILING)))
    for log_mean_ in (u, jnp.asarray(u)):
        np.testing.assert_allclose(np.exp(saturate(log_mean_, bounded)), loss, rtol=1e-12)
    assert not np.allclose(np.minimum(np.exp(u), CEILING), loss, rtol=1e-2)


@in_float64
def test_an_infinite_ceiling_is_none_and_a_far_one_nearly() -> None:
    u = np.linspace(-5.0, 5.0, 7)
    np.testing.assert_array_equal(saturate(u, rows(np.full(7, np.inf))), u)
    np.testing.assert_array_equal(np.asarray(saturate(jnp.asarray(u), rows(np.full(7, np.inf)))), u)
    np.testing.assert_allclose(saturate(u, rows(np.full(7, 30.0))), u, atol=1e-10)


@in_float64
def test_far_from_the_ceiling_nothing_overflows() -> None:
    for log_u in (-900.0, 900.0):
        value, slope = jax.value_and_grad(lambda x: saturate(x[None], rows(np.log([CEILING])))[0])(jnp.asarray(log_u))
        assert value == pytest.approx(min(log_u, np.log(CEILING))) and np.isfinite(slope)


def test_a_measured_loss_is_unbounded_back_and_one_above_the_ceiling_is_near_it() -> None:
    log_ceiling = np.log(np.full(3, CEILING))
    np.testing.assert_allclose(
        unbounded(expected(np.array([1e3, 1e4, 1e5])), log_ceiling), A * 10.0 ** (-BETA * np.array([3, 4, 5])) + E
    )
    highest = unbounded(np.array([0.49, 0.5, 0.6]), log_ceiling)
    assert np.all(np.isfinite(highest)) and np.all(np.diff(highest) > 0)
    np.testing.assert_array_equal(unbounded(np.array([2.0]), np.array([np.inf])), [2.0])


# --- the model


@in_float64
def test_without_one_the_model_is_as_it_was_and_with_one_it_is_not() -> None:
    runs = bs.load_runs(curve())

    def potential(ceiling: float | None) -> float:
        model = bs.JointLaw(ceiling=ceiling, **(OPTIONS | {"discrepancy": True}), priors=PRIORS)
        problem = model.encode(runs)
        c = Coordinates(model.resolve(problem.layout), problem, True, np.zeros(1, bool))
        return float(jax.jit(c.potential)(start(plain) + 0.1))

    problem = bs.JointLaw(**(OPTIONS | {"discrepancy": True})).encode(runs)
    model = bs.JointLaw(**(OPTIONS | {"discrepancy": True}), priors=PRIORS)
    plain = Coordinates(model.resolve(problem.layout), problem, True, np.zeros(1, bool))
    assert not problem.rows.bounded and problem.layout.log_ceiling.size == 0
    assert potential(1e12) == pytest.approx(potential(None), abs=1e-6)
    assert abs(potential(CEILING) - potential(None)) > 1.0


def test_log_loss_drifts_as_far_below_a_ceiling_as_without_one() -> None:
    """About the cell's median loss: what the ceiling flattens is steepened first. A drift of U as of L is smaller."""
    runs = bs.load_runs(curve())
    bounded, plain = (bs.JointLaw(ceiling=c, **(OPTIONS | {"discrepancy": True})).encode(runs) for c in (CEILING, None))
    at = np.log(bounded.layout.loss_median)
    change = 1e-4 * bounded.rows.drift
    moved = np.asarray(saturate(at + change.ravel(), rows(np.full(change.size, np.log(CEILING)))))
    there = np.asarray(saturate(at, rows(np.log([CEILING]))))
    np.testing.assert_allclose((moved - there).reshape(change.shape), 1e-4 * plain.rows.drift, rtol=1e-3, atol=1e-9)
    assert bounded.layout.drift.steepness[0] > 1.5 and plain.layout.drift.steepness.tolist() == [1.0]


def test_exponents_are_a_priori_as_large_for_log_loss_as_without_one() -> None:
    """Those of the unbounded loss are larger by what the ceiling flattens; a given prior is taken as it is."""
    two = pd.concat([curve().assign(model_size=size, base=str(size)) for size in (1e8, 1e9)])
    runs = bs.load_runs(two)

    def centres(ceiling: float | None, **given: object) -> dict[str, float]:
        model = bs.JointLaw(ceiling=ceiling, discrepancy=True, **given)  # type: ignore[arg-type]
        layout = model.encode(runs).layout
        return {s.family: float(np.median(s.specs[0].sample())) for s in model.resolve(layout).sites}

    steepness = bs.JointLaw(ceiling=CEILING).encode(runs).layout.drift.steepness[0]
    plain, bounded = centres(None), centres(CEILING)
    assert steepness > 1.5
    for family in ("alpha", "beta"):
        assert bounded[family] == pytest.approx(steepness * plain[family], rel=1e-3)
    assert bounded["sigma"] == plain["sigma"], "noise is of log loss as it is measured"
    prior = bs.PriorSpec.of("LogNormal", loc=-2.0, scale=0.5)
    assert centres(CEILING, priors={"beta": prior})["beta"] == np.median(prior.sample())
    pooled = pd.concat([runs.assign(method=method) for method in ("full", "lora")])
    layout = bs.JointLaw(ceiling=CEILING, pool=("method",)).encode(bs.load_runs(pooled)).layout
    sites = bs.JointLaw(ceiling=CEILING, pool=("method",)).resolve(layout).sites
    of_mean = next(s for s in sites if s.family == "beta_mean")
    assert float(np.median(of_mean.specs[0].sample())) == pytest.approx(steepness * plain["beta"], rel=1e-3)


PRIORS = {"E": bs.PriorSpec.of("HalfNormal", scale=1.0), "reducible": bs.PriorSpec.of("LogNormal", loc=0.0, scale=1.0)}


def test_the_truth_comes_back(fit: bs.Posterior) -> None:
    """Central 99 % intervals: one of three fails for one seed in 33."""
    for family, truth in (("E", E), ("beta", BETA), ("reducible", A * np.exp(-BETA * fit.layout.log_d0[0]))):
        low, high = np.quantile(fit.family(family), [0.005, 0.995])
        assert low < truth < high, family
    assert fit.check().verdict == "PASS" or "base effects" in fit.check().text


def test_no_expected_loss_exceeds_it_and_a_run_may(fit: bs.Posterior) -> None:
    """The broken twin, whose ceiling is out of reach, expects losses above it."""
    drawn = expected_loss(fit, FEW)
    assert drawn.max() <= CEILING
    run = fit.predict(FEW, kind="run", prob=0.99)
    assert np.all(run.low < expected(FEW.finetune_size.to_numpy())) and run.high[0] > CEILING
    twin = bs.fit(curve(), bs.JointLaw(ceiling=1e6, **OPTIONS), draws=500)
    assert expected_loss(twin, FEW).min() > CEILING


def test_pointwise_densities_are_the_program_s(fit: bs.Posterior) -> None:
    """Log densities of log loss, by the tables' way, and of the loss, by the NumPyro program, differ by log loss."""
    program = fit.idata["log_likelihood"]["loss"].to_numpy()
    np.testing.assert_allclose(log_likelihood(fit), program + np.log(fit.problem.loss), atol=1e-8)


def test_a_task_has_its_own_and_another_none() -> None:
    """Every cell has its task's ceiling: a task without one is not bounded."""
    runs = pd.concat([curve().assign(task="a"), curve().assign(task="b")], ignore_index=True)
    problem = bs.JointLaw(factors=(), ceiling={"a": CEILING}).encode(bs.load_runs(runs))
    assert problem.layout.log_ceiling.tolist() == [np.log(CEILING), np.inf]
    saturated = np.exp(saturate(np.full(len(runs), 3.0), problem.rows))
    assert np.all(saturated[: len(runs) // 2] < CEILING) and np.allclose(saturated[len(runs) // 2 :], np.exp(3.0))
    part = bs.load_runs(runs[runs.task == "a"])
    assert bs.JointLaw(factors=(), ceiling={"a": CEILING, "b": np.inf, "c": 1.0}).encode(part).rows.bounded
    other = bs.load_runs(runs[runs.task == "b"])
    assert not bs.JointLaw(factors=(), ceiling={"a": CEILING, "b": np.inf}).encode(other).rows.bounded


def test_least_squares_keeps_below_it() -> None:
    """Without noise the curve comes back; without the ceiling it does not."""
    for model, is_right in ((bs.JointLaw(ceiling=CEILING, **OPTIONS), True), (bs.JointLaw(**OPTIONS), False)):
        problem = model.encode(bs.load_runs(curve(sigma=0.0)))
        found = least_squares(LAWS["multiplicative"], problem)
        fitted = log_mean(LAWS["multiplicative"], {k: v[None] for k, v in found.items()}, problem.rows)[0]
        assert np.allclose(fitted, np.log(problem.loss), atol=1e-4) == is_right


# --- said, saved and refused


def test_it_is_described_saved_and_loaded(fit: bs.Posterior, tmp_path) -> None:
    assert "Ceiling\n  simulated 0.500: what the law gives" in fit.describe()
    assert f"{(fit.runs.loss > CEILING).sum()} of 20 runs lie above it" in fit.describe()
    assert "Ceiling" not in bs.JointLaw(**OPTIONS).describe(fit.runs)
    fit.save(tmp_path / "posterior.nc")
    loaded = bs.load_posterior(tmp_path / "posterior.nc")
    assert loaded.model.ceiling == CEILING
    pd.testing.assert_frame_equal(loaded.predict(FEW), fit.predict(FEW), check_exact=True)
    for given in ({"simulated": CEILING}, np.int64(1), None):
        text = json.dumps(bs.JointLaw(ceiling=given).to_json())
        assert bs.JointLaw.from_json(json.loads(text)).ceiling == given


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (0, "give a positive number that no expected loss exceeds"),
        (True, "give a positive number"),
        ("0.5", "give a positive number"),
        ({}, "or one for each task, such as {'mrpc': 0.32}"),
        ({"simulated": -0.5}, "give a positive number"),
        (np.nan, "give a positive number"),
        ({"mrpc": 0.5}, "the runs have no task 'mrpc'; their tasks are 'simulated'"),
        (0.01, "the lowest loss of task 'simulated' is .*, far above it"),
    ],
)
def test_a_ceiling_that_is_none_is_told(given: object, rule: str) -> None:
    with pytest.raises(bs.ModelError, match=f"^ceiling=.*{rule}"):
        bs.JointLaw(ceiling=given, factors=()).encode(bs.load_runs(curve()))  # type: ignore[arg-type]


def test_the_command_line_takes_one_or_one_a_task(tmp_path) -> None:
    curve().to_csv(tmp_path / "runs.csv", index=False)

    def said(*options: str) -> str:
        result = CliRunner().invoke(app, ["check", f"{tmp_path}/runs.csv", "--factors", "none", *options])
        return result.stdout + result.stderr

    assert "simulated 0.500:" in said("--ceiling", "0.5") and "simulated 0.400:" in said("--ceiling", "simulated=0.4")
    assert "error: --ceiling: 'half' is not a number; write --ceiling 0.5" in said("--ceiling", "half")
    assert "error: --ceiling 'a=1': " not in said("--ceiling", "a=1") and "no task 'a'" in said("--ceiling", "a=1")
