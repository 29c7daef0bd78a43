r"""Coordinates of the base LLMs' slope effects: each as its deviation from what its own runs say.

Given the law, the drift and (where it is pinned) the base's level, the log loss of its runs is linear in its slope
effect, with the law's fall as the regressor: :mod:`bayes_scaling.models.shared_effects` standardises it. Where a base
was run at one :math:`D_f` that is the prior, where it was run at many it is what they say.
"""

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from bayes_scaling.models.ceiling import saturated_residual, told_response
from bayes_scaling.models.gather import sums, take
from bayes_scaling.models.joint import EFFECT, SLOPE, SLOPE_COMMON, at_centre_of_data, drift_of, law_parameters
from bayes_scaling.models.laws import log_means
from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.repeats import counts
from bayes_scaling.models.shared_effects import Kin, Told, commons_of, effects_of

if TYPE_CHECKING:
    from bayes_scaling.models.coordinates import Coordinates, Families


def precision(families: "Families") -> Array:
    """Inverse variance of the noise of log loss, as a normal one that informs a mean as much, shape (C,)."""
    nu = families["nu"][0]
    return (nu + 1.0) / (nu + 3.0) / families["sigma"] ** 2


def beside_bases(problem: Problem, pinned: NDArray[np.bool_], *, sloped: bool) -> Floats:
    """The drift's basis less what the level and the slope of each base can stand in for, shape (n, U).

    Rows are weighted with the root of the number of runs that they stand for.

    Parameters
    ----------
    problem : Problem
    pinned : bool array, shape (H,)
        Bases whose level is free to follow their runs.
    sloped : bool
        Whether bases have slopes that are.
    """
    weight = np.sqrt(counts(problem)) * np.ones(problem.effect.size)
    felt = problem.rows.drift * weight[:, None]
    has_slope = np.isin(np.arange(pinned.size), problem.layout.slopes.effect) & sloped
    for h in np.flatnonzero(pinned | has_slope):
        runs = problem.effect == h
        columns = [np.ones(runs.sum())] * bool(pinned[h]) + [problem.rows.log_d[runs]] * bool(has_slope[h])
        design = np.stack(columns, axis=1) * weight[runs][:, None]
        felt[runs] -= design @ np.linalg.lstsq(design, felt[runs], rcond=None)[0]
    return felt


class LawAtRuns(NamedTuple):
    """Log of the law's loss, and its fall from the centre of D_f.

    Attributes
    ----------
    runs, fall : Array, shape (n,)
    mean_runs, fall_of_mean_runs : Array, shape (H,)
        At the mean run of each base effect.
    """

    runs: Array
    fall: Array
    mean_runs: Array
    fall_of_mean_runs: Array


def law_at_runs(c: "Coordinates", families: "Families") -> LawAtRuns:
    """The law where the coordinates need it, evaluated once; without slopes, falls are zero."""
    rows, means = c.problem.rows, c.problem.effect_rows
    sets = [rows, means]
    if c.model.base_slopes:
        sets += [at_centre_of_data(rows), at_centre_of_data(means)]
    runs, mean_runs, *at_centre = log_means(c.model.law, law_parameters(families), *sets)
    of_runs, of_means = at_centre or (runs, mean_runs)
    return LawAtRuns(runs, runs - of_runs, mean_runs, mean_runs - of_means)


def add_base_slopes(c: "Coordinates", blocks: dict[str, Array], families: "Families", at: LawAtRuns) -> Array:
    """Add the slope effects and their common parts; return their log Jacobian."""
    slopes = c.problem.layout.slopes
    scale, share = families["slope_scale"][0], families["slope_share"][0]
    told = _told_by_runs(c, families, at)
    kin = Kin(slopes.common_of, slopes.common.size)
    common, log_det_common = commons_of(blocks[SLOPE_COMMON], told, kin, scale, share)
    centre = scale * jnp.sqrt(share) * take(common, slopes.common_of)
    slope, log_det = effects_of(blocks[SLOPE], told, centre, scale * jnp.sqrt(1.0 - share))
    families.update({SLOPE_COMMON: common, SLOPE: slope})
    return jnp.sum(log_det_common) + jnp.sum(log_det)


def _told_by_runs(c: "Coordinates", families: "Families", at: LawAtRuns) -> Told:
    problem, level = c.problem, families[EFFECT]
    if c.model.discrepancy:
        level = level - jnp.where(c.pinned, drift_of(families, problem.effect_rows), 0.0)
    residual = jnp.log(jnp.asarray(problem.loss)) - at.runs
    residual = residual - take(level, problem.effect)
    if c.model.discrepancy:
        residual = residual - drift_of(families, problem.rows)
    residual = saturated_residual(residual, problem.loss, problem.rows)
    fall = at.fall - take(jnp.where(c.pinned, at.fall_of_mean_runs, 0.0), problem.effect)
    felt = fall * told_response(problem)
    weighted = take(precision(families), problem.rows.cell) * felt * counts(problem)
    n, mine = problem.layout.n_effects, problem.layout.slopes.effect
    every = sums(weighted * felt, problem.effect, n), sums(weighted * residual, problem.effect, n)
    return Told(*(take(values, mine) for values in every))
