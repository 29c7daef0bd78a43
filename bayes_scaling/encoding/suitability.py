"""Whether runs and a law suit one another: factors it does not have, D_f = 0, a ceiling below the losses."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd

from bayes_scaling.arguments import is_number, shown
from bayes_scaling.errors import ModelError, RunsError
from bayes_scaling.models.laws import LAWS, Law
from bayes_scaling.runs import varied_factors
from bayes_scaling.runs.messages import rows_error
from bayes_scaling.text import format_number

Ceiling = float | Mapping[str, float] | None
ABOVE = 1.1  # how far above the ceiling runs at chance may lie
READERS = ", ".join(f"law={name!r}" for name, law in LAWS.items() if law.reads_zero)


def check_law(runs: pd.DataFrame, law: Law) -> None:
    """Raise where the law lacks a factor that varies, or is infinite at a run's D_f = 0, or a cell has no other D_f.

    Raises
    ------
    ModelError, RunsError
    """
    zero = (runs["finetune_size"] == 0).to_numpy()
    if zero.any() and not law.reads_zero:
        raise _infinite_at_zero(runs, zero, law)
    for (task, method), cell in runs.groupby(["task", "method"], sort=False):
        varied = varied_factors(cell)
        if law.of_data_only and varied:
            raise ModelError(
                f"law={law.name!r} is a law of D_f alone, but {varied[0]!r} takes {cell[varied[0]].nunique()} values "
                f"in task {task!r}, method {method!r}: use law='multiplicative', which scales it too, or fit the runs "
                f"of one {varied[0]} at a time"
            )
        if not (cell["finetune_size"] > 0).any():
            raise _only_zero_shot(cell)


def _infinite_at_zero(runs: pd.DataFrame, zero: np.ndarray, law: Law) -> RunsError:
    return rows_error(
        runs,
        zero,
        "finetune_size",
        "zero-shot (zero)",
        f"the {law.name} law is infinite at D_f = 0",
        f"fit {READERS}, whose loss is finite there, or drop these rows: runs[runs['finetune_size'] > 0]",
    )


def _only_zero_shot(cell: pd.DataFrame) -> RunsError:
    return rows_error(
        cell,
        np.ones(len(cell), bool),
        "finetune_size",
        "zero-shot (zero), and the only ones of their task and method",
        "a law of D_f needs runs with D_f above zero in every (task, method)",
        "add finetuning runs, or drop these rows",
    )


def log_ceilings(runs: pd.DataFrame, ceiling: Ceiling) -> dict[str, float]:
    """Log of the ceiling of each task of the runs that has one.

    A mapping may name tasks that these runs, a part of a table perhaps, do not have.

    Raises
    ------
    ModelError
        If it names none of their tasks, or every loss of a task is far above it.
    """
    check_ceiling(ceiling)
    if ceiling is None:
        return {}
    lowest = runs.groupby("task", sort=False)["loss"].min()
    given = ceiling if isinstance(ceiling, Mapping) else dict.fromkeys(lowest.index, ceiling)
    found = {str(task): float(given[task]) for task in lowest.index if task in given}
    if not found:
        tasks = ", ".join(map(repr, lowest.index))
        raise ModelError(
            f"ceiling={ceiling!r}: the runs have no task {next(iter(given))!r}; their tasks are {tasks}. Name one of "
            "them, with inf where it has no ceiling"
        )
    for task, value in found.items():
        if lowest[task] > ABOVE * value:
            raise ModelError(
                f"ceiling={ceiling!r}: the lowest loss of task {task!r} is {format_number(lowest[task])}, far above "
                "it; the ceiling is the loss of knowing nothing, such as .5 for the error of a fair coin"
            )
    return {task: float(np.log(value)) for task, value in found.items() if np.isfinite(value)}


def check_ceiling(ceiling: object) -> None:
    """Raise a ModelError for a ceiling that is none."""
    values = list(ceiling.values()) if isinstance(ceiling, Mapping) else [ceiling]
    named = not isinstance(ceiling, Mapping) or (ceiling and all(isinstance(task, str) for task in ceiling))
    numbers = all((is_number(v) and v > 0) or (isinstance(v, Real) and v == np.inf) for v in values)
    if ceiling is not None and not (named and numbers):
        raise ModelError(
            f"ceiling={shown(ceiling)}: give a positive number that no expected loss exceeds, such as 0.5, or one for "
            "each task, such as {'mrpc': 0.32}"
        )
