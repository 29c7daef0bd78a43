r"""Scaling laws: one plain function per law, written as its paper writes it.

A law maps parameters and rows to the expected loss. Two conventions keep the functions short and the sampler
well conditioned:

* sizes enter as *centred logs*: ``log_x = log(X / X_0)`` and ``log_d = log(D_f / D_0)``, where the reference
  point (X_0, D_0) is the centre of the measured data;
* amplitudes are given *at that reference*: the reducible loss :math:`R = A X_0^{-\alpha} D_0^{-\beta}`. The
  paper's A is ``reducible * exp(log_amplitude_scale)``.

Everything is summed in log space (log-sum-exp), which Besiroglu et al. (2024, arXiv 2404.10102) show to matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from bayes_scaling.models.gather import take
from bayes_scaling.models.layout import Layout, RowArrays

LOG_ABSENT = -1e4  # the log of a term that is not there: zero after exp, and with a finite gradient


class LawParameters(NamedTuple):
    """One draw of a law's parameters, for C cells (task, method), K exponents and J amplitudes.

    Attributes
    ----------
    E : Array, shape (C,)
        Irreducible loss, in the unit of the loss.
    beta : Array, shape (C,)
        Exponent of the finetuning data size D_f.
    alpha : Array, shape (K,)
        Exponent of each (cell, factor).
    reducible : Array, shape (J,)
        Amplitude at the reference point, in the unit of the loss.
    data_term : Array, shape (C,) or (0,)
        The additive law's data term B at the reference point; empty for a law without one.
    """

    E: Array
    beta: Array
    alpha: Array
    reducible: Array
    data_term: Array


def multiplicative(p: LawParameters, rows: RowArrays) -> Array:
    r"""Log of :math:`L(X, D_f) = A X^{-\alpha} D_f^{-\beta} + E`.

    Zhang et al. (2024, arXiv 2402.17193), eq. 1. With several factors in one row it is the product law
    :math:`A \prod_f X_f^{-\alpha_f} D_f^{-\beta} + E`.
    """
    fall = jnp.sum(take(p.alpha, rows.term) * rows.log_x, axis=1) + take(p.beta, rows.cell) * rows.log_d
    log_reducible = take(jnp.log(p.reducible), rows.amplitude[:, 0]) - fall
    return jnp.logaddexp(log_reducible, take(jnp.log(p.E), rows.cell))


def additive(p: LawParameters, rows: RowArrays) -> Array:
    r"""Log of :math:`L(X, D_f) = A X^{-\alpha} + B D_f^{-\beta} + E`.

    The rival of eq. 1 in Zhang et al. (2024), after Hoffmann et al. (2022, arXiv 2203.15556), eq. 2. With
    several factors in one row their terms add up.
    """
    log_data = take(jnp.log(p.data_term), rows.cell) - take(p.beta, rows.cell) * rows.log_d
    common = jnp.logaddexp(log_data, take(jnp.log(p.E), rows.cell))
    log_terms = take(jnp.log(p.reducible), rows.amplitude) - take(p.alpha, rows.term) * rows.log_x
    present = jnp.where(rows.active > 0, log_terms, LOG_ABSENT)
    return jax.nn.logsumexp(jnp.concatenate([common[:, None], present], axis=1), axis=1)


@dataclass(frozen=True)
class Law:
    """A law and what the rest of the house must know of it.

    Attributes
    ----------
    name, formula, source : str
        For printing: the law's name, its formula in plain text and the paper it comes from.
    log_mean : callable
        ``(LawParameters, RowArrays) -> Array (n,)``, the log of the expected loss.
    amplitude_per_factor : bool
        True where every factor has a term of its own (additive), False where factors share one product.
    has_data_term : bool
        True where D_f has a term of its own with an amplitude B.
    """

    name: str
    formula: str
    source: str
    log_mean: Callable[[LawParameters, RowArrays], Array]
    amplitude_per_factor: bool
    has_data_term: bool


LAWS = {
    law.name: law
    for law in (
        Law(
            "multiplicative",
            "L(X, D_f) = A * X^-alpha * D_f^-beta + E",
            "Zhang et al. 2024 (arXiv 2402.17193), eq. 1",
            multiplicative,
            amplitude_per_factor=False,
            has_data_term=False,
        ),
        Law(
            "additive",
            "L(X, D_f) = A * X^-alpha + B * D_f^-beta + E",
            "Zhang et al. 2024, after Hoffmann et al. 2022 (arXiv 2203.15556), eq. 2",
            additive,
            amplitude_per_factor=True,
            has_data_term=True,
        ),
    )
}


def log_amplitude_scale(law: Law, layout: Layout, alpha: Array, beta: Array) -> Array:
    r"""Log of what turns each reference amplitude into the paper's A: ``A = reducible * exp(scale)``.

    Shape (J,). :math:`\alpha \log X_0 + \beta \log D_0` for the multiplicative law (sums over the factors that
    share the amplitude), :math:`\alpha \log X_0` for the additive one.
    """
    scale = jnp.asarray(layout.amplitude_has_term) @ (alpha * layout.log_x0)
    if law.has_data_term:
        return scale
    return scale + take(beta * layout.log_d0, layout.cell_of_amplitude)
