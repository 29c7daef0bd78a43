"""What the page's explorer is told: tasks, methods, base LLMs, measured runs, controls and posterior draws."""

from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.averaging import Average
from bayes_scaling.checks.decision import largest_base
from bayes_scaling.encoding.rows import records
from bayes_scaling.grid import REACH
from bayes_scaling.posterior import Posterior
from bayes_scaling.regions import measured_range
from bayes_scaling.report.carried import Limits, bases_of, carried_laws, parts_of
from bayes_scaling.runs import FACTORS

DATA = "finetune_size"
OF_BASE = ("model_size", "pretrain_size")
OF_METHOD = "pet_size"


def explorer(answers: Posterior | Average) -> dict[str, Any]:
    """Everything that the page's own code reads, as JSON has it.

    Returns
    -------
    dict
        ``tasks``: name, cells (method, measured levels), bases (name, sizes), controls (factor, method, limits, start)
        and runs (cell, base, D_f, loss, PET size); ``laws``: see
        :func:`bayes_scaling.report.carried.carried_laws`.
    """
    first = parts_of(answers)[0]
    tasks = [_task(first, task) for task in dict.fromkeys(first.layout.task)]
    limits = {task["name"]: (task["controls"][0]["low"], task["controls"][0]["high"]) for task in tasks}
    return {"tasks": tasks, "laws": carried_laws(answers, limits)}


def limits_of(posterior: Posterior, task: str, column: str, cells: list[int]) -> Limits:
    """Smallest and largest size that the page offers: a search's reach beyond what was measured."""
    ranges = [measured_range(posterior, c, column) for c in cells]
    return min(low for low, _ in ranges) / REACH, max(high for _, high in ranges) * REACH


def _task(posterior: Posterior, task: str) -> dict[str, Any]:
    layout = posterior.layout
    cells = [c for c, name in enumerate(layout.task) if name == task]
    runs = posterior.runs[posterior.runs["task"] == task]
    bases = bases_of(posterior, task)
    return {
        "name": task,
        "cells": [{"method": layout.method[c], "levels": _levels(posterior, c)} for c in cells],
        "bases": [{"name": base, "sizes": _sizes(runs[runs["base"] == base])} for base in bases],
        "start_base": bases.index(largest_base(runs)),
        "controls": [_control(posterior, task, *which) for which in _controlled(posterior, cells)],
        "runs": _runs(posterior, cells, bases),
    }


def _levels(posterior: Posterior, c: int) -> dict[str, list[float]]:
    """Measured sizes of D_f and of every factor that the cell's runs know."""
    runs = posterior.runs[posterior.problem.rows.cell == c]
    known = [f for f in (DATA, *FACTORS) if f in runs and runs[f].notna().any()]
    return {f: sorted(set(runs.loc[runs[f] > 0, f].astype(float))) for f in known}


def _sizes(runs: pd.DataFrame) -> dict[str, float]:
    known = [f for f in OF_BASE if f in runs and runs[f].notna().any()]
    return {f: float(runs[f].dropna().iloc[0]) for f in known}


def _controlled(posterior: Posterior, cells: list[int]) -> list[tuple[str, list[int]]]:
    """Sizes that can be set, with the cells they are of: D_f, the base LLM's, and each method's own PET size."""
    varied = [(f, [c for c in cells if f in posterior.layout.terms_of_cell[c]]) for f in FACTORS]
    shared = [(f, of) for f, of in varied if of and f != OF_METHOD]
    return [(DATA, cells), *shared, *((f, [c]) for f, of in varied if f == OF_METHOD for c in of)]


def _control(posterior: Posterior, task: str, column: str, cells: list[int]) -> dict[str, Any]:
    low, high = limits_of(posterior, task, column, cells)
    own = posterior.layout.method[cells[0]] if column == OF_METHOD else None
    levels = np.unique(np.concatenate([_levels(posterior, c)[column] for c in cells]))
    start = levels[-1] if column == DATA else levels[levels.size // 2]
    return {"column": column, "method": own, "low": low, "high": high, "start": float(start)}


def _runs(posterior: Posterior, cells: list[int], bases: list[str]) -> list[list[float | None]]:
    """Measured runs: number of the cell and of the base LLM, D_f, loss and PET size."""
    found: list[list[float | None]] = []
    for number, c in enumerate(cells):
        for row in records(posterior.runs[posterior.problem.rows.cell == c]):
            pet = row.get(OF_METHOD)
            sizes = [float(row[DATA]), float(row["loss"]), None if pet is None or pd.isna(pet) else float(pet)]
            found.append([number, bases.index(row["base"]), *sizes])
    return found
