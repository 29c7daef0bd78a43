r"""The loss at the centre of the data, and what it is made of: E, amplitudes, and the slopes that they scale.

The data pin down :math:`\lambda_j = \log L_j`, not its terms; how :mod:`~bayes_scaling.models.coordinates` goes from
one to the other.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import log_ndtr
from jax.scipy.stats import norm
from numpy.typing import NDArray

from bayes_scaling.models.gather import take
from bayes_scaling.models.laws import Law
from bayes_scaling.models.layout import Layout


def uncouple(layout: Layout, z: dict[str, Array]) -> tuple[dict[str, Array], Array]:
    """E, amplitudes and data terms from log losses at the centre and shares of them, and the log Jacobian."""
    cell = layout.cell_of_amplitude
    log_total = z["reducible"]
    member = np.eye(layout.n_cells, dtype=bool)[cell].T
    lowest = jnp.min(jnp.where(member, log_total, jnp.inf), axis=1)
    names = ("E", "data_term") if "data_term" in z else ("E",)
    log_share, log_det_share = _shares(jnp.stack([z[name] for name in names]))
    common = {name: jnp.exp(lowest + log_share[i]) for i, name in enumerate(names)}
    in_common = take(jnp.stack(list(common.values())).sum(0), cell)
    # where an amplitude is the lowest of its cell, its share is known without subtracting
    own = take(jnp.exp(lowest + log_share[-1]), cell)
    is_lowest = log_total == jnp.max(jnp.where(member, lowest[:, None], -jnp.inf), axis=0)
    reducible = jnp.where(is_lowest, own, jnp.exp(log_total) - in_common)
    log_det = log_det_share + len(names) * jnp.sum(lowest) + jnp.sum(log_total)
    return {**common, "reducible": reducible}, log_det


def _shares(z: Array) -> tuple[Array, Array]:
    """Logs of shares that sum to one, the last of them not in z, and the log Jacobian of all but the last.

    One share is a normal probability, so that a uniform prior on it gives z normal tails; several are a softmax.
    """
    if z.shape[0] == 1:
        log_share = jnp.concatenate([log_ndtr(z), log_ndtr(-z)])
        return log_share, jnp.sum(norm.logpdf(z))
    log_share = jax.nn.log_softmax(jnp.concatenate([z, jnp.zeros_like(z[:1])]), axis=0)
    return log_share, jnp.sum(log_share)


def reducible_fractions(law: Law, layout: Layout, families: dict[str, Array]) -> dict[str, Array]:
    """What turns an exponent into a local slope of log loss at the centre: shares of the loss there."""
    data_term = families.get("data_term", jnp.zeros(layout.n_cells))
    total = families["reducible"] + take(families["E"] + data_term, layout.cell_of_amplitude)
    share = families["reducible"] / total
    count = np.bincount(layout.cell_of_amplitude, minlength=layout.n_cells)
    weights = layout.amplitude_has_term / np.maximum(layout.amplitude_has_term.sum(0), 1)
    of_alpha = share @ weights
    if law.has_data_term:
        mean_total = _mean_by_cell(layout, total, families["E"] + data_term, count)
        return {"alpha": of_alpha, "beta": data_term / mean_total}
    of_beta = _mean_by_cell(layout, share, jnp.ones(layout.n_cells), count)
    if law.has_prelearned:
        of_beta = of_beta / (1.0 + families["prelearned"])
    return {"alpha": of_alpha, "beta": of_beta}


def _mean_by_cell(layout: Layout, values: Array, where_none: Array, count: NDArray[np.int64]) -> Array:
    members = np.eye(layout.n_cells)[layout.cell_of_amplitude]
    sums = values @ members
    return jnp.where(count > 0, sums / np.maximum(count, 1), where_none)
