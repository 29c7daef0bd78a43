"""Prior, prior predictive, posterior predictive and pointwise likelihood, all from the one model function."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
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

    loss = jnp.asarray(problem.loss)

    def one(draw: dict[str, Array]) -> tuple[Array, ...]:
        values = {s.name: draw[s.family][np.asarray(s.index)] for s in model.sites if not s.fixed}
        values |= {name: draw[name] for name in LATENT_SITES if name in draw}
        program = handlers.seed(handlers.substitute(joint_law, values), 0)  # of which nothing is drawn
        of_loss = handlers.trace(program).get_trace(model, problem, loss)["loss"]["fn"]
        noisy: dist.StudentT = of_loss.base_dist
        return noisy.df, noisy.loc, noisy.scale, of_loss.log_prob(loss)

    of_draws = {name: jnp.asarray(value) for name, value in families.items()}
    nu, log_mean, scale, log_likelihood = map(np.asarray, jit_once(jax.vmap(jax.vmap(one)))(of_draws))
    noise = np.random.default_rng([seed, 2]).standard_t(nu)
    return np.exp(log_mean + scale * noise), log_likelihood


def _gather(model: JointModel, values: dict[str, Array]) -> dict[str, Array]:
    families = dict.fromkeys(site.family for site in model.sites)
    return {f: gather_family([(s, values[s.name]) for s in model.sites if s.family == f]) for f in families}
