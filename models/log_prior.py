"""Log density of the priors at every draw."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.gather import take
from bayes_scaling.models.joint import JointModel, amplitude_prior
from bayes_scaling.models.layout import Floats, Layout
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.precision import in_float64


@in_float64
def log_prior(model: JointModel, layout: Layout, families: Mapping[str, Floats]) -> Floats:
    """Log prior of every draw, shape (chains, draws).

    The sum over the sites that have a prior of their own (E, beta, alpha, the noise and the scales), each in the
    parameter that its prior is written for. What is drawn given them, base effects, drift and members of populations,
    is part of the model and not counted, as in hierarchical models of Kallioinen et al. (2023, arXiv 2107.14054).

    Parameters
    ----------
    model : JointModel
    layout : Layout
    families : mapping of arrays, shape (chains, draws, length)
    """
    free = [site for site in model.sites if not (site.fixed or isinstance(site, PooledSite))]

    def one(draw: dict[str, Array]) -> Array:
        total = jnp.zeros(())
        for site in free:
            on_amplitude = site.on_amplitude
            prior = amplitude_prior(model.law, layout, site, draw) if on_amplitude else site.distribution()
            total += jnp.sum(prior.log_prob(take(draw[site.family], np.asarray(site.index))))
        return total

    values = jit_once(jax.vmap(jax.vmap(one)))({name: jnp.asarray(value) for name, value in families.items()})
    return np.asarray(values)
