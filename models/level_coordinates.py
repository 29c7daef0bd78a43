"""Coordinates of the base LLMs' levels, as :mod:`bayes_scaling.models.shared_effects` has them.

Given the law, the log loss of a base's runs lies above it by the base's effect, with slope and drift at the mean run:
up to noise, their mean residual is that level.
"""

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from bayes_scaling.models.ceiling import saturated_residual, told_response
from bayes_scaling.models.gather import sums, take
from bayes_scaling.models.joint import COMMON, EFFECT, FAMILY, family_part
from bayes_scaling.models.repeats import counts
from bayes_scaling.models.shared_effects import Kin, Told, commons_of, effects_of
from bayes_scaling.models.slope_coordinates import LawAtRuns, precision

if TYPE_CHECKING:
    from bayes_scaling.models.coordinates import Coordinates, Families


def told_commons(c: "Coordinates") -> NDArray[np.bool_]:
    """Common parts that runs tell of: those whose every effect is pinned, shape (G,)."""
    layout = c.problem.layout
    loose = np.bincount(layout.common_of_effect, ~c.pinned, minlength=layout.n_commons)
    return np.asarray(loose == 0)


def add_base_levels(c: "Coordinates", blocks: dict[str, Array], families: "Families", at: LawAtRuns) -> Array:
    """Put the level of each pinned base above the law, and the common parts told of; return their log Jacobian.

    ``families[EFFECT]`` is the level at the mean run then; slope and drift there are still to be taken off.
    """
    layout, pinned, kin_told = c.problem.layout, c.pinned, told_commons(c)
    scale, share = families["base_scale"][0], families["base_share"][0]
    of_family = family_part(families, families[FAMILY], layout) if FAMILY in families else jnp.zeros(layout.n_effects)
    said = _told_by_runs(c, at, precision(families))
    beside_family = Told(said.information, said.pull - said.information * of_family)
    kin = Kin(layout.common_of_effect, layout.n_commons)
    common, log_det_common = commons_of(blocks[COMMON], beside_family, kin, scale, share)
    families[COMMON] = jnp.where(kin_told, common, families[COMMON])
    centre = of_family + scale * jnp.sqrt(share) * take(families[COMMON], layout.common_of_effect)
    level, log_det = effects_of(blocks[EFFECT], said, centre, scale * jnp.sqrt(1.0 - share))
    families[EFFECT] = jnp.where(pinned, level, families[EFFECT])
    return jnp.sum(jnp.where(kin_told, log_det_common, 0.0)) + jnp.sum(jnp.where(pinned, log_det, 0.0))


def _told_by_runs(c: "Coordinates", at: LawAtRuns, precise: Array) -> Told:
    problem = c.problem
    residual = saturated_residual(jnp.log(jnp.asarray(problem.loss)) - at.runs, problem.loss, problem.rows)
    felt = told_response(problem)
    weighted = take(precise, problem.rows.cell) * felt * counts(problem)
    n = problem.layout.n_effects
    return Told(sums(weighted * felt, problem.effect, n), sums(weighted * residual, problem.effect, n))
