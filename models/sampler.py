"""The posterior of the joint model: mode, curvature, NUTS, and the draws in the paper's symbols."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.nuts import NutsSettings, Progress, run_nuts
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.starts import informative
from bayes_scaling.models.whitening import whiten


class PosteriorDraws(NamedTuple):
    """Draws and sampler statistics.

    Attributes
    ----------
    families : dict of arrays, shape (chains, draws, length)
        Every parameter family (``E``, ``beta``, ``alpha``, ``reducible``, ``sigma``, ``nu``, ...) and, with base
        effects, ``base_common`` and ``base_effect``.
    stats : dict of arrays, shape (chains, draws)
        ArviZ's names: ``n_steps, diverging, energy, lp, acceptance_rate, step_size``.
    """

    families: dict[str, Floats]
    stats: dict[str, np.ndarray]


@in_float64
def sample_posterior(
    model: JointModel,
    problem: Problem,
    settings: NutsSettings,
    seed: int,
    *,
    conditioned: bool = True,
    progress: Progress | None = None,
) -> PosteriorDraws:
    """Draw from the posterior of a joint model.

    Parameters
    ----------
    model : JointModel
    problem : Problem
    settings : NutsSettings
    seed : int
        Same seed, same draws on the same machine.
    conditioned : bool
        Sample in well-conditioned coordinates (the default) or in natural ones: the same posterior, more slowly.
    progress : callable, optional
        Called as ``progress(done, total)``.
    """
    coordinates = Coordinates(model, problem, conditioned, informative(model, problem))
    gradient = jax.jit(jax.value_and_grad(coordinates.potential))

    def value_and_gradient(z: Floats) -> tuple[float, Floats]:
        value, slope = gradient(jnp.asarray(z))
        return float(value), np.asarray(slope)

    whitening = whiten(coordinates, value_and_gradient)

    def standardised(y: Array) -> Array:
        z, log_det = whitening.to_z(y)
        return coordinates.potential(z) - log_det

    starts = np.random.default_rng(seed).normal(size=(settings.chains, coordinates.size))
    drawn = run_nuts(standardised, starts, settings, seed, progress)
    to_families = jit_once(jax.vmap(jax.vmap(lambda y: coordinates.to_families(whitening.to_z(y)[0])[0])))
    families = to_families(drawn.pop("z"))
    return PosteriorDraws({name: np.asarray(value) for name, value in families.items()}, drawn)
