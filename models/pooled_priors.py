"""Priors of populations: means that keep their parameter's prior, scales of their own, each overridable by name."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bayes_scaling.errors import ModelError
from bayes_scaling.models.laws import Law
from bayes_scaling.models.layout import Layout
from bayes_scaling.models.pooling import (
    PooledSite,
    groups,
    is_positive,
    pools_exponents,
    population_elements,
    term_groups,
)
from bayes_scaling.models.prior_spec import PriorSpec
from bayes_scaling.models.priors import (
    Element,
    Parts,
    Site,
    _check_range,
    _fitting,
    _parse,
    default_prior,
    elements,
    resolve,
)

EXPONENTS = ("alpha", "beta", "sigma")  # the families that are pooled over tasks and methods
ON_LOG = PriorSpec.of("HalfNormal", scale=0.5), "on the log: members differ by a factor 1.4, at most 2.7"
ON_VALUE = PriorSpec.of("HalfNormal", scale=0.05), "published exponents of D_f differ by .05 between tasks"
OF_FAMILY = PriorSpec.of("HalfNormal", scale=0.05), "families of LLMs scatter by .5 to 10 % of the loss"


def resolve_pooled(
    law: Law,
    layout: Layout,
    parts: Parts,
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
        return resolve(law, layout, parts, overrides, strict=strict)
    _check_layout(layout, pool)
    populations = population_elements(layout, pool)
    pooled = [family for family in EXPONENTS if f"{family}_mean" in populations]
    of_populations = {key: spec for key, spec in overrides.items() if _parse(key)[0] in {*pooled, *populations}}
    others = {key: spec for key, spec in overrides.items() if key not in of_populations}
    plain = [s for s in resolve(law, layout, parts, others, strict=strict) if s.family not in pooled]
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
    members = elements(law, layout, Parts())[family]
    populations = (term_groups if family == "alpha" else groups)(layout, pool)
    means = population_elements(layout, pool)[f"{family}_mean"]
    at = {mean.labels: i for i, mean in enumerate(means)}
    kinds = list(dict.fromkeys(_kind(family, e.labels) for e in members))
    sites: list[Site] = []
    for scale_at, kind in enumerate(kinds):
        mine = [i for i, e in enumerate(members) if _kind(family, e.labels) == kind]
        of_mean = {
            at[populations[i]]: _mean_prior(family, means[at[populations[i]]], i, law, layout, overrides, used)
            for i in mine
        }
        usual = is_positive(default_prior(members[mine[0]], mine[0], law, layout)[0])
        positive = all(is_positive(spec) and (usual or not spec.fixed) for _, spec, _ in of_mean.values())
        sites += _mean_sites(family, of_mean)
        labels = (kind,) if kind else ()
        sites.append(
            _scale_site(f"{family}_scale", scale_at, labels, ON_LOG if positive else ON_VALUE, overrides, used)
        )
        group = tuple(at[populations[i]] for i in mine)
        name = f"{family}[{kind}]" if kind else family
        specs = tuple(of_mean[g][1] for g in group)
        pooled = PooledSite(
            name, family, tuple(mine), specs, False, "population", group=group, scale_at=scale_at, positive=positive
        )
        sites.append(pooled)
    return sites


def _kind(family: str, labels: tuple[str, ...]) -> str:
    """Members of one kind have one scale: each factor's alphas, all betas, all sigmas."""
    return labels[0] if family == "alpha" else ""


def _mean_prior(
    family: str,
    mean: Element,
    member: int,
    law: Law,
    layout: Layout,
    overrides: Mapping[str, PriorSpec],
    used: set[str],
) -> tuple[str, PriorSpec, str]:
    """Name of the site, prior and its source: what a member has without pooling, or what was given."""
    element = Element(family, mean.labels)
    fitting = [*_fitting(element, overrides), *_fitting(mean, overrides)]
    used.update(fitting)
    of_factor = mean.labels[:1] if family == "alpha" else ()  # each factor has sites of its own
    if not fitting:
        return Element(f"{family}_mean", of_factor).name, *default_prior(element, member, law, layout)
    key, spec = fitting[-1], overrides[fitting[-1]]
    _check_range(key, family, spec)
    narrowed = sorted(_parse(key)[1] - set(of_factor))
    return Element(f"{family}_mean", (*of_factor, *narrowed)).name, spec, "given"


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


def _check_layout(layout: Layout, pool: Sequence[str]) -> None:
    if pools_exponents(pool) and max(Counter(groups(layout, pool)).values()) < 2:
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
