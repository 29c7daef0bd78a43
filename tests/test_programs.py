"""A compiled NUTS program is told the losses and the priors' numbers: shared where only they differ, never else."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.models import curve, programs
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.starts import start
from bayes_scaling.models.whitening import whiten

pytestmark = pytest.mark.numbers

GIVEN: dict[str, Any] = {"E": dist.Gamma(8.0, 10.0), "beta": dist.Gamma(4.0, 20.0)}


def cell(runs: pd.DataFrame, scale: float = 1.0) -> pd.DataFrame:
    """One method on four base LLMs; ``scale`` multiplies every loss."""
    chosen = runs[(runs.method == "lora") & (runs.split == "fit")]
    return bs.load_runs(chosen.assign(loss=scale * chosen.loss))


def coordinates(runs: pd.DataFrame, **options: Any) -> Coordinates:
    model = bs.JointLaw(**options)
    problem = model.encode(runs)
    resolved = model.resolve(problem.layout)
    return Coordinates(resolved, problem, True)


def test_designs_that_differ_in_losses_and_prior_numbers_share_a_program(runs: pd.DataFrame) -> None:
    """Default priors scale with the losses; their numbers are told."""
    first = programs.Shape(coordinates(cell(runs)))
    again = programs.Shape(coordinates(cell(runs, scale=1.5)))
    given = programs.Shape(coordinates(cell(runs), priors=GIVEN))
    other = programs.Shape(coordinates(cell(runs), priors=GIVEN | {"beta": dist.Gamma(2.0, 10.0)}))
    assert first == again and hash(first) == hash(again)
    assert given == other and given != first


@pytest.mark.parametrize(
    "changed",
    [
        {"law": "rectified"},
        {"discrepancy": False},
        {"priors": {"E": dist.Gamma(8.0, 10.0)}},
        {"priors": {"nu": 5.0}},
        {"base_effects": False, "discrepancy": True},
    ],
)
def test_what_is_baked_in_is_told_apart(runs: pd.DataFrame, changed: dict[str, Any]) -> None:
    assert programs.Shape(coordinates(cell(runs))) != programs.Shape(coordinates(cell(runs), **changed))


def test_other_sizes_and_other_bases_in_the_same_pattern_share_a_program(runs: pd.DataFrame) -> None:
    """Names and sizes are told; who equals whom, and how many runs there are, is not."""
    here = programs.Shape(coordinates(cell(runs)))
    moved = cell(runs).assign(
        finetune_size=lambda r: 2.0 * r.finetune_size,
        model_size=lambda r: 3.0 * r.model_size,
        base=lambda r: "b" + r.base,
    )
    assert programs.Shape(coordinates(moved)) == here
    assert programs.Shape(coordinates(cell(runs).iloc[1:])) != here
    one_base_less = cell(runs).assign(base=lambda r: r.base.replace("1B", "2B"))
    assert programs.Shape(coordinates(one_base_less)) != here
    on_a = {"A": dist.LogNormal(7.0, 2.0)}  # whose scale at the centre is baked in
    of_a = programs.Shape(coordinates(cell(runs), priors=on_a))
    assert programs.Shape(coordinates(moved, priors=on_a)) != of_a


@pytest.mark.parametrize("prior", [(dist.Uniform(0.0, 1.0), dist.Uniform(0.0, 2.0)), (0.5, 0.6)])
def test_bounds_and_held_values_are_baked_in(runs: pd.DataFrame, prior: tuple[Any, Any]) -> None:
    """In both engines: a program kept from narrower bounds would cut the posterior off at them."""
    first, second = (coordinates(cell(runs), priors={"E": p}, base_effects=False) for p in prior)
    assert programs.Shape(first) != programs.Shape(second)
    assert curve.Shape(first.model, first.problem) != curve.Shape(second.model, second.problem)


def test_a_program_told_other_losses_has_their_density(runs: pd.DataFrame) -> None:
    """Potentials of a kept program and of the coordinates themselves, at the same points, to rounding."""
    kept = programs.Program(programs.Shape(coordinates(cell(runs), discrepancy=False)))
    there = coordinates(cell(runs, scale=1.3), discrepancy=False)
    with jax.enable_x64(True):
        data = programs.data_of(there)
        z = start(there) + 0.1 * np.random.default_rng(0).normal(size=there.size)
        told, _ = kept.value_and_gradient(z, data)
        assert told == pytest.approx(float(jax.jit(there.potential)(jnp.asarray(z))), rel=1e-12)
        # broken twin: the losses it was made with
        stale, _ = kept.value_and_gradient(z, programs.data_of(kept.template))
    assert abs(stale - told) > 1.0


@pytest.mark.parametrize("options", [{"noise": "loss"}, {"ceiling": 9.0}, {"law": "rectified"}])
def test_a_program_told_other_sizes_has_their_density(runs: pd.DataFrame, options: dict[str, Any]) -> None:
    kept = programs.Program(programs.Shape(coordinates(cell(runs), **options)))
    grown = cell(runs).assign(
        finetune_size=lambda r: r.finetune_size**1.3, model_size=lambda r: r.model_size * (1.0 + 0.1 * (r.base == "2B"))
    )
    there = coordinates(grown, **options)
    assert programs.Shape(there) == programs.Shape(kept.template)
    with jax.enable_x64(True):
        data = programs.data_of(there)
        z = start(there) + 0.1 * np.random.default_rng(0).normal(size=there.size)
        told, _ = kept.value_and_gradient(z, data)
        assert told == pytest.approx(float(jax.jit(there.potential)(jnp.asarray(z))), rel=1e-10)
        # broken twin: the sizes it was made with
        stale, _ = kept.value_and_gradient(z, data._replace(sizes=programs.data_of(kept.template).sizes))
    assert abs(stale - told) > 1.0


@pytest.mark.slow
def test_a_second_fit_s_draws_are_those_of_a_program_of_its_own(runs: pd.DataFrame) -> None:
    """Also with an attempt of another acceptance between: equal to the last bit, and nothing is compiled twice."""
    model = bs.JointLaw(base_effects=False)
    programs.program.cache_clear()
    bs.fit(cell(runs), model, seed=1, draws=200, warmup=200, engine="nuts")
    kept = bs.fit(cell(runs, 1.3), model, seed=2, draws=200, warmup=200, engine="nuts")
    assert programs.program.cache_info().misses == 1
    programs.program.cache_clear()
    fresh = bs.fit(cell(runs, 1.3), model, seed=2, draws=200, warmup=200, engine="nuts")
    for name, draws in fresh.draws.items():
        np.testing.assert_array_equal(kept.draws[name], draws, err_msg=name)


@pytest.mark.parametrize("options", [{}, {"base_effects": False, "discrepancy": False}])
def test_the_gradient_where_a_chain_begins_is_that_of_the_standardised_potential(
    runs: pd.DataFrame, options: dict[str, Any]
) -> None:
    """Pulled back from the compiled gradient of z; the twin is the gradient without the map's Jacobian."""
    with jax.enable_x64(True):
        c = coordinates(cell(runs), **options)
        compiled, data = programs.program(programs.Shape(c)), programs.data_of(c)
        whitening = whiten(c, lambda z: compiled.value_and_gradient(z, data))
        told = programs.told(data, whitening)
        y = jnp.asarray(np.random.default_rng(0).normal(size=c.size))
        value, slope = compiled.standardised_gradient(y, told)

        def potential(y: jax.Array) -> jax.Array:
            z, log_det = whitening.to_z(y)
            return c.potential(z) - log_det

        wanted, wanted_slope = jax.jit(jax.value_and_grad(potential))(y)
        np.testing.assert_allclose(value, wanted, rtol=1e-10)
        np.testing.assert_allclose(slope, wanted_slope, rtol=1e-7, atol=1e-8)
        raw = compiled.gradient(compiled._place(y, told), data)[1]
        assert not np.allclose(raw, wanted_slope, rtol=1e-2)
