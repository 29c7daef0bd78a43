r"""Coordinates of effects that are partly shared: each as its deviation from what its own runs and its kin say.

Effect h of scale s has a common part with share p of its variance and an own part of scale :math:`o = s \sqrt{1 - p}`.
Were all of it normal, and given that its runs say :math:`d_h` of it with information :math:`I_h`, then

.. math:: \text{common}_g \sim N(m_g, 1 / P_g), \quad P_g = 1 + \sum_{h \in g} \frac{p s^2}{o^2 + 1 / I_h}, \quad
          m_g P_g = \sum_{h \in g} \frac{\sqrt{p} s \, d_h}{o^2 + 1 / I_h},

.. math:: \text{effect}_h \sim N(m_h, 1 / P_h), \quad P_h = \frac{1}{o^2} + I_h, \quad
          m_h P_h = \frac{\sqrt{p} s \, \text{common}_g}{o^2} + I_h d_h.

The standardised values are sampled. Where own parts are wide an effect is what its runs say, where they say nothing it
is its prior, and where kin share nearly all of it it is its common part: neither scale nor share shapes the
coordinates.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from bayes_scaling.models.gather import sums


class Told(NamedTuple):
    """What runs say of H effects: information I (inverse variance) and I d, shape (H,) each."""

    information: Array
    pull: Array


class Kin(NamedTuple):
    """Index of each effect's common part, shape (H,), and how many there are."""

    common_of: NDArray[np.int64]
    commons: int


def commons_of(z: Array, told: Told, kin: Kin, scale: Array, share: Array) -> tuple[Array, Array]:
    """Common parts from standardised values, shape (G,), and their log Jacobians."""
    shrink = 1.0 + scale**2 * (1.0 - share) * told.information  # an information of zero divides nothing
    total = 1.0 + scale**2 * share * sums(told.information / shrink, kin.common_of, kin.commons)
    mean = scale * jnp.sqrt(share) * sums(told.pull / shrink, kin.common_of, kin.commons) / total
    return mean + z / jnp.sqrt(total), -jnp.log(total) / 2


def effects_of(z: Array, told: Told, centre: Array, own: Array) -> tuple[Array, Array]:
    """Effects from standardised values, given their prior's centre and scale, shape (H,), and their log Jacobians."""
    precise = 1.0 / own**2 + told.information
    return (centre / own**2 + told.pull) / precise + z / jnp.sqrt(precise), -jnp.log(precise) / 2
