"""An exponent's width follows the bases' scatter as far as the bases, not its prior, hold the exponent."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laplace import Normal
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.programs import Shape, data_of, program
from bayes_scaling.models.whitening import Whitening, whiten
from bayes_scaling.runs import validate_runs

FARTHER = np.log(10.0)  # the base scale, in coordinate 0


@in_float64
def held_by_prior(sizes: tuple[float, ...]) -> float:
    """Share of alpha's variance that is its prior's, for runs of bases of these sizes."""
    grid = [{"method": "full", "finetune_size": d, "model_size": n} for n in sizes for d in np.geomspace(1e3, 1e5, 6)]
    truth = bs.Truth({"full": bs.CellTruth(alpha={"model_size": 0.2}, beta=0.1, E=0.5, A=300.0, sigma=0.005)})
    runs = bs.simulate_runs(pd.DataFrame(grid), truth, seed=0)
    model = bs.JointLaw(base_slopes=False, discrepancy=False)
    problem = model.encode(validate_runs(runs))
    c = Coordinates(model.resolve(problem.layout), problem, conditioned=True)
    compiled, data = program(Shape(c)), data_of(c)
    whitening = whiten(c, lambda z: compiled.value_and_gradient(z, data))
    return float(whitening.loose[c.slices["alpha[model_size]"]][0])


def test_bases_of_nearly_one_size_leave_alpha_to_its_prior() -> None:
    assert held_by_prior((1e8, 1e9, 1e10, 1e11)) < 0.1
    assert held_by_prior((1e9, 1.001e9, 1.002e9, 1.003e9)) > 0.99


@pytest.mark.parametrize(("loose", "farther"), [(0.0, 10.0), (1.0, 1.0), (0.5, np.sqrt(1.0 / 0.505))])
def test_deviation_grows_as_far_as_bases_hold_it(loose: float, farther: float) -> None:
    """At ten times the base scale: ten times as far, no farther, or to where prior and bases together leave it."""
    w = Whitening(Normal(np.zeros(2), np.eye(2)), np.array([False, True]), 0, 0.0, np.array([0.0, loose]))
    with jax.enable_x64(True):
        near, _ = w.to_z(jnp.array([0.0, 0.3]))
        far, _ = w.to_z(jnp.array([FARTHER, 0.3]))
    assert float(far[1] / near[1]) == pytest.approx(farther, rel=1e-6)
