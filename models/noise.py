r"""How large the noise of a run is: a share of its loss, or the same at every loss.

The losses of runs scatter about the expected loss L with scale :math:`\sigma L` by default, which is noise
:math:`\sigma` on log loss. Where the scatter comes from something that does not shrink with the loss (a metric's
rounding, a test set of few documents), it is :math:`\sigma \tilde L` at every L, with the cell's median loss
:math:`\tilde L`, so that :math:`\sigma` is the same number with the same prior in both.
"""

from typing import Any, Literal, TypeVar, get_args

import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.arguments import shown
from bayes_scaling.errors import ModelError
from bayes_scaling.models.layout import Floats, RowArrays

Noise = Literal["log loss", "loss"]
Values = TypeVar("Values", Array, Floats)


def noise_scale(sigma: Values, log_mean: Values, rows: RowArrays) -> Values:
    r"""Scale of the noise on log loss, shape (..., n): sigma, or :math:`\sigma \tilde L / L`.

    A (task, method) without a measured loss has no median: its noise is a share of its loss.
    """
    if not rows.noise_of_loss:
        return sigma
    xp: Any = np if isinstance(log_mean, np.ndarray) else jnp
    lower = xp.where(xp.isfinite(rows.log_median[:, 0]), rows.log_median[:, 0] - log_mean, 0.0)
    scale: Values = sigma * xp.exp(lower)
    return scale


def check_noise(noise: object) -> None:
    """Raise a ModelError for a kind of noise that is none."""
    if not isinstance(noise, str) or noise not in get_args(Noise):
        raise ModelError(
            f"noise={shown(noise)}: the noise of runs is of their 'log loss' (a share of the loss, the default) or of "
            "their 'loss' (as large at every loss)"
        )
