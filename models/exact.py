"""Weighted independent points from the posterior of one cell, by importance sampling of :mod:`.curve`'s density.

Without base effects and drift a cell has a handful of parameters, few enough to cover the posterior with a mixture.
The density takes its data as arguments, so that one compiled program serves every cell of one design.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from bayes_scaling.models import importance, smc
from bayes_scaling.models.coordinates import Families
from bayes_scaling.models.curve import CurveData, Shape, curve_data, log_density, reference, suits, to_families
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.precision import in_float64

MOST_PARAMETERS = 8
AHEAD = 4  # cells that a core may be ahead of who takes their points


class Cell(NamedTuple):
    """One cell to sample: its model, its runs and a seed of its own."""

    model: JointModel
    problem: Problem
    seed: int


class WeightedFamilies(NamedTuple):
    """Every family at n points (n, length), the log density there and its log over the proposal's (n,)."""

    families: dict[str, Floats]
    log_target: Floats
    log_weight: Floats


def suits_exact(model: JointModel, problem: Problem) -> bool:
    """Whether one cell with few parameters, no base effects and no drift is asked for."""
    free = sum(len(site.index) for site in model.sites if not site.fixed)
    return model.is_plain and free <= MOST_PARAMETERS and suits(model, problem)


def weigh(cells: Iterable[Cell], points: int) -> Iterator[WeightedFamilies]:
    """Weighted points of each cell in turn; cells of one design share a compiled program, and cores share the cells."""
    workers, compiled, running = os.cpu_count() or 1, set[tuple[Shape, int]](), deque[Future[WeightedFamilies]]()
    with ThreadPoolExecutor(workers) as pool:
        for cell in cells:
            told = _tell(cell)
            running.append(pool.submit(_run, told, points))
            if told.design not in compiled:  # one thread compiles each design
                running[-1].result()
                compiled.add(told.design)
            if len(running) > AHEAD * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


class _Told(NamedTuple):
    """What makes a program, shape and padded rows, and what it is told."""

    design: tuple[Shape, int]
    arguments: tuple[Array, smc.Reference, CurveData]


@in_float64
def _tell(cell: Cell) -> _Told:
    shape = Shape(cell.model, cell.problem)
    data = curve_data(cell.model, cell.problem)
    return _Told((shape, data.loss.size), (jax.random.key(cell.seed), reference(shape.template), data))


@in_float64  # the setting is a thread's own
def _run(told: _Told, points: int) -> WeightedFamilies:
    families, found = _program(told.design[0], points)(*told.arguments)
    arrays = {name: np.asarray(value) for name, value in families.items()}
    return WeightedFamilies(arrays, np.asarray(found.log_target), np.asarray(found.log_weight))


@lru_cache(maxsize=32)
def _program(shape: Shape, points: int) -> Any:
    def run(key: Array, start: smc.Reference, data: CurveData) -> tuple[Families, importance.Weighted]:
        found = importance.sample(partial(log_density, shape.template), key, start, data, points)
        return jax.vmap(lambda z: to_families(shape.template, z, data)[0])(found.z), found

    return jax.jit(run)
