"""The cross of a study: which task, base, method, sizes and seed make a run.

A study crosses everything with everything; its ``grids`` restrict the cross, and what several of them name is
one run. A learning rate that is to be tuned adds, for every (task, method) in the cross, one point at which
its rates are tried.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple, TypeVar

from bayes_scaling.finetune.config import Grid, Method, RateGrid, Study
from bayes_scaling.finetune.errors import StudyError

T = TypeVar("T")


class Cell(NamedTuple):
    """One point of the cross, by names: the run before its learning rate is known.

    Attributes
    ----------
    task, base, method
        Names in the study.
    pet_size
        LoRA rank, prompt length or another PET size; None for a method without sizes.
    finetune_size
        D_f, examples.
    seed
        Of subset, initial weights and order.
    """

    task: str
    base: str
    method: str
    pet_size: int | None
    finetune_size: int
    seed: int


class Trial(NamedTuple):
    """One learning rate that is tried at one point of the cross."""

    cell: Cell
    learning_rate: float


def cells(study: Study) -> tuple[Cell, ...]:
    """Every run to measure, each once, in the order of the study and its grids.

    Raises
    ------
    StudyError
        If a grid names an empty list, or a base, task or method of the study is in no run at all.
    """
    grids = study.grids or (Grid(),)
    for number, grid in enumerate(grids):
        _check_nothing_empty(f"{study.file.name}: grids[{number}]", grid)
    return tuple(dict.fromkeys(cell for grid in grids for cell in _cross(study, grid)))


def trials(study: Study) -> tuple[Trial, ...]:
    """Every learning rate to try: one grid of rates for each (task, method) of the cross that tunes its own."""
    pairs = dict.fromkeys((cell.task, cell.method) for cell in cells(study))
    return tuple(trial for task, method in pairs for trial in trials_of(study, task, method))


def trials_of(study: Study, task: str, method: str) -> tuple[Trial, ...]:
    """The learning rates to try for one (task, method), rising; none where its rate is a number."""
    rate = study.training_of(study.method(method)).learning_rate
    if not isinstance(rate, RateGrid):
        return ()
    cell = Cell(task, rate.at.base, method, rate.at.pet_size, rate.at.finetune_size, study.seeds[0])
    return tuple(Trial(cell, value) for value in rate.grid)


def unused(study: Study) -> tuple[str, ...]:
    """Names of bases, tasks and methods that no grid takes, as ``base 'x'``."""
    found = [*cells(study), *(trial.cell for trial in trials(study))]
    taken = {kind: {getattr(cell, kind) for cell in found} for kind in ("base", "task", "method")}
    parts = (("base", study.bases), ("task", study.tasks), ("method", study.methods))
    return tuple(f"{kind} {part.name!r}" for kind, some in parts for part in some if part.name not in taken[kind])


def _cross(study: Study, grid: Grid) -> Iterator[Cell]:
    tasks = _taken(grid.tasks, [task.name for task in study.tasks])
    bases = _taken(grid.bases, [base.name for base in study.bases])
    names = _taken(grid.methods, [method.name for method in study.methods])
    finetune_sizes = _taken(grid.finetune_sizes, study.finetune_sizes)
    for task, base, name in product(tasks, bases, names):
        sizes = _pet_sizes(study.method(name), grid)
        for size, finetune_size, seed in product(sizes, finetune_sizes, _taken(grid.seeds, study.seeds)):
            yield Cell(task, base, name, size, finetune_size, seed)


def _taken(some: Sequence[T] | None, everything: Sequence[T]) -> Sequence[T]:
    return everything if some is None else some


def _pet_sizes(method: Method, grid: Grid) -> Sequence[int | None]:
    return grid.sizes.get(method.name, method.sizes) or (None,)


def _check_nothing_empty(where: str, grid: Grid) -> None:
    named = {key: getattr(grid, key) for key in ("bases", "tasks", "methods", "finetune_sizes", "seeds")}
    named |= {f"sizes.{name}": sizes for name, sizes in grid.sizes.items()}
    for key, values in named.items():
        if values is not None and len(values) == 0:
            raise StudyError(f"{where}.{key} is empty: name what to run, or leave the key out to run all of it")
