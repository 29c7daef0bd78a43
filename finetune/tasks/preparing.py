"""From rows to examples: the right columns, texts that are texts, empty ones dropped and counted."""

from dataclasses import dataclass, field
from pathlib import Path

from bayes_scaling.finetune.config.parts import Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.tasks.examples import Example
from bayes_scaling.finetune.tasks.hub import read_hub_rows
from bayes_scaling.finetune.tasks.reading import Row, Rows, cell, read_rows, shown

MOST_EMPTY = 0.1
"""The largest share of rows with an empty text that is taken for an accident."""


@dataclass
class Prepared:
    """Examples of one file or split, with its name and what was left out of it."""

    name: str
    examples: list[Example]
    notes: list[str] = field(default_factory=list)


def prepare(task: Task, place: str, folder: Path) -> Prepared:
    """Read and check one file or hub split of a task.

    Raises
    ------
    StudyError
        If it cannot be read, has no examples, lacks a column, has a cell that is not text, or too many empty ones.
    """
    name = f"split {place!r} of {task.hub.id!r}" if task.hub else repr(place)
    found = [_example(task, row, where) for where, row in _rows(task, place, folder)]
    examples = [one for one in found if one is not None]
    empty = len(found) - len(examples)
    if not examples:
        raise StudyError(f"task {task.name!r}: {name} has no examples ({empty} rows with an empty text); give it some")
    if empty > MOST_EMPTY * len(found):
        raise StudyError(
            f"task {task.name!r}: {empty} of {len(found)} rows of {name} have an empty text in "
            f"{' or '.join(map(repr, _columns(task)[:2]))}; name the right columns, or remove these rows"
        )
    return Prepared(name, examples, [f"{name}: {empty} rows with an empty text left out"] if empty else [])


def _rows(task: Task, place: str, folder: Path) -> Rows:
    if task.hub is not None:
        return read_hub_rows(task.hub, place)
    return read_rows(folder / place, _columns(task))


def _columns(task: Task) -> tuple[str, ...]:
    texts = (task.target,) if task.source is None else (task.source, task.target)
    return texts if task.group is None else (*texts, task.group)


def _example(task: Task, row: Row, where: str) -> Example | None:
    source = None if task.source is None else _text(row, task.source, where)
    target = _text(row, task.target, where)
    group = None if task.group is None else _group(row, task.group, where)
    return None if source == "" or target == "" else Example(source, target, group)


def _text(row: Row, column: str, where: str) -> str:
    value = cell(row, column, where)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise StudyError(f"{where}: {column!r} is {shown(value)}, not text; name a column of texts")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise StudyError(f"{where}: {column!r} has half a character ({error.reason}); mend the text") from None
    return value.strip()


def _group(row: Row, column: str, where: str) -> str:
    value = cell(row, column, where)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise StudyError(f"{where}: group {column!r} is {shown(value)}; a group is a name or a whole number")
    return str(value)
