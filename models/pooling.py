r"""Partial pooling: exponents and noise of cells that are alike come from one population, and base LLMs have families.

With ``pool=("task",)`` the cells (task t, method m) of one method share a population over tasks, with ``("method",)``
those of one task a population over methods, with both there is one population of all. For a cell in group g::

    beta[t, m]     ~ Normal(beta_mean[g], beta_scale)
    alpha[f, t, m] ~ LogNormal(log alpha_mean[f, g], alpha_scale[f])    for each factor f
    sigma[t, m]    ~ LogNormal(log sigma_mean[g], sigma_scale)

What is positive is pooled on its log, so that it stays so; what may have either sign (beta, and alpha of the PET size)
on its own scale. A population's mean has the prior that the parameter has without pooling, and a given prior is on
the mean. Scales have a half-normal prior: zero, which is complete pooling, is not excluded, and a few groups do not
blow it up. E and A are not pooled: a loss level is a task's own.

With ``pool=("family",)`` base LLMs of one model family share a part of their effect on a task, whatever the method::

    effect[t, m, b] ~ StudentT(4, family_scale * family[t, f(b)] + base_scale * sqrt(base_share) * common[t, b],
                               base_scale * sqrt(1 - base_share))
    family[t, f]    ~ StudentT(4, 0, 1)
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints

from bayes_scaling.errors import ModelError
from bayes_scaling.models.gather import take
from bayes_scaling.models.laws import Law
from bayes_scaling.models.layout import Layout
from bayes_scaling.models.prior_spec import PriorSpec, stack
from bayes_scaling.models.priors import Element, Site, _check_range, _fitting, _parse, default_prior, elements, resolve

POOLS = ("task", "method", "family")
EXPONENTS = ("alpha", "beta", "sigma")  # the families that are pooled over tasks and methods
DESCRIPTIONS = {
    "alpha_mean": "population of alpha: its centre",
    "beta_mean": "population of beta: its centre",
    "sigma_mean": "population of the noise: its centre",
    "alpha_scale": "population of alpha: how far its members differ",
    "beta_scale": "population of beta: how far its members differ",
    "sigma_scale": "population of the noise: how far its members differ, in log",
    "family_scale": "how far a model family's base LLMs sit off the law together, in log loss",
}
ON_LOG = PriorSpec.of("HalfNormal", scale=0.5), "on the log: members differ by a factor 1.4, at most 2.7"
ON_VALUE = PriorSpec.of("HalfNormal", scale=0.05), "published exponents of D_f differ by .05 between tasks"
OF_FAMILY = PriorSpec.of("HalfNormal", scale=0.05), "families of LLMs scatter by .5 to 10 % of the loss"


@dataclass(frozen=True)
class PooledSite(Site):
    """A site whose elements are drawn from populations.

    Its ``specs`` are the priors of the population means.

    Attributes
    ----------
    group : tuple of int
        For each element, where its population's mean stands in the family's means.
    scale_at : int
        Where the populations' scale stands in the family's scales.
    positive : bool
        True where the population is log-normal.
    """

    group: tuple[int, ...] = ()
    scale_at: int = 0
    positive: bool = False

    @property
    def fixed(self) -> bool:
        """False: a fixed mean leaves its members free."""
        return False

    @property
    def mean_family(self) -> str:
        """Name of the family of its populations' means."""
        return f"{self.family}_mean"

    @property
    def scale_family(self) -> str:
        """Name of the family of its populations' scales."""
        return f"{self.family}_scale"

    def population(self, families: Mapping[str, Array]) -> dist.Distribution:
        """What its elements are drawn from, batch shape (len(index),)."""
        centre = take(families[self.mean_family], np.asarray(self.group))
        scale = families[self.scale_family][self.scale_at]
        return dist.LogNormal(jnp.log(centre), scale) if self.positive else dist.Normal(centre, scale)


def check_pool(pool: Sequence[str], base_effects: bool) -> tuple[str, ...]:
    """The names to pool over, as a tuple.

    Raises
    ------
    ModelError
        If it is no sequence of different names, or families are asked for without base effects.
    """
    names = ", ".join(map(repr, POOLS))
    if isinstance(pool, str) or not isinstance(pool, Sequence):
        raise ModelError(f"pool={pool!r}: give a tuple of names out of {names}, such as pool=('task',)")
    for name in pool:
        if name not in POOLS or list(pool).count(name) > 1:
            what = "named twice" if name in POOLS else "nothing to pool over"
            raise ModelError(f"pool={tuple(pool)!r}: {name!r} is {what}; use each of {names} at most once")
    if "family" in pool and not base_effects:
        raise ModelError(
            f"pool={tuple(pool)!r} with base_effects=False: a family is what its base LLMs' effects have in common; "
            "use base_effects=True, or leave 'family' out"
        )
    return tuple(pool)


def group_of(pool: Sequence[str], task: str, method: str) -> tuple[str, ...]:
    """What the cells of one population have in common: the names that are not pooled over."""
    return tuple(label for name, label in (("task", task), ("method", method)) if name not in pool)


def pools_exponents(pool: Sequence[str]) -> bool:
    """Whether exponents and noise have populations."""
    return bool({"task", "method"} & set(pool))


def population_elements(layout: Layout, pool: Sequence[str]) -> dict[str, list[Element]]:
    """Every mean and scale of the populations, by family, in the order of its vector."""
    found: dict[str, list[Element]] = {}
    if pools_exponents(pool):
        groups = list(dict.fromkeys(_groups(layout, pool)))
        of_terms = [(f, *g) for f, g in zip(layout.factor_of_term, _term_groups(layout, pool), strict=True)]
        factors = list(dict.fromkeys(layout.factor_of_term))
        found["alpha_mean"] = [Element("alpha_mean", labels) for labels in dict.fromkeys(of_terms)]
        found["beta_mean"] = [Element("beta_mean", labels) for labels in groups]
        found["sigma_mean"] = [Element("sigma_mean", labels) for labels in groups]
        found["alpha_scale"] = [Element("alpha_scale", (factor,)) for factor in factors]
        found |= {family: [Element(family, ())] for family in ("beta_scale", "sigma_scale")}
    if "family" in pool:
        found["family_scale"] = [Element("family_scale", ())]
    return {family: members for family, members in found.items() if members}


def all_elements(
    law: Law, layout: Layout, base_effects: bool, discrepancy: bool, pool: Sequence[str]
) -> dict[str, list[Element]]:
    """Every scalar parameter of a model, pooled or not, and those of its populations."""
    return elements(law, layout, base_effects, discrepancy) | population_elements(layout, pool)


def resolve_pooled(
    law: Law,
    layout: Layout,
    base_effects: bool,
    discrepancy: bool,
    overrides: Mapping[str, PriorSpec],
    pool: Sequence[str],
    *,
    strict: bool = True,
) -> tuple[Site, ...]:
    """All sample sites of a model with populations; without any, those of :func:`~.priors.resolve`.

    Raises
    ------
    ModelError
        If there is nothing to pool over, or a key fits no parameter that has a prior of its own.
    """
    if not pool:
        return resolve(law, layout, base_effects, discrepancy, overrides, strict=strict)
    _check_layout(layout, pool)
    populations = population_elements(layout, pool)
    pooled = [family for family in EXPONENTS if f"{family}_mean" in populations]
    of_populations = {key: spec for key, spec in overrides.items() if _parse(key)[0] in {*pooled, *populations}}
    others = {key: spec for key, spec in overrides.items() if key not in of_populations}
    plain = [
        s for s in resolve(law, layout, base_effects, discrepancy, others, strict=strict) if s.family not in pooled
    ]
    used: set[str] = set()
    sites: list[Site] = []
    for family in pooled:
        sites += _population_sites(family, law, layout, pool, of_populations, used)
    if "family_scale" in populations:
        sites.append(_scale_site("family_scale", 0, (), OF_FAMILY, of_populations, used))
    if strict:
        _reject_narrow(of_populations, used, pool, populations)
    return (*plain, *sites)


def _population_sites(
    family: str, law: Law, layout: Layout, pool: Sequence[str], overrides: Mapping[str, PriorSpec], used: set[str]
) -> list[Site]:
    """Means, scales and members of one family's populations, a set of them for each factor of alpha."""
    members, groups = elements(law, layout, False)[family], _groups(layout, pool)
    if family == "alpha":
        groups = [(f, *g) for f, g in zip(layout.factor_of_term, _term_groups(layout, pool), strict=True)]
    means = population_elements(layout, pool)[f"{family}_mean"]
    at = {mean.labels: i for i, mean in enumerate(means)}
    kinds = list(dict.fromkeys(_kind(family, e.labels) for e in members))
    sites: list[Site] = []
    for scale_at, kind in enumerate(kinds):
        mine = [i for i, e in enumerate(members) if _kind(family, e.labels) == kind]
        of_mean = {at[groups[i]]: _mean_prior(family, means[at[groups[i]]], law, layout, overrides, used) for i in mine}
        usual = is_positive(default_prior(members[mine[0]], 0, law, layout)[0])
        positive = all(is_positive(spec) and (usual or not spec.fixed) for _, spec, _ in of_mean.values())
        sites += _mean_sites(family, of_mean)
        labels = (kind,) if kind else ()
        sites.append(
            _scale_site(f"{family}_scale", scale_at, labels, ON_LOG if positive else ON_VALUE, overrides, used)
        )
        group = tuple(at[groups[i]] for i in mine)
        name = f"{family}[{kind}]" if kind else family
        specs = tuple(of_mean[g][1] for g in group)
        sites.append(PooledSite(name, family, tuple(mine), specs, False, "population", group, scale_at, positive))
    return sites


def _kind(family: str, labels: tuple[str, ...]) -> str:
    """Members of one kind have one scale: each factor's alphas, all betas, all sigmas."""
    return labels[0] if family == "alpha" else ""


def _mean_prior(
    family: str, mean: Element, law: Law, layout: Layout, overrides: Mapping[str, PriorSpec], used: set[str]
) -> tuple[str, PriorSpec, str]:
    """Name of the site, prior and its source: what the parameter has without pooling, or what was given."""
    element = Element(family, mean.labels)
    fitting = [*_fitting(element, overrides), *_fitting(mean, overrides)]
    used.update(fitting)
    if not fitting:
        spec, source = default_prior(element, 0, law, layout)
        return (f"{family}_mean[{mean.labels[0]}]" if family == "alpha" else f"{family}_mean", spec, source)
    key, spec = fitting[-1], overrides[fitting[-1]]
    _check_range(key, family, spec)
    return key.replace(_parse(key)[0], f"{family}_mean", 1), spec, "given"


def _mean_sites(family: str, of_mean: Mapping[int, tuple[str, PriorSpec, str]]) -> list[Site]:
    grouped: dict[tuple[str, object], list[int]] = {}
    for i, (name, spec, _) in of_mean.items():
        grouped.setdefault((name, spec.shape_key()), []).append(i)
    return [
        Site(name, f"{family}_mean", tuple(index), tuple(of_mean[i][1] for i in index), False, of_mean[index[0]][2])
        for (name, _), index in grouped.items()
    ]


def _scale_site(
    family: str,
    position: int,
    labels: tuple[str, ...],
    default: tuple[PriorSpec, str],
    overrides: Mapping[str, PriorSpec],
    used: set[str],
) -> Site:
    element = Element(family, labels)
    fitting = _fitting(element, overrides)
    used.update(fitting)
    spec, source = (overrides[fitting[-1]], "given") if fitting else default
    if fitting:
        _check_range(fitting[-1], family, spec)
    return Site(element.name, family, (position,), (spec,), False, source)


def is_positive(spec: PriorSpec) -> bool:
    """Whether a prior keeps its parameter positive."""
    with jax.ensure_compile_time_eval():  # numbers, also where a program is being traced
        if spec.fixed:
            return bool(spec.sample(1)[0] > 0)
        support = stack([spec]).support
        if support in (constraints.positive, constraints.nonnegative):
            return True
        return bool(np.all(np.asarray(getattr(support, "lower_bound", -np.inf)) >= 0))


def _groups(layout: Layout, pool: Sequence[str]) -> list[tuple[str, ...]]:
    return [group_of(pool, t, m) for t, m in zip(layout.task, layout.method, strict=True)]


def _term_groups(layout: Layout, pool: Sequence[str]) -> list[tuple[str, ...]]:
    groups = _groups(layout, pool)
    return [groups[c] for c in layout.cell_of_term]


def _check_layout(layout: Layout, pool: Sequence[str]) -> None:
    if pools_exponents(pool) and max(Counter(_groups(layout, pool)).values()) < 2:
        pairs = "; ".join(f"{t}: {m}" for t, m in layout.cell_index)
        raise ModelError(
            f"pool={tuple(pool)!r}: no two (task, method) of these runs differ in nothing but "
            f"{' and '.join(p for p in pool if p != 'family')}, so there is nothing to pool; they are {pairs}. "
            "Add runs, or leave pool= out"
        )
    if "family" in pool and len(set(layout.families.family)) < 2:
        raise ModelError(
            f"pool={tuple(pool)!r}: column 'family' has one value, {layout.families.family[0]!r}, so nothing tells a "
            "family's part from the law; add base LLMs of another family, or leave 'family' out"
        )


def _reject_narrow(
    overrides: Mapping[str, PriorSpec], used: set[str], pool: Sequence[str], populations: Mapping[str, list[Element]]
) -> None:
    for key in overrides:
        if key in used:
            continue
        family = _parse(key)[0]
        shown = [e.name for e in populations.get(f"{family}_mean", populations.get(family, []))]
        over = " and ".join(f"{p}s" for p in pool if p != "family") or "families"
        raise ModelError(
            f"prior {key!r}: pool={tuple(pool)!r} draws this from a population over {over}, and a member of it has no "
            f"prior of its own; there are {', '.join(shown)}. Give the population's prior (a key without the pooled "
            "names), or leave that name out of pool="
        )
