"""A law of one's own: a plain JAX function with priors goes through fit, tables, bands and ArviZ."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from jax import Array

import bayes_scaling as bs

pytestmark = pytest.mark.numbers

PRIOR = bs.PriorSpec.of("Normal", loc=0.0, scale=0.02)


def bent(p: bs.LawParameters, rows: bs.RowArrays) -> Array:
    slope = p.beta[rows.cell] + p.own["bend"][rows.cell] * rows.log_d
    return jnp.logaddexp(jnp.log(p.reducible)[rows.amplitude[:, 0]] - slope * rows.log_d, jnp.log(p.E)[rows.cell])


LAW = bs.Law("bent", "L = A * D_f^-(beta + bend log D_f) + E", "this test", bent, own=(("bend", PRIOR),))
SIZES = np.geomspace(1e3, 1e6, 14)


@pytest.fixture(scope="module")
def fit() -> bs.Posterior:
    x = np.log(SIZES) - np.log(SIZES).mean()
    noise = 0.002 * np.random.default_rng(0).standard_normal(SIZES.size)
    loss = (2.0 * np.exp(-(0.2 + 0.015 * x) * x) + 0.5) * np.exp(noise)
    runs = pd.DataFrame({"task": "t", "method": "m", "base": "b", "finetune_size": SIZES, "loss": loss})
    return bs.fit(runs, bs.JointLaw(LAW, factors=(), base_effects=False, discrepancy=False), seed=0)


def test_its_parameter_comes_back(fit: bs.Posterior) -> None:
    low, high = np.quantile(fit.family("own_bend"), [0.005, 0.995])
    assert low < 0.015 < high and low > 0.0


def test_it_is_described_predicted_and_judged(fit: bs.Posterior) -> None:
    text = fit.describe()
    assert "Joint law: bent" in text and "bend" in text and "Normal(loc=0, scale=0.02)" in text
    bands = fit.predict(fit.runs, kind="run")
    assert np.mean((bands.low < bands.loss) & (bands.loss < bands.high)) > 0.6
    assert "own_bend" in fit.idata["posterior"]
    assert fit.check().verdict in ("PASS", "REVIEW")


def test_its_prior_can_be_overridden() -> None:
    narrow = bs.JointLaw(LAW, {"bend": bs.PriorSpec.of("Normal", loc=0.0, scale=1e-3)}, factors=())
    table = {"task": "t", "method": "m", "finetune_size": [1, 2, 3, 4], "loss": [4, 3, 2.5, 2.2]}
    runs = bs.load_runs(pd.DataFrame(table))
    sites = {site.name: site for site in narrow.resolve(narrow.encode(runs).layout).sites}
    assert str(sites["bend"].specs[0]) == "Normal(loc=0, scale=0.001)"


def test_it_cannot_be_saved_and_says_so(fit: bs.Posterior, tmp_path) -> None:
    with pytest.raises(bs.ModelError, match="law 'bent' is a function of your own"):
        fit.save(tmp_path / "posterior.nc")
    assert not list(tmp_path.iterdir())
