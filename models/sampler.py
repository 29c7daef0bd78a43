"""The posterior of the joint model: mode, curvature, NUTS, and the draws in the paper's symbols."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.latest import of_latest
from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.nuts import NutsSettings, Progress, Record, run_nuts
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.programs import Shape, Told, data_of, program, told
from bayes_scaling.models.relearning import learned_scale
from bayes_scaling.models.repeats import together
from bayes_scaling.models.stopping import Stop
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
    thin : int
        Iterations for each draw.
    """

    families: dict[str, Floats]
    stats: dict[str, np.ndarray]
    thin: int


@in_float64
def sample_posterior(
    model: JointModel,
    problem: Problem,
    settings: NutsSettings,
    seed: int,
    *,
    conditioned: bool = True,
    progress: Progress | None = None,
    stop: Stop | None = None,
    more: Callable[[PosteriorDraws], bool] | None = None,
) -> PosteriorDraws:
    """Draw from the posterior of a joint model; a design that was sampled before is not compiled again.

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
    stop : Stop, optional
        Ends the sampling with the draws that are finished.
    more : callable, optional
        Asked of the draws whether the chains are to go on, see :func:`~.nuts.run_nuts`.

    Raises
    ------
    NothingDrawn
        If there are none then.
    """
    coordinates = Coordinates(model, together(problem), conditioned)
    compiled, data = program(Shape(coordinates)), data_of(coordinates)
    whitening = whiten(coordinates, lambda z: compiled.value_and_gradient(z, data))
    arguments = told(data, whitening)
    starts = np.random.default_rng(seed).normal(size=(settings.chains, coordinates.size))
    kernel = compiled.kernel(settings, starts[0], arguments)

    @of_latest
    def in_symbols(record: Record, thin: int) -> PosteriorDraws:
        families = compiled.families(jnp.asarray(record["z"]), arguments)
        stats = {name: values for name, values in record.items() if name not in ("z", "z_grad")}
        return PosteriorDraws({name: np.asarray(value) for name, value in families.items()}, stats, thin)

    def relearn(y: Floats, gradient: Floats) -> tuple[Told, Floats]:
        nonlocal arguments, whitening
        scale = learned_scale(*(values.reshape(-1, coordinates.size) for values in (y, gradient)))
        whitening = replace(whitening, normal=scale.after(whitening.normal))
        arguments = told(data, whitening)
        return arguments, scale.inverse(y[:, -1])

    drawn = run_nuts(
        kernel,
        arguments,
        starts,
        settings,
        seed,
        progress,
        relearn=relearn if conditioned else None,
        stop=stop,
        more=None if more is None else lambda record, thin: more(in_symbols(record, thin)),
    )
    return in_symbols(drawn.record, drawn.thin)
