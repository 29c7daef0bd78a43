"""What ``import_runs`` is told, checked before a file is opened."""

import math
import os
from collections.abc import Mapping
from numbers import Number
from pathlib import Path

from bayes_scaling.arguments import shown
from bayes_scaling.errors import RunsError
from bayes_scaling.runs.schema import COLUMNS

REQUIRED = tuple(column.name for column in COLUMNS if column.required)


def check_arguments(
    source: object,
    kind: object,
    texts: Mapping[str, object],
    columns: object,
    unfinished: object,
    given: Mapping[str, object],
) -> None:
    """Raise a RunsError where an argument is not of its kind; what it says is looked at by who reads it."""
    _check_source(source)
    for name, value in {"kind": kind, **texts}.items():
        if not isinstance(value, str) and (name in ("kind", "at") or value is not None):
            raise RunsError(f"{name}={_named(value)}: give a text{_EXAMPLES[name]}")
    if columns is not None and not _is_text_to_text(columns):
        raise RunsError(
            f"columns={_named(columns)}: give a mapping of a column to the tool's name of it, such as "
            "{'finetune_size': 'train_examples'}"
        )
    if not isinstance(unfinished, bool):
        raise RunsError(f"unfinished={_named(unfinished)}: give True or False")
    for name, value in given.items():
        _check_given(name, value)


_EXAMPLES = {
    "kind": ", such as 'trainer'",
    "loss": ", the tool's name of the loss, such as 'eval_loss', or leave it out",
    "at": ", 'last' or 'best'",
    "names": ", a pattern such as '{method}-n{finetune_size}', or leave it out",
}


def _check_source(source: object) -> None:
    rule = "give the path of a file as text, or a pattern such as 'runs/{method}/trainer_state.json'"
    text = os.fspath(source) if isinstance(source, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise RunsError(f"source={_named(source)}: {rule}")
    try:
        Path(text).exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise RunsError(f"source={shown(text)} cannot be looked for: {error.strerror}; {rule}") from error


def _is_text_to_text(columns: object) -> bool:
    if not isinstance(columns, Mapping):
        return False
    return all(isinstance(name, str) and isinstance(own, str) for name, own in columns.items())


def _check_given(name: str, value: object) -> None:
    """What all runs share is one text or one number, and a needed column has a value."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | Number)):
        raise RunsError(f"{name}={_named(value)}: give the one text or number that all runs share")
    if name in REQUIRED and (value is None or (isinstance(value, float) and math.isnan(value))):
        raise RunsError(f"{name}={_named(value)}: this column is needed; give its value, or leave {name}= out")


def _named(value: object) -> str:
    """What is short as it is written, or its type."""
    return shown(value) if isinstance(value, str | bytes | Number | list | dict | None) else type(value).__name__
