"""A task's three sets of examples, read or split off, checked to be disjoint."""

from collections.abc import Iterable
from pathlib import Path

from bayes_scaling.finetune.config.parts import Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.tasks.examples import Example, TaskData, fingerprint_of
from bayes_scaling.finetune.tasks.preparing import Prepared, prepare
from bayes_scaling.finetune.tasks.splitting import split_off, units_of

SHOWN_CHARACTERS = 80


def load_task(task: Task, folder: Path) -> TaskData:
    """Read a task's texts and prepare its train, dev and test examples.

    Sets that are given as files (or hub splits) are taken as they are and must be disjoint. Sets that are not
    given are split off ``train`` by digest (see :mod:`bayes_scaling.finetune.tasks.splitting`), and training
    examples that say the same as a held-out one are removed.

    Parameters
    ----------
    task : Task
        From the study.
    folder : path
        Where relative paths start: the study file's folder.

    Returns
    -------
    TaskData
        All examples in a fixed order; ``dev`` and ``test`` have at most ``dev_examples`` and ``test_examples``.

    Raises
    ------
    StudyError
        If a file cannot be read or breaks a rule, if sets overlap, or if nothing is left for training.
    MissingExtraError
        If ``datasets`` is needed and not installed.
    """
    train = prepare(task, task.train, folder)
    dev = prepare(task, task.dev, folder) if task.dev else None
    test = prepare(task, task.test, folder) if task.test else None
    _check_disjoint(task, train, dev, test)
    notes = [note for part in (train, dev, test) if part for note in part.notes]
    return _split(task, train.examples, dev, test, notes)


def _split(task: Task, rows: list[Example], dev: Prepared | None, test: Prepared | None, notes: list[str]) -> TaskData:
    units = units_of(rows)
    test_rows, units = (test.examples, units) if test else split_off(units, task.test_examples, back=False)
    dev_rows, units = (dev.examples, units) if dev else split_off(units, task.dev_examples, back=True)
    if not units or not dev_rows:
        raise StudyError(
            f"task {task.name!r}: {task.train!r} has {len(rows):,} examples, and splitting {_asked(task)} off "
            "leaves none for training; lower these numbers, or give more text or files for dev and test"
        )
    test_set = _fixed(test_rows, task.test_examples)
    dev_rows = _without(dev_rows, test_rows, "dev examples that say the same as a test one", notes)
    held_out = [*test_rows, *dev_rows]
    rows = [one for unit in units for one in unit]
    rows = _without(rows, held_out, "training examples that say the same as a held-out one", notes)
    train_set, dev_set = _fixed(rows, len(rows)), _fixed(dev_rows, task.dev_examples)
    return TaskData(train_set, dev_set, test_set, fingerprint_of(train_set, dev_set, test_set), tuple(notes))


def _asked(task: Task) -> str:
    parts = [(task.dev, "dev_examples", task.dev_examples), (task.test, "test_examples", task.test_examples)]
    return " and ".join(f"{key} {size:,}" for given, key, size in parts if given is None)


def _fixed(examples: Iterable[Example], size: int) -> tuple[Example, ...]:
    return tuple(sorted(examples, key=lambda one: one.order)[:size])


def _without(rows: Iterable[Example], held_out: Iterable[Example], what: str, notes: list[str]) -> list[Example]:
    known = {one.digest for one in held_out}
    rows = list(rows)
    kept = [one for one in rows if one.digest not in known]
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept):,} {what} were removed")
    return kept


def _check_disjoint(task: Task, train: Prepared, dev: Prepared | None, test: Prepared | None) -> None:
    for first, second in ((train, test), (train, dev), (dev, test)):
        if first is not None and second is not None:
            _check_pair(task, first, second)


def _check_pair(task: Task, first: Prepared, second: Prepared) -> None:
    known = {one.digest for one in first.examples}
    shared = [one for one in second.examples if one.digest in known]
    if shared:
        text = shared[0].target if shared[0].source is None else shared[0].source
        raise StudyError(
            f"task {task.name!r}: {len(shared):,} of {len(second.examples):,} examples of {second.name} are in "
            f"{first.name} too, such as {text[:SHOWN_CHARACTERS]!r}; held-out sets must be disjoint: remove these, "
            "or leave the key out and a set is split off train"
        )
