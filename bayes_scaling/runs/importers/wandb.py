"""CSV files of Weights & Biases: its table of runs, a chart's curves, or one run's history.

- The table of runs, exported from a project's page: one row a run, its configuration and its last metrics as columns.
- A chart, exported from its menu: a column ``RUN - METRIC`` a run, with ``__MIN`` and ``__MAX`` beside it.
- ``run.history().to_csv(...)``: one row a step, with ``_step``; the run is named by its file.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.importers.recorded import ToolRun
from bayes_scaling.runs.messages import listing
from bayes_scaling.runs.readers import read_table

LOSS = "eval/loss"
ABOUT = ("State", "Notes", "User", "Tags", "Created", "Runtime", "Sweep")
SEPARATOR = " - "
SPREAD = ("__MIN", "__MAX")


def read(path: Path) -> list[ToolRun]:
    """Read one CSV file that W&B exported.

    Raises
    ------
    RunsError
        The file cannot be read, or none of the three kinds is recognised.
    """
    frame = read_table(path)
    names = [str(name) for name in frame.columns]
    if {"Name", "State"} <= set(names):
        return [_row(row) for _, row in frame.iterrows()]
    if "_step" in names:
        return [ToolRun(path.stem, {}, {}, {str(name): _history(frame[name]) for name in frame.columns})]
    if any(SEPARATOR in name for name in names):
        return _chart(frame)
    raise RunsError(
        f"file {str(path)!r} is no CSV of Weights & Biases: it has the columns {listing(names[:8])}; export the table "
        "of runs with its columns Name and State, a chart, or run.history() with its _step"
    )


def _row(row: "pd.Series[Any]") -> ToolRun:
    facts = {str(name): value for name, value in row.items() if not pd.isna(value)}
    metrics = {name: [number] for name in facts if pd.notna(number := pd.to_numeric(facts[name], errors="coerce"))}
    state = str(facts.get("State", ""))
    return ToolRun(str(facts.get("Name")), {}, facts, metrics, "" if state == "finished" else state, has_history=False)


def _chart(frame: pd.DataFrame) -> list[ToolRun]:
    runs: dict[str, dict[str, list[float]]] = {}
    for column in map(str, frame.columns):
        run, separator, metric = column.rpartition(SEPARATOR)
        if separator and not metric.endswith(SPREAD):
            runs.setdefault(run, {})[metric] = _history(frame[column])
    return [ToolRun(run, {}, {}, metrics) for run, metrics in runs.items()]


def _history(column: "pd.Series[Any]") -> list[float]:
    return [float(value) for value in pd.to_numeric(column, errors="coerce").dropna()]
