"""Before anything runs: every base and text of a study looked at, every rule checked, one error each.

Nothing is written here, and no weights are loaded. What comes back holds all that the study's runs need to be
spelled out, see :mod:`bayes_scaling.finetune.planning.spelling`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.finetune import installed
from bayes_scaling.finetune.config import Base, Study, Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.planning import twins
from bayes_scaling.finetune.planning.grid import Cell, cells, trials

if TYPE_CHECKING:
    from bayes_scaling.finetune.bases import BaseFacts
    from bayes_scaling.finetune.tasks import TaskData

FORGETTING_SUFFIXES = (".txt", ".jsonl")


@dataclass(frozen=True)
class Prepared:
    """A study whose every part was found and checked.

    Attributes
    ----------
    study
        As it was read.
    bases, tasks
        Those in use, by name, with absolute paths.
    facts
        Fingerprint, N and P of every base in use.
    data
        The prepared texts of every task in use.
    forgetting
        Absolute path and SHA-256 of the text for forgetting, if there is one.
    """

    study: Study
    bases: Mapping[str, Base]
    tasks: Mapping[str, Task]
    facts: Mapping[str, "BaseFacts"]
    data: Mapping[str, "TaskData"]
    forgetting: tuple[str, str] | None = None


def prepare(study: Study) -> Prepared:
    """Look at everything that a study names, and check all of it.

    Parameters
    ----------
    study
        From :func:`bayes_scaling.finetune.load_study`.

    Returns
    -------
    Prepared

    Raises
    ------
    StudyError
        If something is not there or breaks a rule: one message that names it and says what to do.
    MissingExtraError
        If the study needs a library that is not installed.
    """
    from bayes_scaling.finetune.bases import base_facts
    from bayes_scaling.finetune.methods import check_method
    from bayes_scaling.finetune.tasks import load_task

    points = (*cells(study), *(trial.cell for trial in trials(study)))
    installed.check_study(study)
    twins.check_methods(study)
    _check_other_tasks(study)
    forgetting = _forgetting(study)
    for name in dict.fromkeys(cell.method for cell in points):
        check_method(study.method(name))
    tasks = {name: _task(study, name) for name in _tasks_in_use(study, points)}
    data = {name: load_task(task, study.folder) for name, task in tasks.items()}
    for cell in points:
        _check_enough(cell, data[cell.task])
    twins.check_tasks(tasks, data)
    bases = {name: _base(study, name) for name in dict.fromkeys(cell.base for cell in points)}
    facts = {name: base_facts(base, study.folder) for name, base in bases.items()}
    twins.check_bases(facts)
    return Prepared(study, bases, tasks, facts, data, forgetting)


def _tasks_in_use(study: Study, points: tuple[Cell, ...]) -> list[str]:
    """Every task where each is measured on all others, else those of the cross."""
    return list(
        dict.fromkeys([task.name for task in study.tasks] if study.zero_shot else [cell.task for cell in points])
    )


def _task(study: Study, name: str) -> Task:
    task = study.task(name)
    if task.hub is not None:
        return task
    places = {key: getattr(task, key) for key in ("train", "dev", "test")}
    return task.model_copy(update={key: _absolute(study, place) for key, place in places.items() if place is not None})


def _base(study: Study, name: str) -> Base:
    base = study.base(name)
    return base if base.path is None else base.model_copy(update={"path": _absolute(study, base.path)})


def _absolute(study: Study, place: str) -> str:
    return str((study.folder.resolve() / Path(place).expanduser()).resolve())


def _check_enough(cell: Cell, data: "TaskData") -> None:
    if cell.finetune_size > len(data.train):
        raise StudyError(
            f"task {cell.task!r}: D_f {cell.finetune_size:,} is larger than its training data, {len(data.train):,} "
            "examples (without those split off for dev and test); lower 'finetune_sizes' or restrict them by 'grids'"
        )


def _check_other_tasks(study: Study) -> None:
    if study.zero_shot and len(study.tasks) == 1:
        raise StudyError(
            f"zero_shot: true measures every run on the study's other tasks, but {study.tasks[0].name!r} is its only "
            "task; add one, or remove 'zero_shot'"
        )


def _forgetting(study: Study) -> tuple[str, str] | None:
    if study.forgetting is None:
        return None
    file = Path(_absolute(study, study.forgetting))
    if not file.is_file():
        raise StudyError(f"forgetting: there is no file {str(file)!r}; the path starts from the study file")
    if file.suffix not in FORGETTING_SUFFIXES:
        raise StudyError(
            f"forgetting: {file.name!r} is neither .txt nor .jsonl (with a column 'text'); convert it to one of them"
        )
    with file.open("rb") as content:
        return str(file), hashlib.file_digest(content, "sha256").hexdigest()
