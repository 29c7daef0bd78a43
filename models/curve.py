"""The posterior of one cell by sequential Monte Carlo: the joint model's density with data as arguments.

:mod:`bayes_scaling.models.joint` bakes its data into the program, which NUTS wants. Here rows, losses and the numbers
of the priors are arguments, and rows are padded, so that one compiled program serves every (task, method) with the
same law. A test compares the two densities.
"""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array

from bayes_scaling.models import smc
from bayes_scaling.models.ceiling import log_level, log_response, saturate, saturated_residual
from bayes_scaling.models.coordinates import (
    LOSS_FAMILIES,
    SLOPE_FAMILIES,
    Coordinates,
    Families,
    standard_drift,
)
from bayes_scaling.models.gather import take
from bayes_scaling.models.joint import (
    COMMON,
    DRIFT,
    EFFECT,
    EFFECT_DF,
    JointModel,
    drift_of,
    law_parameters,
    loss_distribution,
)
from bayes_scaling.models.layout import Floats, Problem, RowArrays
from bayes_scaling.models.noise import noise_scale
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.prior_spec import numbers, rebuild
from bayes_scaling.models.priors import Site
from bayes_scaling.models.starts import prior_spread, start

FEWEST_ROWS = 16  # rows are padded to this, or to the next power of two
MOST_ROWS = 1024
WIDER = 1.3  # the reference over the prior
REFERENCE_DRAWS = 501  # of each prior


class CurveData(NamedTuple):
    """One cell's data and the numbers of its priors.

    Attributes
    ----------
    rows, loss, log_se
        As in a problem, padded to n rows.
    weight : Array, shape (n,)
        0 for padding.
    response : Array, shape (n,)
        See :func:`bayes_scaling.models.ceiling.response`.
    modes, strengths : Array, shape (U, U) and (U,)
        Eigenvectors (columns) and eigenvalues of the drift's Gram matrix.
    priors : tuple of dict
        Arguments of each free site's prior.
    """

    rows: RowArrays
    loss: Array
    log_se: Array
    weight: Array
    response: Array
    modes: Any
    strengths: Any
    priors: tuple[Any, ...]


class Shape:
    """A compiled program's identity: a template of the problem, equal where only numbers differ."""

    def __init__(self, model: JointModel, problem: Problem) -> None:
        self.template = Coordinates(model, problem, True, on_residuals=False)
        layout = problem.layout
        sites = tuple((s.name, s.family, s.index, s.specs[0].shape_key(), s.baked and s.specs) for s in model.sites)
        arrays = (layout.cell_of_amplitude, layout.amplitude_has_term, layout.cell_of_effect, layout.drift.cell)
        self.key = (
            model.law,
            sites,
            model.base_effects,
            model.discrepancy,
            layout.sharing,
            tuple((a.shape, a.tobytes()) for a in arrays),
            problem.rows.term.shape[1],
            problem.rows.amplitude.shape[1],
        )

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.key == other.key


def suits(model: JointModel, problem: Problem) -> bool:
    """Whether one cell with at most one base LLM, no prior on A, no pool and not too many rows is asked for."""
    layout = problem.layout
    one_base = layout.n_effects == 1 or not model.base_effects
    plain = not any(site.on_amplitude for site in model.sites) and not model.pool
    return layout.n_cells == 1 and one_base and plain and problem.loss.size <= MOST_ROWS


@in_float64
def sample_curve(
    model: JointModel, problem: Problem, populations: int, particles: int, seed: int, effort: int = 1
) -> tuple[dict[str, Floats], dict[str, np.ndarray]]:
    """Draws of every family, shape (populations, particles, length), and what is known of each draw.

    ``effort`` multiplies the Metropolis steps.
    """
    shape = Shape(model, problem)
    keys = jax.random.split(jax.random.key(seed), populations)
    families, population = _program(shape, particles)(
        keys, reference(shape.template), curve_data(model, problem), jnp.asarray(effort)
    )
    size = (populations, particles)
    stats = {
        "lp": np.asarray(population.log_target),
        "acceptance_rate": np.broadcast_to(np.asarray(population.acceptance)[:, None], size).copy(),
        "n_steps": np.broadcast_to(np.asarray(population.stages)[:, None], size).astype(np.int64),
        "log_evidence": np.broadcast_to(np.asarray(population.log_evidence)[:, None], size).copy(),
    }
    return {name: np.asarray(value) for name, value in families.items()}, stats


@lru_cache(maxsize=32)
def _program(shape: Shape, particles: int) -> Any:
    def run(key: Array, start: smc.Reference, data: CurveData, effort: Array) -> tuple[Families, smc.Population]:
        population = smc.temper(partial(log_density, shape.template), key, start, data, particles, effort)
        families = jax.vmap(lambda z: to_families(shape.template, z, data)[0])(population.z)
        return families, population._replace(key=jnp.zeros(()))  # keys do not leave the program

    return jax.jit(jax.vmap(run, in_axes=(0, None, None, None)))


def log_density(c: Coordinates, z: Array, data: CurveData) -> Array:
    """Log of prior times likelihood at z, Jacobian included."""
    families, total = to_families(c, z, data)
    for site, told in zip(c.free_sites, data.priors, strict=True):
        total = total + jnp.sum(rebuild(site.specs[0], told).log_prob(take(families[site.family], _at(site))))
    log_mean = c.model.law.log_mean(law_parameters(families), data.rows)
    if c.model.base_effects:
        total = total + _log_effects(families)
        log_mean = log_mean + families[EFFECT][0]
    if c.model.discrepancy:
        total = total + jnp.sum(dist.Normal(0.0, 1.0).log_prob(families[DRIFT]))
        log_mean = log_mean + drift_of(families, data.rows)
    log_mean = saturate(log_mean, data.rows)
    sigma = noise_scale(families["sigma"][0], log_mean, data.rows)
    run = loss_distribution(families["nu"][0], log_mean, sigma, data.log_se)
    return total + jnp.sum(data.weight * run.log_prob(data.loss))


def to_families(c: Coordinates, z: Array, data: CurveData) -> tuple[Families, Array]:
    """Families at z and the log Jacobian, with the drift as in :func:`~.coordinates.standard_drift`."""
    families, log_det = c.to_families(z)
    if not c.model.discrepancy:
        return families, log_det
    log_mean = c.model.law.log_mean(law_parameters(families), data.rows)
    residual = jnp.log(data.loss) - log_mean - (families[EFFECT][0] if c.model.base_effects else 0.0)
    residual = saturated_residual(residual, data.loss, data.rows)
    nu = families["nu"][0]
    information = data.weight * (nu + 1.0) / (nu + 3.0) / (families["sigma"][0] ** 2 + data.log_se**2)
    typical = jnp.sum(information) / jnp.sum(data.weight)
    pull = (information * data.response * residual) @ data.rows.drift
    scale = families["drift_scale"][0]
    drift, change = standard_drift(families[DRIFT], scale, typical, pull, data.modes, data.strengths)
    return {**families, DRIFT: drift}, log_det + change


def _log_effects(families: Families) -> Array:
    scale, share = families["base_scale"][0], families["base_share"][0]
    common, effect = families[COMMON], families[EFFECT]
    own = dist.StudentT(EFFECT_DF, scale * jnp.sqrt(share) * common, scale * jnp.sqrt(1.0 - share))
    return jnp.sum(dist.StudentT(EFFECT_DF, 0.0, 1.0).log_prob(common)) + jnp.sum(own.log_prob(effect))


def curve_data(model: JointModel, problem: Problem) -> CurveData:
    """Padded rows, and the priors' numbers; of NumPy, which a compiled program takes in faster than JAX's arrays."""
    n = problem.loss.size
    extra = max(FEWEST_ROWS, 1 << (n - 1).bit_length()) - n

    def pad(field: np.ndarray) -> Any:
        return np.pad(field, [(0, extra)] + [(0, 0)] * (field.ndim - 1), mode="edge")

    priors = tuple(numbers(site.specs) for site in model.sites if not site.fixed)
    weight: Any = np.asarray(np.arange(n + extra) < n, dtype=np.float64)
    responds = log_response(problem)
    felt = responds[:, None] * problem.rows.drift
    strengths, modes = np.linalg.eigh(felt.T @ felt)
    padded = pad(problem.loss), pad(problem.log_se), weight, pad(responds)
    return CurveData(problem.rows.each(pad), *padded, modes, np.maximum(strengths, 0.0), priors)


def reference(c: Coordinates) -> smc.Reference:
    """Where particles start: about the data for the loss at the centre, about the priors for the rest."""
    mean, sd = start(c), np.ones(c.size)
    spread = log_level(c.problem).std()
    for site in c.free_sites:
        where = c.slices[site.name]
        if c.losses_coupled and site.family in LOSS_FAMILIES:
            sd[where] = max(spread, 0.1) if site.family == "reducible" else 1.5
            continue
        low, middle, high = np.transpose(
            [prior_spread(spec, site.family in SLOPE_FAMILIES, REFERENCE_DRAWS) for spec in site.specs]
        )
        mean[where], sd[where] = middle, WIDER * (high - low) / 2
    normal = np.zeros(c.size)
    if c.model.discrepancy:
        normal[c.slices[DRIFT]] = 1.0
    return smc.Reference(mean, sd, normal)


def _at(site: Site) -> np.ndarray:
    return np.asarray(site.index)
