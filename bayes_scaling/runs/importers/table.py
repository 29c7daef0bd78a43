"""Runs of a tool and what the user adds, as a runs table."""

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.bases import check_bases, name_bases
from bayes_scaling.runs.checks import check_values
from bayes_scaling.runs.convert import convert
from bayes_scaling.runs.importers.naming import in_braces
from bayes_scaling.runs.importers.recorded import ToolRun
from bayes_scaling.runs.messages import closest, listing
from bayes_scaling.runs.schema import COLUMNS, NAMES

_SHOWN = 30


class Added(NamedTuple):
    """What the user says beyond the files.

    Attributes
    ----------
    columns
        Canonical column to the tool's name of it.
    given
        Canonical column to the value that all runs share.
    patterns
        The patterns of paths and of names, whose braces are columns.
    """

    columns: Mapping[str, str]
    given: Mapping[str, object]
    patterns: tuple[str, ...]


def check_added(added: Added) -> None:
    """Raise where a column is unknown, or said in two places."""
    said = [name for pattern in added.patterns for name in dict.fromkeys(in_braces(pattern))]
    for name in (*added.columns, *added.given):
        if name not in NAMES or name == "loss":
            nearest = closest(name, NAMES)
            hint = "say which metric is the loss with loss=" if name == "loss" else f"did you mean {nearest!r}?"
            raise RunsError(f"{name!r} is no column that can be given: {hint} There are {listing(NAMES)}")
    places = [*added.columns, *added.given, *said]
    twice = [name for name in places if places.count(name) > 1]
    if twice:
        raise RunsError(
            f"column {twice[0]!r} is said in two places; say it once: in a pattern, in columns=, or as {twice[0]}=..."
        )


def check_known(runs: list[ToolRun], added: Added) -> None:
    """Raise where ``columns=`` names what no run has, or where a needed column is said nowhere."""
    has = {name for run in runs for name in (*run.facts, *run.metrics)}
    for column, own in added.columns.items():
        if own not in has:
            nearest = closest(own, has)
            raise RunsError(
                f"columns= says that {column!r} is called {own!r}, which no run has"
                + (f"; did you mean {nearest!r}?" if nearest else "")
                + f" There are {_some(has)}"
            )
    said = {*added.columns, *added.given, *(name for run in runs for name in run.known)}
    missing = [column for column in COLUMNS if column.required and column.name not in (*said, "loss")]
    if missing:
        raise _missing(missing[0].name, missing[0].meaning, has)


def table_of(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows in canonical form, with the run's name last; of whole tables' rules, none that needs several runs."""
    frame = pd.DataFrame(rows)
    frame = frame.drop(columns=[name for name in frame if name not in ("task", "method") and frame[name].isna().all()])
    runs = convert(frame)
    check_values(runs)
    runs = name_bases(runs)
    check_bases(runs)
    return runs[[*(name for name in NAMES if name in runs.columns), "run"]]


def row_of(run: ToolRun, added: Added) -> dict[str, object]:
    """Return what is said of one run but for its loss; the user's word goes before the file's."""
    last = {name: values[-1] for name, values in run.metrics.items() if values}
    found = {column: run.facts.get(own, last.get(own)) for column, own in added.columns.items()}
    return {**run.known, **found, **added.given, "run": run.name}


def left_out(reason: str, names: list[str], total: int, todo: str) -> None:
    """Warn of runs that are not in the table."""
    if names:
        warnings.warn(
            f"{len(names)} of {total} runs are left out, {reason}: {listing(names[:3])}{', ...' if names[3:] else ''}; "
            f"{todo}",
            UserWarning,
            stacklevel=4,  # the line that called import_runs
        )


def _missing(column: str, meaning: str, has: set[str]) -> RunsError:
    return RunsError(
        f"column {column!r} is missing ({meaning}): these files do not say it.\n"
        f"If all runs share it: {column}=...\n"
        f"If the files have it under another name: columns={{{column!r}: NAME}}; there are {_some(has)}\n"
        f"If paths or names have it: a pattern, such as 'runs/*-{{{column}}}/trainer_state.json', or "
        f"names='*-{{{column}}}' for runs' names"
    )


def _some(names: set[str]) -> str:
    return listing(sorted(names)[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
