"""Prior, prior predictive, posterior predictive and pointwise likelihood, all from the one model function."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpyro import handlers

from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.joint import DRIFT, FAMILY, SLOPE, SLOPE_COMMON, JointModel, gather_family, joint_law
from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.precision import in_float64

LATENT_SITES = ("base_common", "base_effect", SLOPE_COMMON, SLOPE, FAMILY, DRIFT)


@in_float64
def sample_prior(model: JointModel, problem: Problem, draws: int, seed: int) -> tuple[dict[str, Floats], Floats]:
    """Prior draws of every family, shape (draws, length), and prior predictive losses, shape (draws, n)."""

    def one(key: Array) -> tuple[dict[str, Array], Array]:
        trace = handlers.trace(handlers.seed(joint_law, key)).get_trace(model, problem)
        values = {site.name: trace[site.name]["value"] for site in model.sites}
        families = _gather(model, values) | {name: trace[name]["value"] for name in LATENT_SITES if name in trace}
        return families, trace["loss"]["value"]

    families, loss = jit_once(jax.vmap(one))(jax.random.split(jax.random.key(seed), draws))
    return {name: np.asarray(value) for name, value in families.items()}, np.asarray(loss)


@in_float64
def evaluate_runs(
    model: JointModel, problem: Problem, families: Mapping[str, Floats], seed: int
) -> tuple[Floats, Floats]:
    """Replicated losses and log likelihoods of every run under every draw.

    Parameters
    ----------
    model, problem
    families : mapping of arrays, shape (chains, draws, length)
    seed : int

    Returns
    -------
    posterior_predictive, log_likelihood : float arrays, shape (chains, draws, n)
        Log likelihood of the loss itself (not of its logarithm).
    """

    def one(key: Array, draw: dict[str, Array]) -> tuple[Array, Array]:
        values = {s.name: draw[s.family][np.asarray(s.index)] for s in model.sites if not s.fixed}
        values |= {name: draw[name] for name in LATENT_SITES if name in draw}
        program = handlers.seed(handlers.substitute(joint_law, values), key)
        site = handlers.trace(program).get_trace(model, problem)["loss"]
        return site["value"], site["fn"].log_prob(jnp.asarray(problem.loss))

    chains, draws = families["E"].shape[:2]
    keys = jax.random.split(jax.random.key(seed), (chains, draws))
    replicated, log_likelihood = jit_once(jax.vmap(jax.vmap(one)))(
        keys, {name: jnp.asarray(value) for name, value in families.items()}
    )
    return np.asarray(replicated), np.asarray(log_likelihood)


def _gather(model: JointModel, values: dict[str, Array]) -> dict[str, Array]:
    families = dict.fromkeys(site.family for site in model.sites)
    return {f: gather_family([(s, values[s.name]) for s in model.sites if s.family == f]) for f in families}
