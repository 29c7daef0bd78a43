"""What a run reads: its texts as tokens. Kept between the runs of one process."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bayes_scaling.finetune.bases import load_tokenizer
from bayes_scaling.finetune.config import Base, Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.evaluation.language import windows
from bayes_scaling.finetune.runs import RunConfig
from bayes_scaling.finetune.tasks import Encoded, TaskData, encode, load_task, subset

HERE = Path()
"""Paths in a run's configuration are absolute."""


@dataclass(frozen=True)
class Inputs:
    """The texts of a run, encoded.

    Attributes
    ----------
    tokenizer
        Of the base.
    train
        The D_f examples of the run's seed.
    dev, test
        Fixed sets.
    references
        Target texts of the test set.
    others
        Test sets of other tasks, by name.
    text
        Windows of plain text, for forgetting.
    """

    tokenizer: Any
    train: list[Encoded]
    dev: list[Encoded]
    test: list[Encoded]
    references: list[str]
    others: dict[str, list[Encoded]]
    text: list[Encoded]


def read_inputs(config: RunConfig) -> Inputs:
    """Read what a run needs.

    Raises
    ------
    StudyError
        If texts are not there, or have changed since the run was planned.
    """
    data = _data(config.task, config.task_fingerprint)
    tokenizer = _tokenizer(config.base, config.base_fingerprint)
    key = (config.base, config.base_fingerprint)
    return Inputs(
        tokenizer=tokenizer,
        train=encode(subset(data.train, config.finetune_size, config.seed), tokenizer, config.task),
        dev=_fixed(*key, config.task, config.task_fingerprint, "dev"),
        test=_fixed(*key, config.task, config.task_fingerprint, "test"),
        references=[example.target for example in data.test],
        others={task.name: _fixed(*key, task, fingerprint, "test") for task, fingerprint in config.zero_shot},
        text=_windows(*key, config.forgetting) if config.forgetting else [],
    )


@lru_cache(maxsize=8)
def _data(task: Task, fingerprint: str) -> TaskData:
    data = load_task(task, HERE)
    if data.fingerprint != fingerprint:
        raise StudyError(
            f"task {task.name!r}: its texts have changed since the run was planned (fingerprint "
            f"{data.fingerprint[:12]}, planned with {fingerprint[:12]}); restore the files, or plan the study again"
        )
    return data


@lru_cache(maxsize=4)
def _tokenizer(base: Base, fingerprint: str) -> Any:
    return load_tokenizer(base, HERE)


@lru_cache(maxsize=32)
def _fixed(base: Base, base_fingerprint: str, task: Task, task_fingerprint: str, part: str) -> list[Encoded]:
    data = _data(task, task_fingerprint)
    return encode(getattr(data, part), _tokenizer(base, base_fingerprint), task)


@lru_cache(maxsize=8)
def _windows(base: Base, fingerprint: str, path: str) -> list[Encoded]:
    return windows(path, _tokenizer(base, fingerprint))
