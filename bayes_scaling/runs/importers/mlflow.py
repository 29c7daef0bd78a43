"""MLflow: a file store (``mlruns``, one of its experiments or one of its runs), or ``search_runs().to_csv(...)``.

A parameter is known by its name, a tag as ``tags.NAME``. Runs that were deleted are left alone.
"""

import re
from pathlib import Path

import pandas as pd

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.importers.files import read_text
from bayes_scaling.runs.importers.recorded import ToolRun
from bayes_scaling.runs.messages import listing
from bayes_scaling.runs.readers import read_table

LOSS = "eval_loss"
STATES = {"1": "running", "2": "scheduled", "4": "failed", "5": "killed"}
"""MLflow's ``RunStatus`` in a file store, but for 3, finished."""

FINISHED = ("3", "FINISHED")
NAME = "tags.mlflow.runName"


def read(path: Path) -> list[ToolRun]:
    """Read a file store, or a CSV file of ``search_runs``.

    Raises
    ------
    RunsError
        There are no runs in the folder, or the CSV file is another kind of table.
    """
    return _store(path) if path.is_dir() else _table(path)


def _store(folder: Path) -> list[ToolRun]:
    found = [(meta.parent, _meta(meta)) for meta in sorted(folder.rglob("meta.yaml"))]
    runs = [_run(place, meta) for place, meta in found if {"run_id", "source_type"} <= set(meta) and _kept(meta)]
    if not runs:
        raise RunsError(
            f"folder {str(folder)!r} has no runs of MLflow: a file store has a meta.yaml a run; name the folder "
            "mlruns, or write mlflow.search_runs().to_csv('runs.csv', index=False) and import that"
        )
    return runs


def _kept(meta: dict[str, str]) -> bool:
    return meta.get("lifecycle_stage", "active") == "active"


def _meta(path: Path) -> dict[str, str]:
    """The scalars of a ``meta.yaml``, which has one ``key: value`` a line."""
    return dict(re.findall(r"^(\w+): *'?(.*?)'?$", read_text(path), flags=re.MULTILINE))


def _run(folder: Path, meta: dict[str, str]) -> ToolRun:
    facts = _texts(folder / "params") | {f"tags.{name}": text for name, text in _texts(folder / "tags").items()}
    metrics = {name: _history(text) for name, text in _texts(folder / "metrics").items()}
    state = meta.get("status", "")
    name = str(facts.get(NAME) or meta.get("run_name") or meta["run_id"])
    return ToolRun(name, {}, facts, metrics, "" if state in FINISHED else STATES.get(state, state or "unknown"))


def _texts(folder: Path) -> dict[str, object]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): read_text(path) for path in files}


def _history(text: object) -> list[float]:
    """Values by step: a line of a metric's file is ``timestamp value step``."""
    lines = [line.split() for line in str(text).splitlines() if line.strip()]
    return [float(line[1]) for line in sorted(lines, key=lambda line: (int(line[2]), int(line[0])))]


def _table(path: Path) -> list[ToolRun]:
    frame = read_table(path)
    if not {"run_id", "status"} <= set(frame.columns):
        raise RunsError(
            f"file {str(path)!r} is no table of mlflow.search_runs: it has the columns {listing(frame.columns[:8])}; "
            "write mlflow.search_runs().to_csv('runs.csv', index=False), or name the folder mlruns"
        )
    return [
        _row({str(name): value for name, value in row.items() if not pd.isna(value)}) for _, row in frame.iterrows()
    ]


def _row(cells: dict[str, object]) -> ToolRun:
    facts = {name.removeprefix("params."): value for name, value in cells.items() if not name.startswith("metrics.")}
    metrics = {
        name.removeprefix("metrics."): [float(str(value))]
        for name, value in cells.items()
        if name.startswith("metrics.")
    }
    state = str(cells["status"])
    name = str(cells.get(NAME, cells["run_id"]))
    return ToolRun(name, {}, facts, metrics, "" if state in FINISHED else state.lower(), has_history=False)
