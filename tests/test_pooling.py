"""Pooled exponents, noise and base families: what the model says, and what it predicts where nothing was measured."""

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
from scipy.stats import lognorm, norm

import bayes_scaling as bs
from bayes_scaling.errors import DesignError, ModelError, RunsError
from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.joint import joint_law
from bayes_scaling.models.layout import Layout
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.unseen import Spread, new_task
from bayes_scaling.runs import validate_runs

pytestmark = pytest.mark.numbers

S = 4000


def table(tasks: str = "abc", methods: tuple[str, ...] = ("full", "lora"), **columns: Any) -> pd.DataFrame:
    """Runs of three bases a task; the loss is a power law's, with a level and a wobble of its own for each task."""
    sizes = {"small": 1e8, "middle": 1e9, "large": 1e10}
    rows = [
        {"task": t, "method": m, "base": b, "model_size": n, "finetune_size": d}
        for t in tasks
        for m in methods
        for b, n in sizes.items()
        for d in (1e3, 1e4, 1e5)
    ]
    frame = pd.DataFrame(rows).assign(**columns)
    level = frame["task"].map({t: 1.0 + 0.3 * i for i, t in enumerate(tasks)})
    fall = 0.2 * np.log(frame["model_size"] / 1e9) + 0.1 * np.log(frame["finetune_size"] / 1e4)
    return frame.assign(loss=level + np.exp(-fall) + 0.002 * np.sin(np.arange(len(frame))))


def families_of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(family=frame["base"].map({"small": "Elm", "middle": "Elm", "large": "Oak"}))


MIDDLES = {"E": 1.0, "nu": 20.0, "base_share": 0.5, "reducible": 1.0, "data_term": 0.3, "prelearned": 0.3}
MIDDLES |= {"slope_share": 0.5, "beta_mean": 0.1, "alpha_mean": 0.2, "sigma_mean": 0.005, "drift_scale": 0.002}
SCALES = {"base_scale": 0.02, "family_scale": 0.1, "beta_scale": 0.01, "alpha_scale": 0.1, "sigma_scale": 0.3}
SCALES |= {"slope_scale": 0.1}


def canned(model: bs.JointLaw, runs: pd.DataFrame, draws: int = S) -> bs.Posterior:
    """A posterior with draws about sensible values, members drawn from their populations, and no sampling."""
    runs, rng = validate_runs(runs), np.random.default_rng(7)
    layout = model.encode(runs).layout
    sites = model.resolve(layout).sites
    size = {f: sum(len(s.index) for s in sites if s.family == f) for f in dict.fromkeys(s.family for s in sites)}
    middle = MIDDLES | SCALES | {"beta": 0.1, "alpha": 0.2, "sigma": 0.005}
    values = {f: middle[f] * np.exp((f in MIDDLES) * 0.02 * rng.normal(size=(draws, n))) for f, n in size.items()}
    for site in (s for s in sites if isinstance(s, PooledSite)):
        mean = values[site.mean_family][:, list(site.group)]
        deviation = values[site.scale_family][:, [site.scale_at]] * rng.normal(size=mean.shape)
        values[site.family][:, list(site.index)] = mean * np.exp(deviation) if site.positive else mean + deviation
    if model.base_effects:
        values |= base_draws(layout, values, rng, draws)
    if model.slopes:
        values |= slope_draws(layout, values, rng, draws)
    if model.drifts:
        values["drift"] = rng.normal(size=(draws, layout.drift.knot.size))
    shaped = {name: v.reshape(4, draws // 4, -1) for name, v in values.items()}
    stats = {"diverging": np.zeros((4, draws // 4), bool)}
    return bs.Posterior(runs, model, shaped, stats, 0, NutsSettings(chains=4, draws=draws // 4))


def base_draws(layout: Layout, values: dict[str, np.ndarray], rng: np.random.Generator, draws: int) -> Any:
    common = rng.standard_t(4, size=(draws, layout.n_commons))
    own = rng.standard_t(4, size=(draws, layout.n_effects))
    effect = values["base_scale"] * np.sqrt(0.5) * (common[:, layout.common_of_effect] + own)
    found = {"base_common": common, "base_effect": effect}
    if layout.families.family:
        found["base_family"] = rng.standard_t(4, size=(draws, len(layout.families.family)))
        of_effect = layout.families.of_common[layout.common_of_effect]
        found["base_effect"] = effect + values["family_scale"] * found["base_family"][:, of_effect]
    return found


def slope_draws(layout: Layout, values: dict[str, np.ndarray], rng: np.random.Generator, draws: int) -> Any:
    common = rng.standard_t(4, size=(draws, layout.slopes.common.size))
    own = rng.standard_t(4, size=(draws, layout.slopes.effect.size))
    slope = values["slope_scale"] * np.sqrt(0.5) * (common[:, layout.slopes.common_of] + own)
    return {"base_slope_common": common, "base_slope": slope}


# --- the model


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
    means = {"beta_mean": [0.1, -0.2], "alpha_mean": [0.2, 0.4], "sigma_mean": [0.01, 0.02]}
    families = {name: jnp.asarray(v) for name, v in means.items()}
    families |= {name: jnp.asarray([0.3]) for name in ("beta_scale", "alpha_scale", "sigma_scale")}
    beta, alpha = sites["beta"], sites["alpha[model_size]"]
    assert isinstance(beta, PooledSite) and isinstance(alpha, PooledSite)
    x = np.linspace(0.05, 0.3, 6)
    centre = np.tile([0.1, -0.2], 3)  # full and lora, task by task
    np.testing.assert_allclose(beta.population(families).log_prob(x), norm(centre, 0.3).logpdf(x), rtol=1e-5)
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
    apart = np.array([0.105, 0.1, 0.095, 0.1, 0.1, 0.1])
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
        "beta ~ Normal(beta_mean, beta_scale): 6 in 2 populations",
        "alpha[model_size] ~ LogNormal(log alpha_mean[model_size], alpha_scale[model_size])",
        "Normal(loc=0.2, scale=0.01)",
        "StudentT(df=4, loc=0.1, scale=0.1)",  # full keeps the default
        "HalfNormal(scale=0.2)",
        "HalfNormal(scale=0.05)",
    ):
        assert wanted in text


def test_a_fixed_mean_leaves_its_members_free() -> None:
    model = bs.JointLaw(priors={"beta": 0.07, "alpha": dist.Normal(0.2, 0.2)}, pool=("task",))
    sites = {site.name: site for site in model.resolve(model.encode(validate_runs(table())).layout).sites}
    beta, alpha = sites["beta"], sites["alpha[model_size]"]
    assert isinstance(beta, PooledSite) and isinstance(alpha, PooledSite)
    assert sites["beta_mean"].fixed and not beta.fixed and not beta.positive
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


@pytest.fixture(scope="module", params=["multiplicative", "additive", "rectified"])
def pooled(request: pytest.FixtureRequest) -> bs.Posterior:
    return canned(bs.JointLaw(request.param, pool=("task",)), table())


def design(task: str, **columns: Any) -> pd.DataFrame:
    rows = {"task": [task] * 2, "method": ["full", "lora"], "model_size": 1e9, "finetune_size": 1e4}
    return pd.DataFrame(rows).assign(**columns)


def test_an_unseen_task_is_predicted_and_wider_than_a_seen_one(pooled: bs.Posterior) -> None:
    seen, unseen = pooled.predict(design("b", base="middle")), pooled.predict(design("new", base="middle"))
    width = [np.log(t["high"] / t["low"]).to_numpy() for t in (seen, unseen)]
    assert np.all(width[1] > width[0])
    assert unseen["region"].eq("beyond").all() and np.all(np.isfinite(unseen[["mean", "sd", "low", "high"]]))
    assert "No run of task 'new' was fitted" in unseen.attrs["text"] and "text" not in seen.attrs
    pd.testing.assert_frame_equal(unseen, pooled.predict(design("new", base="middle")))  # the same in every call
    assert not np.allclose(unseen["low"], pooled.predict(design("other", base="middle"))["low"])


def test_an_unseen_task_s_exponents_are_the_population_s(pooled: bs.Posterior) -> None:
    rows = pooled.exponents().query("task == '(new task)'")
    assert list(zip(rows["method"], rows["parameter"], rows["factor"], strict=True)) == [
        ("full", "alpha", "model_size"),
        ("lora", "alpha", "model_size"),
        ("full", "beta", "finetune_size"),
        ("lora", "beta", "finetune_size"),
    ]
    known = pooled.knowing(("new",))
    assert known.layout.task[-2:] == ("new", "new") and known.knowing(("new",)) is known
    beta = known.family("beta")[:, -2:]
    # of the canned draws: mean .1, sd sqrt(.002^2 + .01^2), which 4,000 draws give within 6 %
    assert np.all(np.abs(beta.mean(axis=0) - 0.1) < 5 * 0.0102 / np.sqrt(S))
    np.testing.assert_allclose(beta.std(axis=0), 0.0102, rtol=0.06)
    assert known.family("alpha").shape[1] == pooled.family("alpha").shape[1] + 2
    assert np.all(known.family("E")[:, -2:] > 0) and np.all(known.family("reducible")[:, -2:] > 0)


def test_choices_and_wins_on_an_unseen_task(pooled: bs.Posterior) -> None:
    wins = pooled.win_probability([1e4, 1e6], model_size=1e9, task="new")
    assert wins["method"].tolist() == ["full", "full", "lora", "lora"]
    np.testing.assert_allclose(wins.groupby("finetune_size")["p_best"].sum(), 1.0)
    assert "No run of task 'new'" in wins.attrs["text"]
    choice = pooled.choose(1e4, model_size=1e9, task="new")
    assert "No run of task 'new'" in choice.text and len(choice.table) == 2
    assert "No run of task 'new'" in pooled.crossover("full", "lora", model_size=1e9, task="new").text


def test_without_a_pool_of_tasks_an_unseen_one_is_refused() -> None:
    fit = canned(bs.JointLaw(pool=("method",)), table(), 40)
    for ask in (lambda: fit.predict(design("new")), lambda: fit.choose(1e4, model_size=1e9, task="new")):
        with pytest.raises(DesignError, match=r"'new'.* was not fitted.*pool=\('task',\)"):
            ask()


def test_a_method_without_runs_anywhere_is_refused(pooled: bs.Posterior) -> None:
    with pytest.raises(DesignError, match="'ia3'"):
        pooled.predict(design("new", method="ia3"))


def test_levels_of_a_new_task_cover_tasks_from_the_same_population() -> None:
    """90 % intervals from four tasks cover a fifth in 90 % of 2,000 worlds, whose spread is drawn from the prior.

    The share's standard error is .7 %. Methods of one task differ by no more than methods do.
    """
    rng, usual = np.random.default_rng(1), Spread(0.5, 0.05)
    task, method = np.repeat(np.arange(4), 2), np.tile(np.arange(2), 4)
    hits, narrow, gaps = [], [], []
    for _ in range(2000):
        s_task, s_own = (usual_s * np.sqrt(2.0 / rng.chisquare(2.0)) for usual_s in usual)
        truth = s_task * rng.normal(size=(5, 1)) + s_own * rng.normal(size=(5, 2)) + [0.0, 0.3]
        drawn = new_task(np.tile(truth[:4].ravel(), (400, 1)), task, method, usual, rng)
        low, high = np.quantile(drawn[:, 0], [0.05, 0.95])
        hits.append(low <= truth[4, 0] <= high)
        centre, sd = truth[:4, 0].mean(), truth[:4, 0].std(ddof=1)
        narrow.append(abs(truth[4, 0] - centre) < 1.645 * sd)  # the broken twin: a normal with the sample's sd
        low, high = np.quantile(drawn[:, 1] - drawn[:, 0], [0.05, 0.95])
        gaps.append(low <= truth[4, 1] - truth[4, 0] <= high)
    assert 0.87 <= np.mean(hits) <= 0.93 and 0.87 <= np.mean(gaps) <= 0.95
    assert np.mean(narrow) < 0.85


# --- model families


def test_a_new_base_keeps_the_part_of_its_family() -> None:
    """On a fitted family the effect is correlated with that of its other bases; on a new one it is not.

    With ``family_scale`` .1 and ``base_scale`` .02 the family's part is 96 % of a base effect's variance; rank
    correlations of 4,000 draws are within .05 of what they should be.
    """
    fit = canned(bs.JointLaw(pool=("family",), discrepancy=False), families_of(table()))
    layout, effect = fit.layout, fit.family("base_effect")
    small, large = (effect[:, layout.effect_index[0, base]] for base in ("small", "large"))

    def effect_of(**columns: Any) -> np.ndarray:
        one = design("a", model_size=2e9, base="tiny", **columns).iloc[:1]
        law = design("a", model_size=2e9, base="small").iloc[:1]
        return np.concatenate([p.log_mean for _, p in fit.blocks(one)], axis=1)[:, 0] - (
            np.concatenate([p.log_mean for _, p in fit.blocks(law)], axis=1)[:, 0] - small
        )

    def rank(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])

    kin, stranger, unnamed = effect_of(family="Elm"), effect_of(family="Ash"), effect_of()
    assert rank(kin, small) > 0.85 and abs(rank(kin, large)) < 0.06
    assert abs(rank(stranger, small)) < 0.06 and abs(rank(unnamed, small)) < 0.06
    assert np.quantile(np.abs(stranger), 0.9) == pytest.approx(np.quantile(np.abs(small), 0.9), rel=0.1)
    with pytest.raises(DesignError, match="'small' is given as 'Oak'"):
        fit.predict(design("a", base="small", family="Oak"))


# --- files and ArviZ


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


def test_an_average_knows_unseen_tasks_where_every_fit_does(pooled: bs.Posterior) -> None:
    rival = canned(bs.JointLaw(pool=("task",)), table())
    both = bs.average([pooled, rival], weights=[0.5, 0.5]).predict(design("new"))
    assert both["region"].eq("beyond").all() and "No run of task 'new'" in both.attrs["text"]
    with pytest.raises(DesignError, match="'new'"):
        bs.average([canned(bs.JointLaw(), table()), rival], weights=[0.5, 0.5]).predict(design("new"))


# --- sampling


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
