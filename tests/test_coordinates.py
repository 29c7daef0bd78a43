"""Sampling coordinates change the geometry and never the posterior: their Jacobians are exact."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laplace import Normal, laplace
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.priors import Site
from bayes_scaling.models.starts import held, start
from bayes_scaling.models.whitening import Whitening
from bayes_scaling.runs import validate_runs

pytestmark = pytest.mark.numbers


BASE_BLOCKS = ("base_common", "base_effect", "base_slope_common", "base_slope")


class Case(NamedTuple):
    model: bs.JointLaw
    data: str = "zhang2024_en_zh"
    conditioned: bool = True


CASES = {
    "default": Case(bs.JointLaw()),
    "one slope for all bases": Case(bs.JointLaw(base_slopes=False)),
    "natural": Case(bs.JointLaw(), conditioned=False),
    "additive": Case(bs.JointLaw("additive")),
    "one base a cell": Case(bs.JointLaw(), data="zhang2024_pet"),
    "additive, one base": Case(bs.JointLaw("additive"), data="zhang2024_pet"),
    "two factors, shared E": Case(bs.JointLaw(), data="both"),
    "two factors, additive": Case(bs.JointLaw("additive"), data="both"),
    "bounded": Case(bs.JointLaw(ceiling=1.6)),
    "no base effects": Case(bs.JointLaw(base_effects=False)),
    "fixed small base effects": Case(bs.JointLaw(priors={"base_scale": 1e-4})),
    "signed alpha": Case(bs.JointLaw(priors={"alpha[model_size]": dist.Normal(0.2, 0.2)})),
    "bounded E": Case(bs.JointLaw(priors={"E": dist.Uniform(0.0, 1.1)})),
    "bounded beta": Case(bs.JointLaw(priors={"beta[lora]": dist.Uniform(0.0, 0.5)})),
    "prior on A": Case(bs.JointLaw(priors={"A[full]": dist.LogNormal(8.0, 2.0)})),
    "fixed alpha": Case(bs.JointLaw(priors={"alpha[model_size, full]": 0.3})),
    "pooled over tasks": Case(bs.JointLaw(pool=("task",), discrepancy=False), data="three tasks"),
    "pooled, natural": Case(bs.JointLaw(pool=("task",), discrepancy=False), data="three tasks", conditioned=False),
    "pooled over methods and families": Case(bs.JointLaw(pool=("method", "family")), data="families"),
    "pooled, additive": Case(bs.JointLaw("additive", pool=("method",), discrepancy=False)),
    "pooled, rectified": Case(bs.JointLaw("rectified", pool=("task", "method"), discrepancy=False), data="three tasks"),
    "pooled, other priors": Case(
        bs.JointLaw(
            priors={"alpha": dist.Normal(0.2, 0.2), "beta": dist.Uniform(0.0, 0.5), "sigma": 0.01, "beta_scale": 1e-4},
            pool=("method",),
            base_effects=False,
        )
    ),
}


def load(name: str) -> pd.DataFrame:
    if name == "three tasks":
        return validate_runs(bs.load_data("zhang2024_pet"))
    if name == "families":
        runs = load("zhang2024_en_zh")
        return runs.assign(family=np.where(runs["base"].isin(["1B", "2B"]), "small", "large"))
    names = ["zhang2024_en_zh", "zhang2024_pet"] if name == "both" else [name]
    frames = [bs.load_data(n) for n in names]
    return validate_runs(pd.concat([f[f.task == "WMT19 En-Zh"] for f in frames], ignore_index=True))


def coordinates(case: Case) -> Coordinates:
    problem = case.model.encode(load(case.data))
    model = case.model.resolve(problem.layout)
    return Coordinates(model, problem, case.conditioned)


def somewhere(c: Coordinates, seed: int) -> jax.Array:
    """A point off the starting point, so that no term of a Jacobian is zero by symmetry."""
    return jnp.asarray(start(c) + 0.1 * np.random.default_rng(seed).normal(size=c.size))


class Looked(NamedTuple):
    """What is compared at one point: the closed form, the full Jacobian of z -> all site values, the potential."""

    closed: float
    jacobian: np.ndarray
    potential: float
    gradient: np.ndarray

    @property
    def log_det(self) -> float:
        return float(np.linalg.slogdet(self.jacobian)[1])


@cache
@in_float64
def look(name: str) -> Looked:
    """One compiled program for all of it: compiling is what these tests cost."""
    c = coordinates(CASES[name])

    def flat(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        values, log_det = c.to_sites(z)
        return jnp.concatenate([values[name] for name, _ in c.blocks]), log_det

    def everything(z: jax.Array) -> tuple[jax.Array, jax.Array, tuple[jax.Array, jax.Array]]:
        jacobian, log_det = jax.jacfwd(flat, has_aux=True)(z)
        return log_det, jacobian, jax.value_and_grad(c.potential)(z)

    closed, jacobian, (value, gradient) = jit_once(everything)(somewhere(c, seed=1))
    return Looked(float(closed), np.asarray(jacobian), float(value), np.asarray(gradient))


@pytest.mark.parametrize("name", list(CASES))
def test_jacobian_in_closed_form_is_the_true_one(name: str) -> None:
    looked = look(name)
    assert looked.closed == pytest.approx(looked.log_det, abs=1e-7)
    assert np.isfinite(looked.potential)
    assert np.all(np.isfinite(looked.gradient))


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        *(("default", block) for block in ("reducible", "beta", *BASE_BLOCKS)),
        *(("pooled over tasks", block) for block in ("beta", "beta_mean")),
        ("pooled over methods and families", "base_family"),
    ],
)
def test_broken_twin_without_a_block_s_jacobian_is_caught(name: str, dropped: str) -> None:
    """Were the closed form to forget one block's part, the comparison above would see it."""
    looked, part = look(name), coordinates(CASES[name]).slices[dropped]
    forgotten = looked.closed - float(np.linalg.slogdet(looked.jacobian[part, part])[1])
    assert abs(forgotten - looked.log_det) > 1e-3


@pytest.mark.parametrize("names", [("default", "natural"), ("pooled over tasks", "pooled, natural")])
def test_conditioned_and_natural_potentials_are_one_density(names: tuple[str, str]) -> None:
    """At the same site values the potentials differ by exactly the log Jacobian between the two maps."""
    conditioned, natural = (coordinates(CASES[name]) for name in names)

    def difference(z: jax.Array) -> jax.Array:
        values, log_det = conditioned.to_sites(z)
        y = natural_point(natural, values)
        _, natural_log_det = natural.to_sites(y)
        return jnp.asarray(conditioned.potential(z) + log_det - natural.potential(y) - natural_log_det)

    with jax.enable_x64(True):
        compiled = jit_once(difference)
        differences = [float(compiled(somewhere(conditioned, seed))) for seed in (1, 2, 3)]
    np.testing.assert_allclose(differences, 0.0, atol=1e-6)


def natural_point(c: Coordinates, values: dict[str, jax.Array]) -> jax.Array:
    """Inverse of the natural map, site by site."""
    sites = {site.name: site for site in c.free_sites}
    return jnp.concatenate([natural_value(sites.get(name), values[name]) for name, _ in c.blocks])


def natural_value(site: Site | None, value: jax.Array) -> jax.Array:
    if isinstance(site, PooledSite):
        return jnp.log(value) if site.positive else value
    return value if site is None else dist.biject_to(site.distribution().support).inv(value)


@pytest.mark.parametrize("scale_at", [None, 2])
def test_whitening_s_jacobian(scale_at: int | None) -> None:
    rng = np.random.default_rng(0)
    normal = Normal(np.array([0.3, -1.0, -4.0, 0.5]), rng.normal(size=(4, 4)))
    follows = np.array([True, False, False, scale_at is not None])
    w = Whitening(normal, follows, scale_at, 1e-3, np.array([0.4, 0.0, 0.0, 0.0]))
    with jax.enable_x64(True):
        y = jnp.asarray(rng.normal(size=4))
        _, closed = w.to_z(y)
        full = np.linalg.slogdet(np.asarray(jax.jacfwd(lambda y: w.to_z(y)[0])(y)))[1]
    assert float(closed) + np.linalg.slogdet(normal.factor)[1] == pytest.approx(full, abs=1e-9)


def test_laplace_of_a_normal_is_that_normal() -> None:
    rng = np.random.default_rng(3)
    root = rng.normal(size=(5, 5))
    precision, mean = root @ root.T + np.eye(5), rng.normal(size=5)

    def potential(z: np.ndarray) -> tuple[float, np.ndarray]:
        d = z - mean
        return float(d @ precision @ d / 2), precision @ d

    found = laplace(potential, np.zeros(5), np.zeros(5, bool))
    np.testing.assert_allclose(found.mean, mean, atol=1e-4)
    np.testing.assert_allclose(found.factor @ found.factor.T, np.linalg.inv(precision), rtol=1e-3, atol=1e-5)


def test_scales_are_held_in_natural_coordinates_only() -> None:
    """There the joint mode sits at a base scale of zero; standardised effects leave it where the mass is."""
    c = coordinates(CASES["natural"])
    flags = held(c)
    assert flags[c.slices["base_scale"]].all()
    assert not flags[c.slices["beta"]].any()
    assert not held(coordinates(CASES["default"])).any()
