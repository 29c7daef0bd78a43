"""The laws are the papers' equations."""

import jax
import numpy as np
import pytest

from bayes_scaling.models.laws import LAWS, LawParameters
from bayes_scaling.models.layout import RowArrays
from bayes_scaling.models.precision import in_float64

X, D = np.array([1e9, 3e9, 1e10]), np.array([1e4, 1e6, 1e5])
ALPHA, BETA, E, A, B = 0.3, 0.12, 0.9, 800.0, 5.0


def rows(log_x: np.ndarray, log_d: np.ndarray, amplitudes: int = 1) -> RowArrays:
    n, f = log_x.shape
    term = np.tile(np.arange(f), (n, 1))
    amplitude = term if amplitudes == f and f > 1 else np.zeros((n, 1), np.int64)
    return RowArrays(np.zeros(n, np.int64), term, np.ones((n, f)), amplitude, log_x, log_d)


@in_float64
def loss(law: str, p: LawParameters, r: RowArrays) -> np.ndarray:
    return np.exp(np.asarray(LAWS[law].log_mean(p, r)))


def parameters(
    alpha: list[float], amplitude: list[float], data_term: list[float], prelearned: float = 0.0
) -> LawParameters:
    return LawParameters(*(np.array(v) for v in ([E], [BETA], alpha, amplitude, data_term, [prelearned])))


def test_multiplicative_is_equation_1() -> None:
    got = loss("multiplicative", parameters([ALPHA], [A], []), rows(np.log(X)[:, None], np.log(D)))
    np.testing.assert_allclose(got, A * X**-ALPHA * D**-BETA + E, rtol=1e-12)


def test_two_factors_multiply() -> None:
    p = parameters([ALPHA, 0.1], [A], [])
    got = loss("multiplicative", p, rows(np.log(np.stack([X, D], axis=1)), np.log(D)))
    np.testing.assert_allclose(got, A * X**-ALPHA * D**-0.1 * D**-BETA + E, rtol=1e-12)


def test_additive_is_the_sum_of_its_terms() -> None:
    got = loss("additive", parameters([ALPHA], [A], [B]), rows(np.log(X)[:, None], np.log(D)))
    np.testing.assert_allclose(got, A * X**-ALPHA + B * D**-BETA + E, rtol=1e-12)


def test_additive_factors_add_and_absent_ones_do_not() -> None:
    r = rows(np.log(np.stack([X, D], axis=1)), np.log(D), amplitudes=2)
    p = parameters([ALPHA, 0.1], [A, 2.0], [B])
    both = A * X**-ALPHA + 2.0 * D**-0.1 + B * D**-BETA + E
    np.testing.assert_allclose(loss("additive", p, r), both, rtol=1e-12)
    active = np.array([[1.0, 0.0]] * 3)
    np.testing.assert_allclose(loss("additive", p, r._replace(active=active)), both - 2.0 * D**-0.1, rtol=1e-12)


def test_rectified_is_lin_et_al_s_equation_3() -> None:
    """At X = 1, D_f = 1 its amplitude is the reducible loss, A / (D_l + 1)."""
    d_l = 7.0
    p = parameters([ALPHA], [A / (1 + d_l)], [], prelearned=d_l)
    got = loss("rectified", p, rows(np.log(X)[:, None], np.log(D)))
    np.testing.assert_allclose(got, A * X**-ALPHA / (d_l + D**BETA) + E, rtol=1e-12)


def test_rectified_without_pretraining_is_multiplicative() -> None:
    """And the broken twin: with any D_l it is not."""
    r = rows(np.log(X)[:, None], np.log(D))
    power = loss("multiplicative", parameters([ALPHA], [A], []), r)
    np.testing.assert_allclose(loss("rectified", parameters([ALPHA], [A], [], 1e-300), r), power, rtol=1e-12)
    assert not np.allclose(loss("rectified", parameters([ALPHA], [A], [], 0.1), r), power, rtol=1e-3)


@pytest.mark.parametrize("law", list(LAWS))
def test_far_from_the_data_neither_overflows(law: str) -> None:
    """Summed in log space: a term of e^900 or of e^-900 leaves a finite loss and finite gradients."""
    r = rows(np.array([[-3000.0], [3000.0]]), np.array([0.0, 0.0]))
    p = parameters([0.3], [1.0], [1.0] if law == "additive" else [], prelearned=0.4)
    value, gradient = in_float64(jax.value_and_grad(lambda q: LAWS[law].log_mean(q, r).sum()))(p)
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(part)) for part in jax.tree.leaves(gradient))


def test_broken_twin_is_not_the_law() -> None:
    """The check above can fail: the additive law is not the multiplicative one."""
    wrong = loss("additive", parameters([ALPHA], [A], [B]), rows(np.log(X)[:, None], np.log(D)))
    assert not np.allclose(wrong, A * X**-ALPHA * D**-BETA + E, rtol=1e-3)
