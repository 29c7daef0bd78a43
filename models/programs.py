"""Compiled programs of NUTS, kept for the next fit of the same design.

Compiling takes most of a fit. Which row belongs to which parameter and the priors' kinds are baked into a program,
which NUTS wants; sizes, losses, their standard errors, the numbers of the priors and the mode are what it is told. So a
second fit of as many runs in the same pattern (other losses, another base LLM left out, a calibration, a run that might
be measured) samples at once.
"""

from collections.abc import Iterable
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.coordinates import Coordinates, Families
from bayes_scaling.models.layout import Floats, Problem, Repeats, RowArrays
from bayes_scaling.models.nuts import Gradient, Kernel, NutsSettings, Potential, compile_nuts
from bayes_scaling.models.prior_spec import numbers, rebuild
from bayes_scaling.models.priors import Site
from bayes_scaling.models.rough import Rough
from bayes_scaling.models.whitening import Numbers, Whitening, followers, to_z

KEPT = 8  # programs
TOLD_OF_ROWS = ("log_x", "log_d", "drift", "log_median")
NAMES = ("task", "method", "base_of_effect", "task_of_common", "base_of_common")  # only who equals whom matters
# what scales default priors, places the centre that sizes are told from, or is read at prediction only
NOT_BAKED = ("loss_median", "loss_min", "log_x0", "log_d0", "factor_sets", "fixed_sizes", "log_ceiling", "drift")


class Data(NamedTuple):
    """What differs between fits of one pattern.

    Attributes
    ----------
    loss, log_se : Array, shape (n,)
    repeats : Repeats, optional
    sizes, effect_sizes : tuple of arrays
        :data:`TOLD_OF_ROWS` of the runs and of each base effect's mean run.
    modes : tuple of arrays
        :attr:`Coordinates.drift_modes`; empty without a drift.
    rough : Rough, optional
        :attr:`Coordinates.rough` of a model that pools exponents.
    priors : tuple of dict
        Arguments of each prior.
    """

    loss: Array
    log_se: Array
    repeats: Repeats | None
    sizes: tuple[Array, ...]
    effect_sizes: tuple[Array, ...]
    modes: tuple[Array, ...]
    rough: Rough | None
    priors: tuple[Any, ...]


class Told(NamedTuple):
    """All that a compiled program is told."""

    data: Data
    whitening: Numbers


class Shape:
    """A program's identity: coordinates as a template, equal where only what the program is told differs."""

    def __init__(self, template: Coordinates) -> None:
        self.template = template
        model, problem, layout = template.model, template.problem, template.problem.layout
        self.key = (
            _frozen(model._replace(sites=())),
            tuple(_site_key(site) for site in model.sites),
            (_pattern(problem.rows), _frozen(problem.effect), _pattern(problem.effect_rows), _counts(problem)),
            tuple(_frozen(getattr(layout, f.name)) for f in fields(layout) if f.name not in (*NOT_BAKED, *NAMES)),
            tuple(_codes(getattr(layout, name)) for name in NAMES),
            _frozen(layout.drift.cell),
            _frozen((layout.log_x0, layout.log_d0)) if any(site.on_amplitude for site in model.sites) else None,
            _frozen((template.conditioned, template.on_residuals)),
        )

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.key == other.key


class Program:
    """The compiled functions of one shape."""

    def __init__(self, shape: Shape) -> None:
        self.template, self.kernels = shape.template, dict[tuple[int, int], Kernel]()
        self.follows = followers(shape.template)
        self.gradient = jax.jit(jax.value_and_grad(lambda z, data: self._coordinates(data).potential(z)))
        self._place = jit_once(lambda y, told: self._to_z(y, told)[0])
        self._pulled_back = jit_once(self._pull_back)
        self.families = jit_once(jax.vmap(jax.vmap(self._families, in_axes=(0, None)), in_axes=(0, None)))

    def value_and_gradient(self, z: Floats, data: Data) -> tuple[float, Floats]:
        """Potential and its gradient at z, in NumPy's types."""
        value, slope = self.gradient(jnp.asarray(z), data)
        return float(value), np.asarray(slope)

    def kernel(self, settings: NutsSettings, start: Floats, told: Told) -> Kernel:
        """NUTS in standardised coordinates, compiled the first time that these settings are asked for."""
        key = (settings.max_tree_depth, settings.warmup)
        if key not in self.kernels:
            potential = _with_gradient(self._standardised)
            self.kernels[key] = compile_nuts(potential, self.standardised_gradient, settings, start, told)
        return self.kernels[key]

    def standardised_gradient(self, y: Array, told: Told) -> tuple[Array, Array]:
        """Potential of standardised coordinates and its gradient, by the compiled gradient of z."""
        return self._pulled_back(y, told, *self.gradient(self._place(y, told), told.data))

    def _coordinates(self, data: Data) -> Coordinates:
        c = self.template
        problem = c.problem._replace(
            loss=data.loss,  # type: ignore[arg-type]
            log_se=data.log_se,  # type: ignore[arg-type]
            repeats=data.repeats,
            rows=_with_sizes(c.problem.rows, data.sizes),
            effect_rows=_with_sizes(c.problem.effect_rows, data.effect_sizes),
        )
        told = iter(data.priors)
        sites = tuple(s if s.baked else replace(s, told=rebuild(s.specs[0], next(told))) for s in c.model.sites)
        model = c.model._replace(sites=sites)
        return replace(c, model=model, problem=problem, told_modes=data.modes or None, told_rough=data.rough)

    def _standardised(self, y: Array, told: Told) -> tuple[Array, Array]:
        """:meth:`standardised_gradient`, to be traced."""
        return self._pull_back(y, told, *self.gradient(self._to_z(y, told)[0], told.data))

    def _pull_back(self, y: Array, told: Told, value: Array, slope: Array) -> tuple[Array, Array]:
        (_, log_det), back = jax.vjp(lambda y: self._to_z(y, told), y)
        return value - log_det, back((slope, -jnp.ones_like(log_det)))[0]

    def _families(self, y: Array, told: Told) -> Families:
        return self._coordinates(told.data).to_families(self._to_z(y, told)[0])[0]

    def _to_z(self, y: Array, told: Told) -> tuple[Array, Array]:
        return to_z(y, told.whitening, *self.follows)


def _with_gradient(gradient: Gradient) -> Potential:
    """A potential whose derivative is what ``gradient`` says: what is compiled in it is not traced again."""

    @jax.custom_vjp
    def potential(y: Array, told: Told) -> Array:
        return gradient(y, told)[0]

    potential.defvjp(gradient, lambda slope, change: (change * slope, None))
    return potential


@lru_cache(maxsize=KEPT)
def program(shape: Shape) -> Program:
    """The program of a shape; one that was made for an equal shape is used again."""
    return Program(shape)


def data_of(c: Coordinates) -> Data:
    """What a program is told of a problem and its priors."""
    priors = tuple(numbers(site.specs) for site in c.model.sites if not site.baked)
    sizes, effect_sizes = (
        tuple(jnp.asarray(getattr(rows, name)) for name in TOLD_OF_ROWS)
        for rows in (c.problem.rows, c.problem.effect_rows)
    )
    modes = tuple(map(jnp.asarray, c.drift_modes)) if c.model.discrepancy else ()
    rough = jax.tree.map(jnp.asarray, c.rough) if c.pooled else None
    loss, log_se, repeats = jax.tree.map(jnp.asarray, (c.problem.loss, c.problem.log_se, c.problem.repeats))
    return Data(loss, log_se, repeats, sizes, effect_sizes, modes, rough, priors)


def told(data: Data, whitening: Whitening) -> Told:
    """Data and whitening as a program's argument."""
    return Told(data, whitening.numbers)


def _site_key(site: Site) -> tuple[Any, ...]:
    plain = tuple(getattr(site, f.name) for f in fields(site) if f.name not in ("specs", "source", "told"))
    return (*plain, site.specs[0].shape_key(), site.specs if site.baked else None)


def _with_sizes(rows: RowArrays, sizes: Iterable[Any]) -> RowArrays:
    return rows._replace(**dict(zip(TOLD_OF_ROWS, sizes, strict=True)))


def _pattern(rows: RowArrays) -> Any:
    """Rows without the numbers that are told, whose shapes stay."""
    return _frozen(_with_sizes(rows, [getattr(rows, name).shape for name in TOLD_OF_ROWS]))


def _counts(problem: Problem) -> tuple[int, ...]:
    """How many rows there are, and runs of each at most where they are settings."""
    return problem.loss.shape if problem.repeats is None else problem.repeats.loss.shape


def _codes(names: tuple[str, ...]) -> tuple[int, ...]:
    """Names as numbers in the order of their first appearance."""
    first = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return tuple(first[name] for name in names)


def _frozen(value: Any) -> Any:
    """A hashable copy, equal where every array is equal."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return tuple(map(_frozen, value)) if isinstance(value, tuple) else value
