"""Pooled exponents, noise and base families: what the model says."""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from scipy.stats import lognorm

import bayes_scaling as bs
from bayes_scaling.errors import ModelError, RunsError
from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.joint import joint_law
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.precision import in_float64
from bayes_scaling.runs import validate_runs
from shared.pooled import MIDDLES, SCALES, canned, design, families_of, table

pytestmark = pytest.mark.numbers


def test_without_a_pool_nothing_changes() -> None:
    runs = validate_runs(table())
    plain, empty = bs.JointLaw(), bs.JointLaw(pool=())
    assert plain.to_json() == empty.to_json() and "pool" not in plain.to_json()
    resolved = plain.resolve(plain.encode(runs).layout)
    assert resolved == empty.resolve(empty.encode(runs).layout)
    assert not any(isinstance(site, PooledSite) for site in resolved.sites)


@pytest.mark.parametrize(("pool", "populations"), [(("task",), 2), (("method",), 3), (("task", "method"), 1)])
def test_cells_of_one_population(pool: tuple[str, ...], populations: int) -> None:
    model = bs.JointLaw(pool=pool)
    layout = model.encode(validate_runs(table())).layout
    sites = {site.name: site for site in model.resolve(layout).sites}
    beta = sites["beta"]
    assert isinstance(beta, PooledSite)
    assert len(sites["beta_mean"].index) == len(set(beta.group)) == populations
    shared = {"task": layout.method, "method": layout.task}.get(pool[0] if len(pool) == 1 else "", ("one",) * 6)
    together = [[beta.group[i] == beta.group[j] for i in range(6)] for j in range(6)]
    assert together == [[shared[i] == shared[j] for i in range(6)] for j in range(6)]


def test_members_are_drawn_about_their_population_s_mean() -> None:
    model = bs.JointLaw(pool=("task",))
    layout = model.encode(validate_runs(table())).layout
    sites = {site.name: site for site in model.resolve(layout).sites}
    means = {"beta_mean": [0.1, 0.2], "alpha_mean": [0.2, 0.4], "sigma_mean": [0.01, 0.02]}
    families = {name: jnp.asarray(v) for name, v in means.items()}
    families |= {name: jnp.asarray([0.3]) for name in ("beta_scale", "alpha_scale", "sigma_scale")}
    beta, alpha = sites["beta"], sites["alpha[model_size]"]
    assert isinstance(beta, PooledSite) and isinstance(alpha, PooledSite)
    x = np.linspace(0.05, 0.3, 6)
    centre = np.tile([0.1, 0.2], 3)  # full and lora, task by task
    np.testing.assert_allclose(beta.population(families).log_prob(x), lognorm(0.3, scale=centre).logpdf(x), rtol=1e-5)
    wanted = lognorm(0.3, scale=np.tile([0.2, 0.4], 3)).logpdf(x)
    np.testing.assert_allclose(alpha.population(families).log_prob(x), wanted, rtol=1e-5)


def test_each_factor_of_each_method_has_a_population_of_its_own() -> None:
    """Several methods and factors: the program draws every exponent about the mean of its own population."""
    runs = table(tasks="ab", methods=("lora", "prompt"))
    runs = pd.concat([runs.assign(pet_size=size, loss=runs["loss"] + 1e-3 * size) for size in (4.0, 16.0)])
    model = bs.JointLaw(pool=("task",), discrepancy=False)
    problem = model.encode(validate_runs(runs))
    means = {"alpha_mean[model_size]": jnp.array([0.2, 0.3]), "alpha_mean[pet_size]": jnp.array([-0.1, 0.1])}
    program = handlers.seed(handlers.substitute(joint_law, means), 0)
    trace = handlers.trace(program).get_trace(model.resolve(problem.layout), problem)
    of_pet, of_model = (trace[f"alpha[{factor}]"]["fn"] for factor in ("pet_size", "model_size"))
    np.testing.assert_allclose(of_pet.mean, [-0.1, 0.1, -0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(of_model.icdf(0.5), [0.2, 0.3, 0.2, 0.3], rtol=1e-6)


@in_float64
def log_ratio(model: bs.JointLaw, runs: pd.DataFrame, one: np.ndarray, other: np.ndarray) -> float:
    """Log density of the model's program where the cells' beta are ``one``, less that of ``other``, all else alike."""
    problem = model.encode(validate_runs(runs))
    resolved = model.resolve(problem.layout)
    shapes = {name: v.shape[-1] for name, v in canned(model, runs, 4).draws.items()}
    draw = {name: jnp.full(n, (MIDDLES | SCALES).get(name, 0.0)) for name, n in shapes.items()}
    draw |= {"alpha": jnp.full(6, 0.2), "sigma": jnp.full(6, 0.005)}

    def at(beta: Any) -> Any:
        sites = {s.name: (draw | {"beta": beta})[s.family][np.asarray(s.index)] for s in resolved.sites if not s.fixed}
        sites |= {name: draw[name] for name in ("base_common", "base_effect", "base_slope_common", "base_slope")}
        return log_density(joint_law, (resolved, problem, jnp.asarray(problem.loss)), {}, sites)[0]

    density = jit_once(at)
    return float(density(jnp.asarray(one)) - density(jnp.asarray(other)))


def test_small_and_large_scales_are_complete_pooling_and_none() -> None:
    """What the density says of one task's beta, given another's, in the two limits.

    Two tasks' beta lie 5 tiny scales off their mean each, which costs 12.5 nats each; with a huge scale they cost
    nothing but what the runs say, as without pooling.
    """
    together = np.full(6, 0.1)
    apart = 0.1 * np.exp([0.005, 0.0, -0.005, 0.0, 0.0, 0.0])
    tiny, huge = (bs.JointLaw(priors={"beta_scale": s}, pool=("task",), discrepancy=False) for s in (1e-3, 1e3))
    plain = bs.JointLaw(priors={"beta": dist.Uniform(-9.0, 9.0)}, discrepancy=False)
    of_fit, of_tiny, of_huge = (log_ratio(m, table(), together, apart) for m in (plain, tiny, huge))
    assert of_huge == pytest.approx(of_fit, abs=1e-6)
    assert of_tiny - of_fit == pytest.approx(25.0, abs=1e-6)


def test_priors_on_the_population_are_printed_and_overridden_by_name() -> None:
    given: dict[str, Any] = {"beta[lora]": dist.Normal(0.2, 0.01), "alpha_scale[model_size]": dist.HalfNormal(0.2)}
    text = bs.JointLaw(priors=given, pool=("task",)).describe(table())
    for wanted in (
        "Pooling over task",
        "beta ~ Normal(beta_mean, beta_scale): 6 in 2 populations",  # either sign, as given
        "alpha[model_size] ~ LogNormal(log alpha_mean[model_size], alpha_scale[model_size])",
        "Normal(loc=0.2, scale=0.01)",
        "LogNormal(loc=-2.996, scale=1)",  # full keeps the default
        "HalfNormal(scale=0.2)",
        "HalfNormal(scale=0.05)",
    ):
        assert wanted in text


def test_a_fixed_mean_leaves_its_members_free() -> None:
    model = bs.JointLaw(priors={"beta": 0.07, "alpha": dist.Normal(0.2, 0.2)}, pool=("task",))
    sites = {site.name: site for site in model.resolve(model.encode(validate_runs(table())).layout).sites}
    beta, alpha = sites["beta"], sites["alpha[model_size]"]
    assert isinstance(beta, PooledSite) and isinstance(alpha, PooledSite)
    assert sites["beta_mean"].fixed and not beta.fixed and beta.positive
    assert sites["alpha_mean[model_size]"].specs[0].name == "Normal" and not alpha.positive  # either sign, as given


@pytest.mark.parametrize(
    ("arguments", "runs", "error", "words"),
    [
        ({"pool": "task"}, table(), ModelError, ["pool='task'", "pool=('task',)"]),
        ({"pool": ("taks",)}, table(), ModelError, ["'taks'", "'task', 'method', 'family'"]),
        ({"pool": ("task", "task")}, table(), ModelError, ["named twice"]),
        ({"pool": ("family",), "base_effects": False}, table(), ModelError, ["base_effects=False", "leave 'family'"]),
        ({"pool": ("task",)}, table("a"), ModelError, ["nothing to pool", "a: full; a: lora"]),
        ({"pool": ("task",), "priors": {"beta[b]": 0.1}}, table(), ModelError, ["'beta[b]'", "beta_mean[full]"]),
        ({"pool": ("task",), "priors": {"beta_scale": 0.0}}, table(), ModelError, ["'beta_scale'", "positive"]),
        ({"priors": {"beta_scale": 0.1}}, table(), ModelError, ["'beta_scale'", "fits no parameter"]),
        ({"pool": ("family",)}, table(), RunsError, ["column 'family' is missing", "add the column"]),
        ({"pool": ("family",)}, table(family="Elm"), ModelError, ["one value, 'Elm'"]),
    ],
)
def test_errors_say_what_to_do(
    arguments: dict[str, Any], runs: pd.DataFrame, error: type[ValueError], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        bs.JointLaw(**arguments).describe(runs)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_base_has_one_family() -> None:
    runs = families_of(table())
    runs.loc[0, "family"] = "Oak"
    with pytest.raises(RunsError, match=r"'small' with different families"):
        bs.JointLaw(pool=("family",)).describe(runs)
    runs["family"] = runs["family"].where(runs.index != 3)
    with pytest.raises(RunsError, match=r"column 'family': 1 row is empty"):
        bs.JointLaw(pool=("family",)).describe(runs)


# --- tasks without runs


@pytest.mark.parametrize("pool", [("task",), ("method", "task"), ("family",)])
def test_a_specification_survives_json(pool: tuple[str, ...]) -> None:
    model = bs.JointLaw(pool=list(pool), priors={"family_scale": 0.1} if "family" in pool else {"beta_scale": 0.1})
    back = bs.JointLaw.from_json(json.loads(json.dumps(model.to_json())))
    assert back.pool == model.pool == pool and back.prior_specs == model.prior_specs


def test_saved_and_loaded(tmp_path: Path) -> None:
    fit = canned(bs.JointLaw(pool=("task", "family"), discrepancy=False), families_of(table()), 40)
    fit.save(tmp_path / "pooled.nc")
    loaded = bs.load_posterior(tmp_path / "pooled.nc")
    assert loaded.model.to_json() == fit.model.to_json()
    pd.testing.assert_frame_equal(loaded.predict(design("new")), fit.predict(design("new")))
    pd.testing.assert_frame_equal(loaded.exponents(), fit.exponents())
    for group in ("posterior", "prior"):
        found = loaded.idata[group]
        assert found["beta_mean"].coords["population"].values.tolist() == ["full", "lora"]
        assert found["alpha_scale"].coords["factor"].values.tolist() == ["model_size"]
        assert found["base_family"].coords["task_family"].values.tolist()[:2] == ["a | Elm", "a | Oak"]


def few_and_many(seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Four tasks of one method, whose beta are drawn about .1; the last task has five noisy runs."""
    rng = np.random.default_rng(seed)
    beta = dict(zip("abcd", 0.1 + 0.01 * rng.normal(size=4), strict=True))
    cells: dict[Any, bs.CellTruth] = {
        (t, "lora"): bs.CellTruth({}, b, 0.5, 1.5 * 1e4**b, 0.01) for t, b in beta.items()
    }
    rows = [(t, d) for t in beta for d in np.geomspace(2e3, 5e4, 5 if t == "d" else 24)]
    frame = pd.DataFrame(rows, columns=["task", "finetune_size"]).assign(method="lora", base="the LLM")
    return bs.simulate_runs(frame, bs.Truth(cells), seed=seed), beta


@pytest.mark.slow
def test_a_task_with_few_runs_borrows_from_the_others() -> None:
    """Over six worlds: nearer to the truth and narrower than without pooling, and drawn towards the others."""
    errors: dict[str, list[float]] = {"none": [], "task": []}
    widths: dict[str, list[float]] = {"none": [], "task": []}
    for seed in range(6):
        runs, beta = few_and_many(seed)
        for name, pool in (("none", ()), ("task", ("task",))):
            model = bs.JointLaw(factors=(), pool=pool, base_effects=False)
            fit = bs.fit(runs, model, seed=seed, draws=500, warmup=500)
            few = fit.family("beta")[:, -1]
            errors[name].append(abs(few.mean() - beta["d"]))
            widths[name].append(few.std())
    print(errors, widths)
    assert np.mean(errors["task"]) < np.mean(errors["none"])
    assert np.all(np.array(widths["task"]) < np.array(widths["none"]))
