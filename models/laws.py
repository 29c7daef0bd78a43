r"""Scaling laws: one plain function per law, written as its paper writes it.

A law maps parameters and rows to the expected loss. Two conventions keep the functions short and the sampler
well conditioned:

* sizes enter as *centred logs*: ``log_x = log(X / X_0)`` and ``log_d = log(D_f / D_0)``, where the reference
  point (X_0, D_0) is the centre of the measured data;
* amplitudes are given *at that reference*: the reducible loss :math:`R = A X_0^{-\alpha} D_0^{-\beta}`. The
  paper's A is ``reducible * exp(log_amplitude_scale)``.

Everything is summed in log space (log-sum-exp), which Besiroglu et al. (2024, arXiv 2404.10102) show to matter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.models.gather import take
from bayes_scaling.models.layout import Layout, RowArrays
from bayes_scaling.models.prior_spec import PriorSpec

NONE: Any = np.zeros(0)
OWN = "own_"  # before the name of an own law's parameter, where families are listed
NO_OWN: Mapping[str, Array] = {}
LOG_ABSENT = -1e4  # the log of a term that is not there: zero after exp, and with a finite gradient


class LawParameters(NamedTuple):
    r"""One draw of a law's parameters, for C cells (task, method), K exponents and J amplitudes.

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
    prelearned : Array, shape (C,) or (0,)
        The rectified law's :math:`D_l` as a multiple of :math:`D_0^{\beta}`; empty for a law without one.
    own : dict of arrays, shape (C,)
        Parameters that a law of the user's own has besides these, by name.
    """

    E: Array
    beta: Array
    alpha: Array
    reducible: Array
    data_term: Array
    prelearned: Array = NONE
    own: Mapping[str, Array] = NO_OWN


def multiplicative(p: LawParameters, rows: RowArrays) -> Array:
    r"""Log of :math:`L(X, D_f) = A X^{-\alpha} D_f^{-\beta} + E`.

    Zhang et al. (2024, arXiv 2402.17193), eq. 1. With several factors in one row it is the product law
    :math:`A \prod_f X_f^{-\alpha_f} D_f^{-\beta} + E`.
    """
    fall = jnp.sum(take(p.alpha, rows.term) * rows.log_x, axis=1) + take(p.beta, rows.cell) * rows.log_d
    log_reducible = take(jnp.log(p.reducible), rows.amplitude[:, 0]) - fall
    return jnp.logaddexp(log_reducible, take(jnp.log(p.E), rows.cell))


def power(p: LawParameters, rows: RowArrays) -> Array:
    r"""Log of :math:`L(D_f) = A D_f^{-\beta} + E`.

    The learning curve of one LLM: Hestness et al. (2017, arXiv 1712.00409), Kaplan et al. (2020, arXiv 2001.08361)
    with a floor. No other factor.
    """
    log_reducible = take(jnp.log(p.reducible), rows.amplitude[:, 0]) - take(p.beta, rows.cell) * rows.log_d
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


def rectified(p: LawParameters, rows: RowArrays) -> Array:
    r"""Log of :math:`L(X, D_f) = A X^{-\alpha} / (D_l + D_f^{\beta}) + E`.

    Lin et al. (2024, arXiv 2402.02314), eq. 3: :math:`D_l` is what pretraining has taught already, so that the loss
    is finite at :math:`D_f = 0` and bends in log-log before it falls. At one model size :math:`A X^{-\alpha}` is
    their B; over several it is the product of eq. 1 in Zhang et al. (2024). At :math:`D_l = 0` the two laws are one.
    A zero-shot row has :math:`D_f^{\beta} = 0` exactly.
    """
    log_prelearned = jnp.log(p.prelearned)
    fall = jnp.sum(take(p.alpha, rows.term) * rows.log_x, axis=1)
    log_seen = take(p.beta, rows.cell) * rows.log_d
    if rows.has_zero_shot:
        log_seen = jnp.where(rows.zero_shot[:, 0] > 0, LOG_ABSENT, log_seen)
    learned = jnp.logaddexp(take(log_prelearned, rows.cell), log_seen)
    at_centre = take(jnp.logaddexp(log_prelearned, 0.0), rows.cell)
    log_reducible = take(jnp.log(p.reducible), rows.amplitude[:, 0]) - fall + at_centre - learned
    return jnp.logaddexp(log_reducible, take(jnp.log(p.E), rows.cell))


def log_means(law: "Law", parameters: LawParameters, *sets: RowArrays) -> list[Array]:
    """The law at several sets of rows, evaluated as one: fewer and larger operations."""
    counts = np.cumsum([rows.cell.shape[0] for rows in sets])
    return jnp.split(law.log_mean(parameters, sets[0].and_more(*sets[1:])), counts[:-1].tolist())


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
    has_prelearned : bool
        True where pretraining counts as data already seen, so that the loss bends at small D_f.
    of_data_only : bool
        True where no factor but D_f is in the law.
    reads_zero : bool
        True where the loss at D_f = 0, without finetuning, is finite: ``rows.zero_shot`` marks such rows.
    own : tuple of (str, PriorSpec)
        Name and default prior of each further parameter, one a (task, method): ``p.own[name]`` in ``log_mean``.

    Examples
    --------
    A law of one's own is a plain JAX function of parameters, one row of each a (task, method), and rows. This one
    lets the exponent of D_f change by ``bend`` for each unit of its log (a priori Normal(0, .01)):

    >>> import bayes_scaling as bs
    >>> import jax.numpy as jnp
    >>> def bent(p, rows):
    ...     slope = p.beta[rows.cell] + p.own["bend"][rows.cell] * rows.log_d
    ...     log_reducible = jnp.log(p.reducible)[rows.amplitude[:, 0]] - slope * rows.log_d
    ...     return jnp.logaddexp(log_reducible, jnp.log(p.E)[rows.cell])
    >>> prior = bs.PriorSpec.of("Normal", loc=0.0, scale=0.01)
    >>> law = bs.Law("bent", "L = A * D_f^-(beta + bend log D_f) + E", "ours", bent, own=(("bend", prior),))
    >>> bs.JointLaw(law, factors=()).name
    'bent'
    """

    name: str
    formula: str
    source: str
    log_mean: Callable[[LawParameters, RowArrays], Array]
    amplitude_per_factor: bool = False
    has_data_term: bool = False
    has_prelearned: bool = False
    of_data_only: bool = False
    reads_zero: bool = False
    own: tuple[tuple[str, PriorSpec], ...] = ()


LAWS = {
    law.name: law
    for law in (
        Law(
            "multiplicative",
            "L(X, D_f) = A * X^-alpha * D_f^-beta + E",
            "Zhang et al. 2024 (arXiv 2402.17193), eq. 1",
            multiplicative,
        ),
        Law(
            "additive",
            "L(X, D_f) = A * X^-alpha + B * D_f^-beta + E",
            "Zhang et al. 2024, after Hoffmann et al. 2022 (arXiv 2203.15556), eq. 2",
            additive,
            amplitude_per_factor=True,
            has_data_term=True,
        ),
        Law(
            "rectified",
            "L(X, D_f) = A * X^-alpha / (D_l + D_f^beta) + E",
            "Lin et al. 2024 (arXiv 2402.02314), eq. 3, times a power of X",
            rectified,
            has_prelearned=True,
            reads_zero=True,
        ),
        Law(
            "power",
            "L(D_f) = A * D_f^-beta + E",
            "Hestness et al. 2017 (arXiv 1712.00409); Kaplan et al. 2020 (arXiv 2001.08361) with a floor",
            power,
            of_data_only=True,
        ),
    )
}


def log_amplitude_scale(law: Law, layout: Layout, alpha: Array, beta: Array, prelearned: Array) -> Array:
    r"""Log of what turns each reference amplitude into the paper's A: ``A = reducible * exp(scale)``.

    Shape (J,). :math:`\alpha \log X_0 + \beta \log D_0` for the multiplicative law (sums over the factors that
    share the amplitude), :math:`\alpha \log X_0` for the additive one; the rectified law's denominator at the
    centre is :math:`D_0^{\beta}` times one plus ``prelearned``.
    """
    scale = jnp.asarray(layout.amplitude_has_term) @ (alpha * layout.log_x0)
    if law.has_data_term:
        return scale
    of_data = beta * layout.log_d0 + (jnp.log1p(prelearned) if law.has_prelearned else 0.0)
    return scale + take(of_data, layout.cell_of_amplitude)
