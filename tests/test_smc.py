"""Sequential Monte Carlo draws from the joint model's posterior: the same density, the same moments as NUTS."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.errors import ModelError
from bayes_scaling.models import smc
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.curve import curve_data, log_density, to_families
from bayes_scaling.models.precision import in_float64

pytestmark = pytest.mark.numbers

MCSE = 4.0  # Monte Carlo standard errors: one comparison in 16,000 fails by chance


def curve(seed: int = 0) -> pd.DataFrame:
    truth = bs.Truth({"full": bs.CellTruth(alpha={}, beta=0.2, E=1.2, A=12.0, sigma=0.01)})
    design = pd.DataFrame({"method": "full", "finetune_size": np.geomspace(500, 5e5, 11), "base": "b"})
    return bs.simulate_runs(design, truth, seed=seed)


def model(law: str = "multiplicative", **options: Any) -> bs.JointLaw:
    return bs.JointLaw(law, factors=(), **options)


@pytest.mark.parametrize("law", ["multiplicative", "rectified"])
@pytest.mark.parametrize(
    "options",
    [
        {"base_effects": False, "discrepancy": False, "noise": "loss"},
        {"discrepancy": True},
        {"discrepancy": True, "ceiling": 4.0},
    ],
)
@in_float64
def test_its_density_is_the_joint_model_s(law: str, options: dict[str, Any]) -> None:
    """Differences between points agree with the NumPyro program's; of the drift, both priors and likelihoods do.

    Of the rectified law a zero-shot run is among them.
    """
    runs, given = bs.load_runs(curve()), model(law, **options)
    if law == "rectified":
        zero_shot = runs.iloc[:1].assign(finetune_size=0.0, loss=3.9)
        runs = bs.load_runs(pd.concat([zero_shot, runs]))
    problem = given.encode(runs)
    resolved = given.resolve(problem.layout)
    c = Coordinates(resolved, problem, True, on_residuals=False)
    data = curve_data(resolved, problem)
    points = np.random.default_rng(0).normal(scale=0.3, size=(5, c.size))
    ours, theirs = [], []
    for z in points:
        families, _ = to_families(c, jnp.asarray(z), data)
        natural = z.copy()
        if resolved.discrepancy:
            natural[c.slices["drift"]] = families["drift"]
        change = jax.jacfwd(lambda y: _drift_at(c, y, data))(jnp.asarray(z)) if resolved.discrepancy else jnp.eye(1)
        ours.append(float(log_density(c, jnp.asarray(z), data)))
        theirs.append(-float(c.potential(jnp.asarray(natural))) + float(jnp.linalg.slogdet(change)[1]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def _drift_at(c: Coordinates, z: jax.Array, data: object) -> jax.Array:
    """The drift along its own coordinates, the others held where z has them."""
    families, _ = to_families(c, z, data)  # type: ignore[arg-type]
    where = c.slices["drift"]
    return jnp.concatenate([z[: where.start], families["drift"], z[where.stop :]])


@pytest.mark.parametrize("law", ["multiplicative", "rectified"])
def test_moments_are_those_of_nuts(law: str) -> None:
    """Means agree within four Monte Carlo standard errors, standard deviations within 15 %."""
    runs = curve(1)
    fits = [bs.fit(runs, model(law, base_effects=False), seed=1, engine=e, draws=2000) for e in ("nuts", "smc")]
    assert [fit.settings.engine for fit in fits] == ["nuts", "smc"]
    a, b = (fit.exponents().set_index("parameter") for fit in fits)
    for parameter in ("beta", "E"):
        error = np.hypot(*(t["sd"][parameter] / np.sqrt(t["ess_bulk"][parameter]) for t in (a, b)))
        assert abs(a["mean"][parameter] - b["mean"][parameter]) < MCSE * error, parameter
        assert a["sd"][parameter] == pytest.approx(b["sd"][parameter], rel=0.15)
    far = pd.DataFrame({"method": "full", "base": "b", "finetune_size": [5e6]})
    low, high = (np.log(fit.predict(far, kind="run")[["low", "high"]].to_numpy()) for fit in fits)
    np.testing.assert_allclose(low, high, atol=0.05)


@in_float64
def _populations(log_density: smc.LogDensity) -> smc.Population:
    start = smc.Reference(np.zeros(3), np.full(3, 2.0), np.zeros(3))
    keys = jax.random.split(jax.random.key(0), 4)
    return jax.vmap(lambda key: smc.temper(log_density, key, start, None, 1000)._replace(key=jnp.zeros(())))(keys)


def _normal(z: jax.Array, _: object) -> jax.Array:
    """A narrow, correlated normal about (1, -2, .5) whose density integrates to e^3."""
    factor = jnp.array([[0.1, 0.0, 0.0], [0.08, 0.05, 0.0], [0.0, 0.02, 0.3]])
    standard = jnp.linalg.solve(factor, z - jnp.array([1.0, -2.0, 0.5]))
    log_volume = 1.5 * jnp.log(2 * jnp.pi) + jnp.linalg.slogdet(factor)[1]
    return 3.0 - jnp.sum(standard**2) / 2 - log_volume


def test_a_normal_comes_back_with_its_evidence() -> None:
    """4,000 draws: a mean is off by four standard errors in 1 of 16,000; log evidence has an sd of about .1."""
    drawn = _populations(_normal)
    z = np.asarray(drawn.z).reshape(-1, 3)
    np.testing.assert_allclose(z.mean(axis=0), [1.0, -2.0, 0.5], atol=4 * 0.3 / np.sqrt(2000))
    np.testing.assert_allclose(z.std(axis=0), [0.1, np.hypot(0.08, 0.05), np.hypot(0.02, 0.3)], rtol=0.08)
    np.testing.assert_allclose(np.asarray(drawn.log_evidence).mean(), 3.0, atol=0.3)


def test_broken_twin_a_density_off_by_a_factor_has_other_evidence() -> None:
    drawn = _populations(lambda z, data: _normal(z, data) + 1.0)
    assert np.asarray(drawn.log_evidence).mean() > 3.5


def test_one_seed_one_posterior() -> None:
    first, again, other = (bs.fit(curve(), model(), seed=s, draws=200).family("beta") for s in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_it_is_refused_where_it_does_not_apply(runs: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match="engine='smc' is for one"):
        bs.fit(runs, engine="smc")
    with pytest.raises(ModelError, match="engine='hmc': use one of 'auto', 'nuts', 'smc'"):
        bs.fit(runs, engine="hmc")  # type: ignore[arg-type]
