"""Importance sampling of one cell: the joint model's density, its moments, its evidence, and refusals."""

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayes_scaling as bs
from bayes_scaling import exact as engine
from bayes_scaling.checks.sampler import convergence
from bayes_scaling.errors import ModelError
from bayes_scaling.exact import HIGH_K, POINTS_A_DRAW, ExactFit, _smoothed
from bayes_scaling.fitting import Engine
from bayes_scaling.models import importance, mixture
from bayes_scaling.models.exact import Cell, WeightedFamilies
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.smc import Reference

pytestmark = pytest.mark.numbers

MCSE = 4.0  # Monte Carlo standard errors: one comparison in 16,000 fails by chance
NORMAL = 1e6  # degrees of freedom that are normal noise's in any digit that counts
SIGMA, BETA = 0.02, 0.2


def curve(seed: int = 0) -> pd.DataFrame:
    truth = bs.Truth({"full": bs.CellTruth(alpha={}, beta=BETA, E=1.2, A=12.0, sigma=SIGMA)})
    design = pd.DataFrame({"method": "full", "finetune_size": np.geomspace(500, 5e5, 11), "base": "b"})
    return bs.simulate_runs(design, truth, seed=seed)


def power(**priors: float) -> bs.JointLaw:
    return bs.JointLaw("power", base_effects=False, priors={"nu": NORMAL, **priors})


@pytest.fixture(scope="module")
def exact() -> bs.Posterior:
    return bs.fit(curve(), power(), engine="exact", seed=1)


def test_a_mixture_has_scipy_s_density_and_its_draws_the_variance() -> None:
    with jax.enable_x64(True):
        factors = jnp.array([[[1.0, 0.0], [0.5, 2.0]], [[0.3, 0.0], [-0.2, 0.1]]])
        made = mixture.Mixture(jnp.log(jnp.array([0.3, 0.7])), jnp.array([[1.0, 2.0], [-1.0, 0.0]]), factors)
        points = mixture.draw(made, jax.random.key(0), 4000)
        ours = np.asarray(mixture.log_density(made, points))
    shapes = [factor @ factor.T for factor in np.asarray(factors)]
    theirs = [
        np.log(w) + stats.multivariate_t(m, shape, mixture.TAILS).logpdf(points)
        for w, m, shape in zip((0.3, 0.7), np.asarray(made.mean), shapes, strict=True)
    ]
    np.testing.assert_allclose(ours, np.logaddexp(*theirs), rtol=1e-9)
    far = np.linalg.norm(np.asarray(points) - [1.0, 2.0], axis=1) > 5.0  # only the first component reaches there
    reference = stats.multivariate_t([1.0, 2.0], shapes[0], mixture.TAILS, seed=0).rvs(100_000)
    expected = 0.3 * np.mean(np.linalg.norm(reference - [1.0, 2.0], axis=1) > 5.0)
    assert far.mean() == pytest.approx(expected, abs=MCSE * np.sqrt(expected / 4000))


def _banana(z: jax.Array, shift: jax.Array) -> jax.Array:
    """Far from normal: the second coordinate's mean and scale depend on the first; the integral is e^3."""
    first = jax.scipy.stats.norm.logpdf(z[0], 2.0, 0.3)
    second = jax.scipy.stats.norm.logpdf(z[1], z[0] ** 2, 0.1 * jnp.exp(z[0] - 2.0))
    third = jax.scipy.stats.norm.logpdf(z[2], 1.0, 0.01)
    return 3.0 + shift + first + second + third


@in_float64
def _weigh_banana(shift: float) -> importance.Weighted:
    start = Reference(np.zeros(3), np.full(3, 2.0), np.zeros(3))
    return importance.sample(_banana, jax.random.key(0), start, jnp.asarray(shift), 8000)


def test_a_banana_comes_back_with_its_evidence_and_moments() -> None:
    found = _weigh_banana(0.0)
    weight, k = _smoothed(np.asarray(found.log_weight))
    effective = 1.0 / np.sum(weight**2)
    assert k < HIGH_K
    assert effective > 4000
    error = np.sqrt(1.0 / effective - 1.0 / 8000)
    assert logsumexp(found.log_weight) - np.log(8000) == pytest.approx(3.0, abs=MCSE * error)
    z = np.asarray(found.z)
    mean, sd = weight @ z, np.sqrt(weight @ (z - weight @ z) ** 2)
    second = np.sqrt(np.exp(2 * 0.3**2) * 0.01 + (2 * 2 * 0.3) ** 2 + 2 * 0.3**4)
    truth = np.array([0.3, second, 0.01])
    np.testing.assert_array_less(np.abs(mean - [2.0, 4.0 + 0.3**2, 1.0]), MCSE * truth / np.sqrt(effective))
    np.testing.assert_allclose(sd, truth, rtol=0.06)


def test_broken_twin_a_density_off_by_a_factor_has_other_evidence() -> None:
    assert logsumexp(_weigh_banana(0.2).log_weight) - np.log(8000) > 3.1


def test_moments_are_those_of_sequential_monte_carlo() -> None:
    """One factor and D_f, free tails: means within four Monte Carlo standard errors, deviations within 10 %.

    ``"auto"`` stays with that engine.
    """
    truth = bs.Truth({"full": bs.CellTruth(alpha={"model_size": 0.2}, beta=0.1, E=0.8, A=300.0, sigma=0.01)})
    sizes = [(m, d) for m in np.geomspace(1e8, 1.6e9, 4) for d in np.geomspace(1e3, 1e6, 4)]
    design = pd.DataFrame(sizes, columns=["model_size", "finetune_size"]).assign(method="full")
    design["base"] = [f"b{size:.0f}" for size in design["model_size"]]
    runs, model = bs.simulate_runs(design, truth, seed=3), bs.JointLaw(base_effects=False)
    engines: tuple[Engine, ...] = ("exact", "auto")
    fits = [bs.fit(runs, model, seed=1, engine=engine) for engine in engines]
    assert [fit.settings.engine for fit in fits] == ["exact", "smc"]
    a, b = (fit.exponents().set_index("parameter") for fit in fits)
    for parameter in ("alpha", "beta", "E"):
        error = np.hypot(*(t["sd"][parameter] / np.sqrt(t["ess_bulk"][parameter]) for t in (a, b)))
        assert abs(a["mean"][parameter] - b["mean"][parameter]) < MCSE * error, parameter
        assert a["sd"][parameter] == pytest.approx(b["sd"][parameter], rel=0.1)


def _grid_evidence(runs: pd.DataFrame, sigma: float) -> float:
    """Log evidence by the trapezoidal rule over E and log R, with the model written again in SciPy."""
    loss, log_d = runs["loss"].to_numpy(), np.log(runs["finetune_size"].to_numpy())
    e = np.linspace(1e-4, loss.min(), 500)[:, None]
    log_r = np.linspace(np.log(np.median(loss)) - 6, np.log(np.median(loss)) + 3, 1500)
    total = stats.halfnorm(scale=loss.min()).logpdf(e) + stats.norm(np.log(np.median(loss) / 2), 1.0).logpdf(log_r)
    for one, d in zip(loss, log_d - log_d.mean(), strict=True):
        mean = np.log(e + np.exp(log_r - BETA * d))
        total = total + stats.norm(mean, sigma).logpdf(np.log(one)) - np.log(one)
    top = total.max()
    return float(top + np.log(np.trapezoid(np.trapezoid(np.exp(total - top), log_r, axis=1), e[:, 0])))


def test_evidence_is_that_of_dense_quadrature() -> None:
    """Normal noise of known scale and a known exponent leave two parameters; a twin with other noise is told apart."""
    found = bs.fit(curve(), power(sigma=SIGMA, beta=BETA), engine="exact", draws=2000).stats
    ours, effective = found["log_evidence"][0, 0], found["effective_points"][0, 0]
    assert ours == pytest.approx(_grid_evidence(curve(), SIGMA), abs=MCSE / np.sqrt(effective))
    assert abs(ours - _grid_evidence(curve(), 1.2 * SIGMA)) > 10 * MCSE / np.sqrt(effective)


def test_draws_are_as_good_as_independent(exact: bs.Posterior) -> None:
    table = exact.exponents()
    assert table["ess_bulk"].min() > 0.8 * 4000
    assert table["r_hat"].max() < 1.003
    assert len(np.unique(exact.family("beta"))) > 0.95 * 4000


def test_one_seed_one_posterior(exact: bs.Posterior) -> None:
    again, other = (bs.fit(curve(), power(), engine="exact", seed=s).family("beta") for s in (1, 2))
    np.testing.assert_array_equal(exact.family("beta"), again)
    assert not np.array_equal(again, other)


def test_its_check_tells_the_weights(exact: bs.Posterior) -> None:
    (check,) = convergence(exact)
    assert check.status == "passed"
    assert "by importance sampling with Pareto k" in check.reason


def test_uneven_weights_are_refused(exact: bs.Posterior) -> None:
    """Weights with a tail of shape 1.2 have Pareto k about that, and no posterior is handed out."""
    heavy = 1.2 * np.random.default_rng(0).exponential(size=16_000)
    weight, k = _smoothed(heavy)
    assert k == pytest.approx(1.2, abs=0.25)
    with pytest.raises(ModelError, match=r"too uneven \(Pareto k 1\.\d\d, at most 0\.7; .*use engine='smc'"):
        ExactFit(exact, k, 1.0 / np.sum(weight**2)).trusted()
    assert _smoothed(np.full(100, -np.inf))[1] == np.inf


@pytest.mark.parametrize(
    "options", [{}, {"base_effects": False, "discrepancy": True}, {"base_effects": False, "priors": "A"}]
)
def test_it_is_refused_where_it_does_not_apply(options: dict[str, Any]) -> None:
    if options.get("priors") == "A":
        import numpyro.distributions as dist

        options = {**options, "priors": {"A": dist.LogNormal(2.0, 1.0)}}
    with pytest.raises(ModelError, match="engine='exact' is for one"):
        bs.fit(curve(), bs.JointLaw("power", **options), engine="exact")


def test_two_cells_are_refused() -> None:
    both = pd.concat([curve(), curve(1).assign(method="lora")])
    with pytest.raises(ModelError, match=r"engine='exact' is for one \(task, method\)"):
        bs.fit(both, power(), engine="exact")


def test_uneven_weights_are_drawn_again_and_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points worth fewer draws than asked for are not kept; those that are worth as many are not drawn twice."""
    asked: list[int] = []

    def weigh(cells: Iterable[Cell], points: int) -> Iterator[WeightedFamilies]:
        for cell in cells:
            asked.append(points)
            uneven = cell.seed == 1 and points == POINTS_A_DRAW * 4000
            log_weight = np.where(np.arange(points) < points // 8, 0.0, -np.inf) if uneven else np.zeros(points)
            families = {name: np.ones((points, 1)) for name in ("E", "beta", "reducible", "sigma", "nu")}
            yield WeightedFamilies(families, np.zeros(points), log_weight)

    monkeypatch.setattr(engine, "weigh", weigh)
    model, runs = power(), bs.load_runs(curve())
    groups = [(runs, model.encode(runs), seed) for seed in (0, 1)]
    fits = engine.by_importance(groups, model, NutsSettings())
    assert asked == [8000, 8000, 32000]
    assert [fit.effective_points for fit in fits] == pytest.approx([8000, 32000])
