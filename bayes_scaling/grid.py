"""Designs that compare methods: every method at every combination of sizes, on the same base LLM."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.arguments import check_name, is_number, shown
from bayes_scaling.errors import DesignError
from bayes_scaling.quantities import LARGEST, implausible
from bayes_scaling.regions import measured_range, measured_runs

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

Sizes = float | Sequence[float] | None
REACH = 10.0  # default limits of a search: this factor below the smallest and above the largest measured size


def settings_grid(finetune_size: Sizes, sizes: Mapping[str, Sizes]) -> pd.DataFrame:
    """Every combination of the given sizes; factors that are None are left out."""
    given = {"finetune_size": finetune_size, **sizes}
    columns = {name: _values(name, value) for name, value in given.items() if value is not None}
    return pd.DataFrame(list(product(*columns.values())), columns=list(columns))


def one_size(name: str, value: object) -> float:
    """The size asked for.

    Raises
    ------
    DesignError
        If it is no size, or several.
    """
    if np.size(np.asarray(value, dtype=object)) > 1:
        raise DesignError(f"{name}={shown(value)}: give one size, such as 100000")
    return _values(name, value)[0]  # type: ignore[arg-type]


def tasks_of(posterior: "Answers", task: str | None) -> list[str]:
    """The one task asked for, or all of the fit.

    Raises
    ------
    DesignError
        If the fit has no such task.
    """
    check_name("task", task, "the name of a task")
    known = list(dict.fromkeys(posterior.layout.task))
    if task is None:
        return known
    if task not in known:
        raise DesignError(
            f"task={shown(task)} was not fitted; the tasks are {', '.join(map(repr, known))}. An unseen task is "
            "predicted by a fit with JointLaw(pool=('task',))"
        )
    return [task]


def methods_of(posterior: "Answers", task: str) -> list[str]:
    """The methods fitted on a task."""
    return [m for t, m in zip(posterior.layout.task, posterior.layout.method, strict=True) if t == task]


def one_task(posterior: "Answers", task: str | None) -> str:
    """The task asked for, or the only one of the fit.

    Raises
    ------
    DesignError
        If the fit has no such task, or has several and none is named.
    """
    tasks = tasks_of(posterior, task)
    if len(tasks) > 1:
        raise DesignError(f"task=None: the fit has {len(tasks)} tasks; choose one of {', '.join(map(repr, tasks))}")
    return tasks[0]


def search_limits(
    posterior: "Answers", cells: Sequence[tuple[str, str]], column: str, limits: tuple[float, float] | None
) -> tuple[float, float]:
    """Smallest and largest size to search: as given, or :data:`REACH` beyond what was measured in any of the cells.

    Raises
    ------
    DesignError
        If the limits are no range.
    """
    if limits is not None:
        try:
            low, high = (float(limit) for limit in limits)
        except (TypeError, ValueError, OverflowError):
            low, high = np.nan, np.nan
        if not 0 < low < high < np.inf or implausible(column, low) or implausible(column, high):
            name = "D_f" if column == "finetune_size" else column
            raise DesignError(f"limits={shown(limits)}: give the smallest and the largest {name}, such as (1e3, 1e8)")
        return low, high
    ranges = [measured_range(posterior, posterior.layout.cell_index[cell], column) for cell in cells]
    fewest = 1.0 if column == "finetune_size" else 0.0  # no run has less than one example
    return max(min(low for low, _ in ranges) / REACH, fewest), min(max(high for _, high in ranges) * REACH, LARGEST)


def one_method_design(
    posterior: "Answers", settings: pd.DataFrame, task: str, method: str, base: str | None = None
) -> pd.DataFrame:
    """A design that runs one method at every setting; a factor the method does not have is left out of its rows."""
    check_name("base", base, "the name of a base LLM")
    cell = posterior.layout.cell_index[task, method]
    measured = measured_runs(posterior, cell)
    absent = [f for f in settings if f != "finetune_size" and (f not in measured or measured[f].isna().all())]
    design = settings.drop(columns=absent).assign(task=task, method=method)
    return design if base is None else design.assign(base=base)


def _values(name: str, value: Sizes) -> list[float]:
    values = np.atleast_1d(np.asarray(value, dtype=object))
    if values.ndim != 1 or values.size == 0 or not all(is_number(size) and size > 0 for size in values):
        raise DesignError(f"{name}={shown(value)}: sizes are positive numbers, such as 100000")
    for size in values:
        why = implausible(name, float(size))
        if why:
            raise DesignError(f"{name}={shown(value)}: a size is {why}")
    return [float(size) for size in values]
