"""Noise that is as large at every loss, beside noise that is a share of it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_scaling as bs
from bayes_scaling.errors import ModelError
from bayes_scaling.loo import leave_one_out
from bayes_scaling.models.predictive import evaluate_runs

pytestmark = pytest.mark.numbers

NOISE = 0.03  # nats, the same at every loss
OPTIONS: dict[str, Any] = {"factors": (), "base_effects": False}
SIZES = np.tile(np.geomspace(1e3, 1e5, 32), 4)  # a difference of scales takes many runs to see
FAR = pd.DataFrame({"task": "t", "method": "full", "base": "b", "finetune_size": [4e5]})


def expected(sizes: np.ndarray) -> np.ndarray:
    """From 4 down to 1.5 nats over the fitted sizes."""
    return 1.0 + 3.0 * (sizes / 1e3) ** -0.4


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """Losses with normal noise of the same size everywhere."""
    noise = NOISE * np.random.default_rng(3).standard_normal(SIZES.size)
    table = pd.DataFrame({"task": "t", "method": "full", "base": "b", "finetune_size": SIZES})
    return bs.load_runs(table.assign(loss=expected(SIZES) + noise, seed=np.arange(SIZES.size) // 32))


@pytest.fixture(scope="module")
def of_loss(runs: pd.DataFrame) -> bs.Posterior:
    return bs.fit(runs, bs.JointLaw(noise="loss", **OPTIONS), draws=500)


@pytest.fixture(scope="module")
def of_log_loss(runs: pd.DataFrame) -> bs.Posterior:
    return bs.fit(runs, bs.JointLaw(**OPTIONS), draws=500)


def test_the_likelihood_is_student_t_of_that_scale(of_loss: bs.Posterior) -> None:
    """Every run under one draw, by hand, from the program itself; sigma is the share of the median loss."""
    draw = {name: values[:1, :1] for name, values in of_loss.draws.items()}
    _, found = evaluate_runs(of_loss.resolved, of_loss.problem, draw, seed=0)
    E, beta, R, sigma, nu = (draw[n].item() for n in ("E", "beta", "reducible", "sigma", "nu"))
    loss = of_loss.problem.loss
    mean = E + R * np.exp(-beta * of_loss.problem.rows.log_d)
    by_hand = stats.t.logpdf(np.log(loss), nu, np.log(mean), sigma * np.median(loss) / mean) - np.log(loss)
    np.testing.assert_allclose(found[0, 0], by_hand, rtol=1e-10)


def test_its_size_comes_back_and_bands_have_it_everywhere(of_loss: bs.Posterior, of_log_loss: bs.Posterior) -> None:
    """In nats, at the largest and at the smallest loss; noise on log loss is told apart there (the broken twin)."""

    def in_nats(fit: bs.Posterior) -> np.ndarray:
        ((_, parts),) = fit.blocks(bs.load_runs(fit.runs))
        return np.asarray(np.median(parts.sigma * np.exp(parts.log_mean), axis=0)[[0, -1]])

    assert np.median(of_loss.family("sigma")) * of_loss.layout.loss_median[0] == pytest.approx(NOISE, rel=0.3)
    np.testing.assert_allclose(in_nats(of_loss), NOISE, rtol=0.3)
    assert in_nats(of_loss)[0] == pytest.approx(in_nats(of_loss)[1], rel=0.05)
    shared = in_nats(of_log_loss)
    assert shared[0] > 2.0 * shared[1]


def test_the_data_tell_which(of_loss: bs.Posterior, of_log_loss: bs.Posterior) -> None:
    assert leave_one_out(of_loss).elpd.sum() > leave_one_out(of_log_loss).elpd.sum() + 2.0


def test_a_posterior_comes_back_from_its_file_with_its_noise(of_loss: bs.Posterior, tmp_path: Any) -> None:
    of_loss.save(tmp_path / "posterior.nc")
    again = bs.load_posterior(tmp_path / "posterior.nc")
    assert again.model.noise == "loss"
    pd.testing.assert_frame_equal(again.predict(FAR, kind="run"), of_loss.predict(FAR, kind="run"))


def test_the_model_says_so(runs: pd.DataFrame) -> None:
    assert "sigma * median loss / L" in bs.JointLaw(noise="loss", **OPTIONS).describe(runs)
    assert "median loss / L" not in bs.JointLaw(**OPTIONS).describe(runs)


def test_below_a_ceiling_sigma_is_a_share_of_the_loss_that_was_measured(runs: pd.DataFrame) -> None:
    """Priors scale with losses as they stand without the ceiling; the noise does not."""
    problem = bs.JointLaw(noise="loss", ceiling=6.0, **OPTIONS).encode(runs)
    assert problem.layout.loss_median[0] > 1.3 * runs["loss"].median()
    np.testing.assert_allclose(np.exp(problem.rows.log_median), runs["loss"].median(), rtol=0.01)


def test_another_noise_is_refused() -> None:
    with pytest.raises(ModelError, match="noise='nats': the noise of runs is of their 'log loss'"):
        bs.JointLaw(noise="nats")  # type: ignore[arg-type]
