r"""Partial pooling: exponents and noise of cells that are alike come from one population, and base LLMs have families.

With ``pool=("task",)`` the cells (task t, method m) of one method share a population over tasks, with ``("method",)``
those of one task a population over methods, with both there is one population of all. For a cell in group g::

    beta[t, m]     ~ LogNormal(log beta_mean[g], beta_scale)
    alpha[f, t, m] ~ LogNormal(log alpha_mean[f, g], alpha_scale[f])    for each factor f
    sigma[t, m]    ~ LogNormal(log sigma_mean[g], sigma_scale)

What is positive is pooled on its log, so that it stays so; what may have either sign (alpha of the PET size) on its
own scale. A population's mean has the prior that the parameter has without pooling, and a given prior is on
the mean. Scales have a half-normal prior: zero, which is complete pooling, is not excluded, and a few groups do not
blow it up. E and A are not pooled: a loss level is a task's own.

With ``pool=("family",)`` base LLMs of one model family share a part of their effect on a task, whatever the method::

    effect[t, m, b] ~ StudentT(4, family_scale * family[t, f(b)] + base_scale * sqrt(base_share) * common[t, b],
                               base_scale * sqrt(1 - base_share))
    family[t, f]    ~ StudentT(4, 0, 1)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints

from bayes_scaling.arguments import shown
from bayes_scaling.errors import ModelError
from bayes_scaling.models.gather import take
from bayes_scaling.models.laws import Law
from bayes_scaling.models.layout import Layout
from bayes_scaling.models.prior_spec import PriorSpec, stack
from bayes_scaling.models.priors import Element, Parts, Site, elements

POOLS = ("task", "method", "family")
DESCRIPTIONS = {
    "alpha_mean": "population of alpha: its centre",
    "beta_mean": "population of beta: its centre",
    "sigma_mean": "population of the noise: its centre",
    "alpha_scale": "population of alpha: how far its members differ",
    "beta_scale": "population of beta: how far its members differ",
    "sigma_scale": "population of the noise: how far its members differ, in log",
    "family_scale": "how far a model family's base LLMs sit off the law together, in log loss",
}


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
        raise ModelError(f"pool={shown(pool)}: give a tuple of names out of {names}, such as pool=('task',)")
    for name in pool:
        if name not in POOLS or list(pool).count(name) > 1:
            what = "named twice" if name in POOLS else "nothing to pool over"
            raise ModelError(f"pool={shown(tuple(pool))}: {shown(name)} is {what}; use each of {names} at most once")
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
        of_cells, of_terms = dict.fromkeys(groups(layout, pool)), dict.fromkeys(term_groups(layout, pool))
        factors = list(dict.fromkeys(layout.factor_of_term))
        found["alpha_mean"] = [Element("alpha_mean", labels) for labels in of_terms]
        found["beta_mean"] = [Element("beta_mean", labels) for labels in of_cells]
        found["sigma_mean"] = [Element("sigma_mean", labels) for labels in of_cells]
        found["alpha_scale"] = [Element("alpha_scale", (factor,)) for factor in factors]
        found |= {family: [Element(family, ())] for family in ("beta_scale", "sigma_scale")}
    if "family" in pool:
        found["family_scale"] = [Element("family_scale", ())]
    return {family: members for family, members in found.items() if members}


def all_elements(law: Law, layout: Layout, parts: Parts, pool: Sequence[str]) -> dict[str, list[Element]]:
    """Every scalar parameter of a model, pooled or not, and those of its populations."""
    return elements(law, layout, parts) | population_elements(layout, pool)


def is_positive(spec: PriorSpec) -> bool:
    """Whether a prior keeps its parameter positive."""
    with jax.ensure_compile_time_eval():  # numbers, also where a program is being traced
        if spec.fixed:
            return bool(spec.sample(1)[0] > 0)
        support = stack([spec]).support
        if support in (constraints.positive, constraints.nonnegative):
            return True
        return bool(np.all(np.asarray(getattr(support, "lower_bound", -np.inf)) >= 0))


def groups(layout: Layout, pool: Sequence[str]) -> list[tuple[str, ...]]:
    """The population of each cell, shape (C,)."""
    return [group_of(pool, t, m) for t, m in zip(layout.task, layout.method, strict=True)]


def term_groups(layout: Layout, pool: Sequence[str]) -> list[tuple[str, ...]]:
    """The population of each exponent alpha, its factor first, shape (K,)."""
    of_cell = groups(layout, pool)
    return [(f, *of_cell[c]) for f, c in zip(layout.factor_of_term, layout.cell_of_term, strict=True)]
