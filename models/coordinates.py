r"""Coordinates in which the data are nearly independent, so that NUTS takes few steps.

The model is *written* in the paper's symbols and *sampled* here. In natural coordinates E, beta and A lie on
long curved ridges; what the data pin down is the loss at the centre of the data, its local slopes, and each
base LLM's own mean. So one flat vector z holds

* :math:`\lambda_j = \log L_j`, with :math:`L_j = E + R_j` the loss at the reference point of amplitude j;
* :math:`\epsilon = \Phi^{-1}(E / \min_j L_j)`, E as a fraction of the lowest of them;
* :math:`\alpha w` and :math:`\beta w`, local slopes of log loss, with w the reducible fraction at the centre;
* base effects, slopes and drift as deviations from what the runs say of them, given the law and their scales
  (:mod:`~bayes_scaling.models.shared_effects`); where a cell has one base only, its :math:`\lambda_j` are shifted by
  that base's effect instead, which the data cannot tell from A.

Each is a shift or scale by data constants and earlier coordinates, so every Jacobian is in closed form. A site
whose prior has another support than the map expects falls back to NumPyro's bijection for that support.
"""

from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from numpyro.distributions import biject_to, constraints
from numpyro.infer.util import log_density

from bayes_scaling.models.ceiling import log_response, saturated_residual
from bayes_scaling.models.centre import reducible_fractions, uncouple
from bayes_scaling.models.gather import take
from bayes_scaling.models.joint import (
    COMMON,
    DRIFT,
    EFFECT,
    FAMILY,
    SLOPE,
    SLOPE_COMMON,
    JointModel,
    drift_of,
    family_part,
    gather_family,
    joint_law,
    slopes_of,
)
from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.level_coordinates import add_base_levels, told_commons
from bayes_scaling.models.pooled_coordinates import population, standardised, typical
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.priors import Site
from bayes_scaling.models.repeats import counts
from bayes_scaling.models.rough import Rough, rough_estimates
from bayes_scaling.models.slope_coordinates import LawAtRuns, add_base_slopes, beside_bases, law_at_runs, precision

Families = dict[str, Array]
LOSS_FAMILIES = ("E", "reducible", "data_term")
SLOPE_FAMILIES = ("alpha", "beta")


@dataclass(frozen=True)
class Coordinates:
    """A bijection between a flat vector z and the values of the model's sample sites.

    Attributes
    ----------
    model, problem
        What is sampled.
    conditioned : bool
        True for this module's map; False leaves every site in its natural coordinate.
    on_residuals : bool
        True where base effects and drift are sampled through what the residuals say of them (see
        :mod:`bayes_scaling.models.shared_effects` and :func:`standard_drift`).
    told_modes : tuple of arrays, optional
        :attr:`drift_modes`, where a compiled program is told them.
    told_rough : Rough, optional
        :attr:`rough`, where a compiled program is told it.
    """

    model: JointModel
    problem: Problem
    conditioned: bool
    on_residuals: bool = True
    told_modes: tuple[Array, ...] | None = None
    told_rough: Rough | None = None

    @property
    def free_sites(self) -> tuple[Site, ...]:
        """Sites that are sampled; a fixed one has no coordinate."""
        return tuple(site for site in self.model.sites if not site.fixed)

    @property
    def blocks(self) -> tuple[tuple[str, int], ...]:
        """Name and length of each block of z, in order."""
        layout = self.problem.layout
        sizes = [(site.name, len(site.index)) for site in self.free_sites]
        if self.model.base_effects:
            sizes += [(COMMON, layout.n_commons), (EFFECT, layout.n_effects)]
        if layout.families.family:
            sizes.append((FAMILY, len(layout.families.family)))
        if self.model.base_slopes:
            sizes += [(SLOPE_COMMON, layout.slopes.common.size), (SLOPE, layout.slopes.effect.size)]
        if self.model.discrepancy:
            sizes.append((DRIFT, layout.drift.knot.size))
        return tuple(sizes)

    @property
    def size(self) -> int:
        """Length of z."""
        return sum(n for _, n in self.blocks)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each block stands in z."""
        ends = np.cumsum([n for _, n in self.blocks]).tolist()
        return {name: slice(end - n, end) for (name, n), end in zip(self.blocks, ends, strict=True)}

    @cached_property
    def lone(self) -> NDArray[np.bool_]:
        """Effects of the only base LLM of their cell: inseparable from the amplitude, so sampled beside it."""
        count = np.bincount(self.problem.layout.cell_of_effect, minlength=self.problem.layout.n_cells)
        return np.asarray((count == 1)[self.problem.layout.cell_of_effect]) & self.losses_coupled

    @property
    def pinned(self) -> NDArray[np.bool_]:
        """Effects that are sampled through what their base's runs say of them, shape (H,)."""
        return ~self.lone & (self.model.base_effects and self.conditioned and self.on_residuals)

    @cached_property
    def drift_modes(self) -> tuple[Floats | Array, ...]:
        """The drift's basis as the runs of one base feel it, and eigenvectors and eigenvalues of its Gram matrix.

        A row that stands for several runs is weighted with the root of their number.
        """
        if self.told_modes is not None:
            return self.told_modes
        problem, layout = self.problem, self.problem.layout
        felt = beside_bases(problem, self.pinned, sloped=self.model.base_slopes) * log_response(problem)[:, None]
        modes, strengths = np.zeros((felt.shape[1],) * 2), np.zeros(felt.shape[1])
        for c in range(layout.n_cells):  # modes of one cell stay among its knots
            of_cell = layout.drift.cell == c
            values, vectors = np.linalg.eigh(felt[:, of_cell].T @ felt[:, of_cell])
            modes[np.ix_(of_cell, of_cell)], strengths[of_cell] = vectors, np.maximum(values, 0.0)
        return felt, modes, strengths

    @property
    def by_family(self) -> dict[str, list[Site]]:
        """The sites of each family."""
        families = dict.fromkeys(site.family for site in self.model.sites)
        return {family: [s for s in self.model.sites if s.family == family] for family in families}

    @cached_property
    def pooled(self) -> tuple[str, ...]:
        """Families whose members are drawn from populations."""
        return tuple(dict.fromkeys(site.family for site in self.model.sites if isinstance(site, PooledSite)))

    @cached_property
    def rough(self) -> Rough:
        """Rough estimates of what is pooled, under the prior's typical scales."""
        if self.told_rough is not None:
            return self.told_rough
        of_base, of_family, of_drift = (
            typical(self.model.sites, family) for family in ("base_scale", "family_scale", "drift_scale")
        )
        return rough_estimates(self.problem, float(np.hypot(of_base, of_family)), of_drift)

    @cached_property
    def standardised_means(self) -> frozenset[str]:
        """Sites of population means that are sampled as deviations from what is expected of them."""
        if not self.conditioned:
            return frozenset()
        pooled = [site for site in self.model.sites if isinstance(site, PooledSite)]
        means = {
            (m.name, p.positive): m for p in pooled for m in self.by_family[p.mean_family] if m.index[0] in p.group
        }
        return frozenset(name for (name, on_log), mean in means.items() if standardised(mean, on_log))

    @cached_property
    def losses_coupled(self) -> bool:
        """True where E and the amplitudes are sampled through the loss at the centre."""
        layout, sites = self.problem.layout, self.model.sites
        positive = all(s.positive and not s.fixed for s in sites if s.family in LOSS_FAMILIES)
        every_cell = set(layout.cell_of_amplitude.tolist()) == set(range(layout.n_cells))
        summed = self.model.law.amplitude_per_factor and layout.amplitude_is_shared()
        return self.conditioned and positive and every_cell and not summed

    def split(self, z: Array) -> dict[str, Array]:
        """The flat vector by block."""
        return {name: z[where] for name, where in self.slices.items()}

    def to_families(self, z: Array) -> tuple[Families, Array]:
        """Full vectors of every family (and the base effects) at z, and the log Jacobian determinant."""
        blocks = self.split(z)
        families: Families = {}
        log_det = jnp.zeros(())
        pooled = self.pooled if self.conditioned else ()
        later = (*LOSS_FAMILIES, *SLOPE_FAMILIES, *pooled, *(f"{family}_mean" for family in pooled))
        for family in (f for f in self.by_family if f not in later):
            families[family], change = _family(self.by_family[family], blocks)
            log_det = log_det + change
        for family in (f for f in pooled if f not in SLOPE_FAMILIES):
            log_det = log_det + population(self, family, blocks, families)
        if self.model.base_effects:
            log_det = log_det + _free_effects(self, blocks, families)
        log_det = log_det + _losses(self, blocks, families)
        weight = reducible_fractions(self.model.law, self.problem.layout, families) if self.conditioned else {}
        for family in (f for f in self.by_family if f in SLOPE_FAMILIES):
            if family in pooled:
                log_det = log_det + population(self, family, blocks, families, weight[family])
                continue
            families[family], change = _family(self.by_family[family], blocks, weight.get(family))
            log_det = log_det + change
        if not self.conditioned:
            families.update({name: blocks[name] for name in (SLOPE_COMMON, SLOPE, DRIFT) if name in blocks})
            return families, log_det
        at = law_at_runs(self, families)
        if self.model.base_effects and self.pinned.any():
            log_det = log_det + add_base_levels(self, blocks, families, at)
        if self.model.discrepancy:
            log_det = log_det + _drift(self, blocks, families, at)
        if self.model.base_slopes:
            log_det = log_det + add_base_slopes(self, blocks, families, at)
        if self.model.base_effects:
            _take_off_slope_and_drift(self, families, at)
        return families, log_det

    def to_sites(self, z: Array) -> tuple[dict[str, Array], Array]:
        """Values of the free sample sites at z, and the log Jacobian determinant."""
        families, log_det = self.to_families(z)
        values = {site.name: take(families[site.family], np.asarray(site.index)) for site in self.free_sites}
        if self.model.base_effects:
            values |= {COMMON: families[COMMON], EFFECT: families[EFFECT]}
        if FAMILY in families:
            values[FAMILY] = families[FAMILY]
        values |= {name: families[name] for name in (SLOPE_COMMON, SLOPE, DRIFT) if name in families}
        return values, log_det

    def potential(self, z: Array) -> Array:
        """Negative log posterior density at z, Jacobian included; infinite where it is not defined."""
        values, log_det = self.to_sites(z)
        arguments = (self.model, self.problem, jnp.asarray(self.problem.loss))
        log_joint, _ = log_density(joint_law, arguments, {}, values)
        total = log_joint + log_det
        return jnp.where(jnp.isfinite(total), -total, jnp.inf)


def _value(site: Site, blocks: dict[str, Array], weight: Array | None = None) -> tuple[Array, Array]:
    """Natural values of a site and their log Jacobian; exponents are slopes divided by ``weight``."""
    if isinstance(site, PooledSite):  # in natural coordinates
        z = blocks[site.name]
        return (jnp.exp(z), jnp.sum(z)) if site.positive else (z, jnp.zeros(()))
    prior = site.distribution()
    if site.fixed:
        return jnp.asarray(prior.mean), jnp.zeros(())
    z = blocks[site.name]
    transform = biject_to(prior.support)
    value = transform(z)
    log_det = jnp.sum(transform.log_abs_det_jacobian(z, value))
    if weight is None or not (prior.support is constraints.real or site.positive):
        return value, log_det
    w = take(weight, np.asarray(site.index))
    return value / w, log_det - jnp.sum(jnp.log(w))


def _family(sites: list[Site], blocks: dict[str, Array], weight: Array | None = None) -> tuple[Array, Array]:
    values, log_dets = zip(*(_value(site, blocks, weight) for site in sites), strict=True)
    return gather_family(list(zip(sites, values, strict=True))), jnp.sum(jnp.stack(log_dets))


def _losses(c: Coordinates, blocks: dict[str, Array], families: Families) -> Array:
    """Add E, the amplitudes and the data term, coupled through the loss at the centre where that is possible."""
    sites = {family: members for family, members in c.by_family.items() if family in LOSS_FAMILIES}
    if c.losses_coupled:
        z = {family: gather_family([(s, blocks[s.name]) for s in members]) for family, members in sites.items()}
        losses, log_det = uncouple(c.problem.layout, {**z, "reducible": z["reducible"] - _lone_effect(c, families)})
        families.update(losses)
        return log_det
    log_det = jnp.zeros(())
    for family, members in sites.items():
        families[family], change = _family(members, blocks)
        log_det = log_det + change
    return log_det


def _lone_effect(c: Coordinates, families: Families) -> Array:
    """Effect of the one base LLM behind each amplitude, 0 where its cell has several, shape (J,)."""
    layout = c.problem.layout
    if not c.model.base_effects or not c.lone.any():
        return jnp.zeros(layout.n_amplitudes)
    of_cell = np.eye(layout.n_cells)[layout.cell_of_effect] * c.lone[:, None]
    return take(families[EFFECT] @ of_cell, layout.cell_of_amplitude)


def _free_effects(c: Coordinates, blocks: dict[str, Array], families: Families) -> Array:
    """Add the common and the base effects, each from its own scale; return their log Jacobian."""
    z = blocks[EFFECT]
    if not c.conditioned:
        families.update({name: blocks[name] for name in (COMMON, EFFECT, FAMILY) if name in blocks})
        return jnp.zeros(())
    common = families[COMMON] = jnp.sinh(blocks[COMMON])  # takes the Student-t's heavy tails out
    told = told_commons(c)
    scale, share = families["base_scale"][0], families["base_share"][0]
    own_scale = scale * jnp.sqrt(1.0 - share)
    shared = scale * jnp.sqrt(share) * take(common, c.problem.layout.common_of_effect)
    if FAMILY in blocks:
        families[FAMILY] = jnp.sinh(blocks[FAMILY])
        shared = shared + family_part(families, families[FAMILY], c.problem.layout)
    families[EFFECT] = shared + own_scale * jnp.sinh(z)
    log_det = jnp.sum(jnp.where(told, 0.0, jnp.log(jnp.cosh(blocks[COMMON]))))
    if FAMILY in blocks:
        log_det = log_det + jnp.sum(jnp.log(jnp.cosh(blocks[FAMILY])))
    return log_det + jnp.sum(jnp.where(c.pinned, 0.0, jnp.log(own_scale) + jnp.log(jnp.cosh(z))))


def standard_drift(
    z: Array, scale: Array, information: Array, pull: Array, modes: Array, strengths: Array
) -> tuple[Array, Array]:
    """The drift from standardised modes, and the log Jacobian.

    Given the rest, and were the noise normal, the modes of the drift would be independent normals. Their standardised
    values are sampled, so that neither the scale of the drift nor that of the noise shapes them.

    Parameters
    ----------
    z : Array, shape (U,)
    scale : Array
        Of the drift.
    information : Array, shape (U,)
        Inverse noise variance of each mode's rows.
    pull : Array, shape (U,)
        What the residuals say of each knot's change: basis, transposed, times residuals over the noise variance.
    modes, strengths : Array, shape (U, U) and (U,)
        Eigenvectors (columns) and eigenvalues of the basis's Gram matrix.
    """
    precision = 1.0 + scale**2 * information * strengths
    standardised = scale * (pull @ modes) / precision + z / jnp.sqrt(precision)
    return modes @ standardised, -jnp.sum(jnp.log(precision)) / 2


def _drift(c: Coordinates, blocks: dict[str, Array], families: Families, at: LawAtRuns) -> Array:
    """Add the drift, given the law and (where they are pinned) each base's mean run; return its log Jacobian."""
    families[DRIFT] = blocks[DRIFT]
    if not c.on_residuals:
        return jnp.zeros(())
    problem = c.problem
    residual = jnp.log(jnp.asarray(problem.loss)) - at.runs
    if c.model.base_effects:
        residual = residual - take(families[EFFECT], problem.effect)
    residual = saturated_residual(residual, problem.loss, problem.rows)
    precise = precision(families)
    felt, modes, strengths = map(jnp.asarray, c.drift_modes)
    pull = (take(precise, problem.rows.cell) * residual * jnp.sqrt(counts(problem))) @ felt
    of_knot = take(precise, problem.layout.drift.cell)
    families[DRIFT], log_det = standard_drift(
        blocks[DRIFT], families["drift_scale"][0], of_knot, pull, modes, strengths
    )
    return log_det


def _take_off_slope_and_drift(c: Coordinates, families: Families, at: LawAtRuns) -> None:
    """Make effects of the levels that the data pin down."""
    level = families[EFFECT]
    if c.model.base_slopes:
        level = level - slopes_of(families[SLOPE], c.problem.layout) * at.fall_of_mean_runs
    if c.model.discrepancy:
        level = level - drift_of(families, c.problem.effect_rows)
    families[EFFECT] = jnp.where(c.pinned, level, families[EFFECT])
