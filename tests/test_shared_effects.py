"""Standardised coordinates of partly shared effects, against the posterior of the normal model by linear algebra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.shared_effects import Kin, Told, commons_of, effects_of

KIN = Kin(np.array([0, 1, 0, 1, 0]), 3)  # the third common part has no effect of its own
INFORMATION = np.array([400.0, 25.0, 0.0, 1e6, 3.0])
SAID = np.array([0.3, -0.2, 0.0, 0.1, -0.4])
H = INFORMATION.size


def posterior(scale: float, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (commons, effects) given what the runs say, from the joint precision."""
    own, shared = scale**2 * (1.0 - share), scale * np.sqrt(share)
    parts = np.concatenate([-shared * np.eye(KIN.commons)[KIN.common_of], np.eye(H)], axis=1)
    precision = parts.T @ parts / own
    precision[: KIN.commons, : KIN.commons] += np.eye(KIN.commons)
    precision[KIN.commons :, KIN.commons :] += np.diag(INFORMATION)
    pull = np.r_[np.zeros(KIN.commons), INFORMATION * SAID]
    return np.linalg.solve(precision, pull), np.linalg.inv(precision)


@in_float64
def mapped(scale: float, share: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Where standardised zeros are, the map's Jacobian, and the log Jacobian determinant that it tells."""
    told = Told(jnp.asarray(INFORMATION), jnp.asarray(INFORMATION * SAID))

    def flat(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        common, of_common = commons_of(z[: KIN.commons], told, KIN, jnp.asarray(scale), jnp.asarray(share))
        centre = scale * jnp.sqrt(share) * common[KIN.common_of]
        effect, of_effect = effects_of(z[KIN.commons :], told, centre, jnp.asarray(scale * np.sqrt(1.0 - share)))
        return jnp.concatenate([common, effect]), jnp.sum(of_common) + jnp.sum(of_effect)

    zero = jnp.zeros(KIN.commons + H)
    jacobian, log_det = jax.jacfwd(flat, has_aux=True)(zero)
    return np.asarray(flat(zero)[0]), np.asarray(jacobian), float(log_det)


@pytest.mark.parametrize("scale", [0.001, 0.05, 2.0])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_standardised_values_are_the_normal_posterior_s(scale: float, share: float) -> None:
    """Whatever scale and share are, standard normals map to the posterior: its mean, its covariance, its volume."""
    mean, covariance = posterior(scale, share)
    centre, jacobian, log_det = mapped(scale, share)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(centre / sd, mean / sd, atol=1e-6)
    np.testing.assert_allclose(jacobian @ jacobian.T / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=1e-6)
    assert log_det == pytest.approx(np.linalg.slogdet(jacobian)[1], abs=1e-9)


def test_broken_twin_coordinates_for_another_share_do_not_fit() -> None:
    """Were the share not followed, standard normals would be several times too wide where kin share nearly all."""
    _, covariance = posterior(0.05, 0.999)
    _, jacobian, _ = mapped(0.05, 0.5)
    wide = np.linalg.eigvalsh(np.linalg.solve(covariance, jacobian @ jacobian.T)).max()
    assert wide > 10.0
