"""The joint model of all runs: a law per (task, method), base-model effects, heavy-tailed noise.

For run i of method m on task t with base LLM b, on log loss::

    log loss_i ~ StudentT(nu, log L(X_i, D_i; A, alpha, beta, E) + effect[t, m, b] + slope[t, m, b] * fall_i,
                          sqrt(sigma^2 + se_i^2))
    fall_i = log L(X_i, D_i) - log L(X_i, D_0)
    effect[t, m, b] ~ StudentT(4, base_scale * sqrt(base_share) * common[t, b], base_scale * sqrt(1 - base_share))
    common[t, b] ~ StudentT(4, 0, 1)
    slope[t, m, b] ~ StudentT(4, slope_scale * sqrt(slope_share) * common'[t, b], slope_scale * sqrt(1 - slope_share))

and, since no law is true, ``log L`` drifts away from the law with the distance in log D_f
(:mod:`bayes_scaling.models.drift`); of a bounded metric, all of this is what a ceiling saturates
(:mod:`bayes_scaling.models.ceiling`). All runs from one base LLM share its quality: the number of bases, not of runs,
is what informs alpha. The same function is prior, prior predictive and likelihood: pass ``loss=None`` to draw losses.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array

from bayes_scaling.models.ceiling import saturate
from bayes_scaling.models.gather import assemble, take
from bayes_scaling.models.laws import OWN, Law, LawParameters, log_amplitude_scale, log_means
from bayes_scaling.models.layout import Floats, Layout, Problem, Repeats, RowArrays
from bayes_scaling.models.noise import noise_scale
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.models.priors import Parts, Site

DRIFT = "drift"  # the site of the slope's standardised changes
FAMILY = "base_family"  # the site of what a model family's base LLMs share
COMMON, EFFECT = "base_common", "base_effect"
SLOPE, SLOPE_COMMON = "base_slope", "base_slope_common"
EFFECT_DF = 4.0  # tails of base effects: an odd LLM now and then


class JointModel(NamedTuple):
    """A fully resolved model: the law, its sample sites, whether base LLMs have effects and whether the law drifts.

    ``pool`` names what is pooled over, see :mod:`bayes_scaling.models.pooling`; ``base_slopes`` says whether base LLMs
    differ in how fast they fall with D_f too.
    """

    law: Law
    sites: tuple[Site, ...]
    base_effects: bool
    discrepancy: bool
    pool: tuple[str, ...] = ()
    base_slopes: bool = False

    @property
    def parts(self) -> Parts:
        """What the model has beside its law."""
        return Parts(self.base_effects, self.base_slopes, self.discrepancy)

    @property
    def is_plain(self) -> bool:
        """Whether there is the law and its noise, and no more."""
        return not (self.base_effects or self.discrepancy)


def joint_law(model: JointModel, problem: Problem, loss: Array | None = None) -> None:
    """The NumPyro program; sites and their plates are named in the module's equations.

    Parameters
    ----------
    model : JointModel
    problem : Problem
    loss : Array, shape (n,), optional
        Measured losses. ``None`` samples them (prior or posterior predictive). Where the problem's rows are settings,
        those of its ``repeats`` are measured.
    """
    layout = problem.layout
    families = sample_families(model, layout)
    parameters = law_parameters(families)
    log_mean, fall = law_and_fall(model, parameters, problem.rows)
    if model.base_effects:
        log_mean = log_mean + take(sample_base_effects(families, layout), problem.effect)
    if model.base_slopes:
        families[SLOPE] = sample_base_slopes(families, layout)
        log_mean = log_mean + take(slopes_of(families[SLOPE], layout), problem.effect) * fall
    if model.discrepancy:
        families[DRIFT] = sample_drift(layout)
        log_mean = log_mean + drift_of(families, problem.rows)
    log_mean = saturate(log_mean, problem.rows)
    sigma = noise_scale(take(families["sigma"], problem.rows.cell), log_mean, problem.rows)
    if problem.repeats is not None:
        _repeated_losses(families["nu"][0], log_mean, sigma, problem.repeats)
        return
    with numpyro.plate("run", problem.rows.cell.shape[0]):
        numpyro.sample("loss", loss_distribution(families["nu"][0], log_mean, sigma, problem.log_se), obs=loss)


def _repeated_losses(nu: Array, log_mean: Array, sigma: Array, repeats: Repeats) -> None:
    settings, most = repeats.loss.shape
    of_runs = loss_distribution(nu, log_mean[:, None], sigma[:, None], repeats.log_se)
    present = jnp.asarray(repeats.present) > 0
    with numpyro.plate("setting", settings, dim=-2), numpyro.plate("repeat", most, dim=-1):
        numpyro.sample("loss", of_runs.mask(present), obs=jnp.asarray(repeats.loss))


def loss_distribution(nu: Array, log_mean: Array, sigma: Array, log_se: Array | Floats) -> dist.Distribution:
    """Distribution of a run's loss: Student-t on its log, known test-set error added in quadrature."""
    scale = jnp.sqrt(sigma**2 + log_se**2)
    return dist.TransformedDistribution(dist.StudentT(nu, log_mean, scale), dist.transforms.ExpTransform())


def sample_families(model: JointModel, layout: Layout) -> dict[str, Array]:
    """Draw (or fix) every site and gather each family ("E", "alpha", ...) into its full vector."""
    parts: dict[str, list[tuple[Site, Array]]] = {}
    # members need every mean and scale of their family, a prior on A needs alpha and beta
    for site in sorted(model.sites, key=lambda s: (s.on_amplitude, isinstance(s, PooledSite))):
        prior = _population(site, parts) if isinstance(site, PooledSite) else site.distribution()
        if site.on_amplitude:
            prior = amplitude_prior(model.law, layout, site, {f: gather_family(parts[f]) for f in parts})
        value = fixed_value(site, prior) if site.fixed else _sample_site(site, prior)
        parts.setdefault(site.family, []).append((site, value))
    return {family: gather_family(members) for family, members in parts.items()}


def _population(site: PooledSite, parts: dict[str, list[tuple[Site, Array]]]) -> dist.Distribution:
    """What a pooled site is drawn from, given its populations' means and scales."""
    return site.population({f: gather_family(parts[f]) for f in (site.mean_family, site.scale_family)})


def gather_family(parts: list[tuple[Site, Array]]) -> Array:
    """A family's vector from the values of its sites."""
    return assemble([value for _, value in parts], [site.index for site, _ in parts])


def _sample_site(site: Site, prior: dist.Distribution) -> Array:
    with numpyro.plate(f"{site.name} elements", len(site.index)):
        value: Array = numpyro.sample(site.name, prior)
    return value


def fixed_value(site: Site, prior: dist.Distribution) -> Array:
    """The value that a fixed site is held at, shape (len(index),)."""
    value: Array = numpyro.deterministic(site.name, prior.mean)
    return value


def amplitude_prior(law: Law, layout: Layout, site: Site, families: dict[str, Array]) -> dist.Distribution:
    """A prior on A (or B) as the prior it implies on the amplitude at the centre of the data."""
    alpha, beta = families.get("alpha", jnp.zeros(0)), families["beta"]
    prelearned = families.get("prelearned", jnp.zeros(0))
    of_data = site.family == "data_term"
    log_scale = beta * layout.log_d0 if of_data else log_amplitude_scale(law, layout, alpha, beta, prelearned)
    scale = jnp.exp(-take(log_scale, np.asarray(site.index)))
    domain = dist.constraints.positive
    return dist.TransformedDistribution(site.distribution(), dist.transforms.AffineTransform(0.0, scale, domain))


def sample_base_effects(families: dict[str, Array], layout: Layout) -> Array:
    """Effects on log loss, shape (H,), partly shared by the methods that start from one base."""
    scale, share = families["base_scale"][0], families["base_share"][0]
    with numpyro.plate("task_base", layout.n_commons):
        common = numpyro.sample(COMMON, dist.StudentT(EFFECT_DF, 0.0, 1.0))
    centre = scale * jnp.sqrt(share) * take(common, layout.common_of_effect)
    if "family_scale" in families:
        centre = centre + family_part(families, sample_families_of_bases(layout), layout)
    with numpyro.plate("cell_base", layout.n_effects):
        effect: Array = numpyro.sample(EFFECT, dist.StudentT(EFFECT_DF, centre, scale * jnp.sqrt(1.0 - share)))
    return effect


def sample_base_slopes(families: dict[str, Array], layout: Layout) -> Array:
    """How much faster than the law says each base LLM falls with D_f, as a share, shape (S,)."""
    scale, share = families["slope_scale"][0], families["slope_share"][0]
    with numpyro.plate("sloped_task_base", layout.slopes.common.size):
        common = numpyro.sample(SLOPE_COMMON, dist.StudentT(EFFECT_DF, 0.0, 1.0))
    centre = scale * jnp.sqrt(share) * take(common, layout.slopes.common_of)
    with numpyro.plate("sloped_cell_base", layout.slopes.effect.size):
        slope: Array = numpyro.sample(SLOPE, dist.StudentT(EFFECT_DF, centre, scale * jnp.sqrt(1.0 - share)))
    return slope


def slopes_of(slope: Array, layout: Layout) -> Array:
    """The slope effect beside each base effect, 0 where there is none, shape (H,)."""
    return jnp.asarray(np.eye(layout.n_effects)[:, layout.slopes.effect]) @ slope


def law_and_fall(model: JointModel, parameters: LawParameters, rows: RowArrays) -> tuple[Array, Array]:
    """Log of the law's loss, and that less what it is at the centre of the cell's D_f, shape (n,).

    The second is zero for a model that has no use for it.
    """
    if not model.base_slopes:
        log_mean = model.law.log_mean(parameters, rows)
        return log_mean, jnp.zeros_like(log_mean)
    log_mean, at_centre = log_means(model.law, parameters, rows, at_centre_of_data(rows))
    return log_mean, log_mean - at_centre


def at_centre_of_data(rows: RowArrays) -> RowArrays:
    """The rows at the same sizes of the other factors, with the cell's reference D_f."""
    return rows._replace(log_d=rows.log_d * 0.0, zero_shot=rows.zero_shot * 0.0)


def sample_families_of_bases(layout: Layout) -> Array:
    """Standardised parts that the base LLMs of one model family share on one task, shape (F,)."""
    with numpyro.plate("task_family", len(layout.families.family)):
        shared: Array = numpyro.sample(FAMILY, dist.StudentT(EFFECT_DF, 0.0, 1.0))
    return shared


def family_part(families: dict[str, Array], shared: Array, layout: Layout) -> Array:
    """What each base effect has from its model family, on log loss, shape (H,)."""
    return families["family_scale"][0] * take(shared, layout.families.of_common[layout.common_of_effect])


def sample_drift(layout: Layout) -> Array:
    """Standardised changes of slope along D_f, shape (U,), see :mod:`bayes_scaling.models.drift`."""
    with numpyro.plate("knot", layout.drift.knot.size):
        changes: Array = numpyro.sample(DRIFT, dist.Normal(0.0, 1.0))
    return changes


def drift_of(families: dict[str, Array], rows: RowArrays) -> Array:
    """How far each row's log loss leaves the law, shape (n,)."""
    return jnp.asarray(rows.drift) @ (families["drift_scale"][0] * families[DRIFT])


def law_parameters(families: dict[str, Array], draws: int | None = None) -> LawParameters:
    """The families that the law reads; with ``draws``, every family has that many rows."""
    none = jnp.zeros(0 if draws is None else (draws, 0))
    return LawParameters(
        E=families["E"],
        beta=families["beta"],
        alpha=families.get("alpha", none),
        reducible=families.get("reducible", none),
        data_term=families.get("data_term", none),
        prelearned=families.get("prelearned", none),
        own={name[len(OWN) :]: value for name, value in families.items() if name.startswith(OWN)},
    )
