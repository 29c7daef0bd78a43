"""The single-factor law A / D_f^beta + E, by its own name."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayes_scaling as bs
from bayes_scaling.cli import app
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laws import LAWS, LawParameters
from bayes_scaling.models.layout import RowArrays
from bayes_scaling.models.precision import in_float64

D = np.array([1e3, 1e5, 1e7])
SIZES = np.geomspace(1e3, 1e6, 9)


@in_float64
def loss(law: str, log_x: float = 0.0) -> np.ndarray:
    none = np.zeros(0)
    p = LawParameters(np.array([0.9]), np.array([0.2]), np.array([0.3]), np.array([8.0]), none)
    n = np.zeros((3, 1), np.int64)
    rows = RowArrays(n[:, 0], n, np.ones((3, 1)), n, np.full((3, 1), log_x), np.log(D))
    return np.exp(np.asarray(LAWS[law].log_mean(p, rows)))


def curve(sigma: float = 0.01) -> pd.DataFrame:
    truth = bs.Truth({"full": bs.CellTruth(alpha={}, beta=0.3, E=1.2, A=12.0, sigma=sigma)}, law="power")
    return bs.simulate_runs(pd.DataFrame({"method": "full", "finetune_size": SIZES, "base": "b"}), truth)


def test_it_is_hestness_et_al_s_curve_and_knows_no_other_factor() -> None:
    """And the broken twin: the multiplicative law moves with X."""
    np.testing.assert_allclose(loss("power"), 8.0 * D**-0.2 + 0.9, rtol=1e-12)
    np.testing.assert_array_equal(loss("power", log_x=1.0), loss("power"))
    assert not np.allclose(loss("multiplicative", log_x=1.0), loss("power"), rtol=1e-3)


def test_simulated_runs_follow_it() -> None:
    np.testing.assert_allclose(curve(sigma=0.0).loss, 12.0 * SIZES**-0.3 + 1.2, rtol=1e-12)
    truth = bs.Truth({"full": bs.CellTruth(alpha={"model_size": 0.3}, beta=0.3, E=1.2, A=12.0)}, law="power")
    with pytest.raises(bs.ModelError, match="law='power' is a law of D_f alone; leave alpha empty"):
        bs.simulate_runs(pd.DataFrame({"method": "full", "finetune_size": SIZES, "model_size": 1e9}), truth)


def test_it_needs_no_factors_and_says_what_it_is() -> None:
    text = bs.JointLaw("power").describe(curve())
    assert "Joint law: power\n  L(D_f) = A * D_f^-beta + E\n  Hestness et al. 2017" in text
    assert "alpha" not in text and "finetuning data only" in text


def test_a_factor_that_varies_is_not_read_as_noise(runs: pd.DataFrame) -> None:
    with pytest.raises(bs.ModelError) as told:
        bs.JointLaw("power").encode(runs)
    assert "law='power' is a law of D_f alone, but 'model_size' takes 5 values in task 'WMT19 En-Zh'" in str(told.value)
    assert "use law='multiplicative', which scales it too" in str(told.value)
    with pytest.raises(bs.ModelError, match=r"factors=\('model_size',\): law='power' is a law of D_f alone"):
        bs.JointLaw("power", factors=("model_size",))


@in_float64
def test_of_one_curve_it_is_the_multiplicative_law_without_factors() -> None:
    """One density under two names; the rectified law's is another."""
    densities = [density(law) for law in ("power", "multiplicative", "rectified")]
    assert densities[0] == pytest.approx(densities[1], rel=1e-12)
    assert abs(densities[2] - densities[0]) > 0.1


def density(law: str) -> float:
    model = bs.JointLaw(law, factors=(), base_effects=False)
    problem = model.encode(curve())
    c = Coordinates(model.resolve(problem.layout), problem, False, np.zeros(1, bool))
    return float(c.potential(jnp.zeros(c.size)))


def test_the_command_line_knows_it(tmp_path: Path) -> None:
    curve().to_csv(tmp_path / "runs.csv", index=False)
    result = CliRunner().invoke(app, ["check", f"{tmp_path}/runs.csv", "--law", "power"])
    assert result.exit_code == 0 and "Joint law: power" in result.stdout
