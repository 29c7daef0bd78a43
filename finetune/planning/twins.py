"""Two names for one thing in a study: its runs would be counted twice, as if they were independent."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from bayes_scaling.finetune.config import Method, Study, Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.runs import PLACES, canonical

if TYPE_CHECKING:
    from bayes_scaling.finetune.bases import BaseFacts
    from bayes_scaling.finetune.tasks import TaskData


def check_bases(facts: Mapping[str, "BaseFacts"]) -> None:
    """Raise a StudyError where two bases have the same weights and tokenizer."""
    _check_different("bases", {name: fact.fingerprint for name, fact in facts.items()}, "the same weights")


def check_tasks(tasks: Mapping[str, Task], data: Mapping[str, "TaskData"]) -> None:
    """Raise a StudyError where two tasks have the same texts and settings."""
    texts = {
        name: canonical([data[name].fingerprint, task.model_dump(mode="json", exclude={"name", *PLACES["task"]})])
        for name, task in tasks.items()
    }
    _check_different("tasks", texts, "the same texts with the same settings")


def check_methods(study: Study) -> None:
    """Raise a StudyError where two methods train the same parameters in the same way, at a size both have."""
    for one, other in combinations(study.methods, 2):
        shared = set(one.sizes) & set(other.sizes) or (not one.sizes and not other.sizes)
        if shared:
            _check_different("methods", {part.name: _what(study, part) for part in (one, other)}, "the same method")


def _what(study: Study, method: Method) -> str:
    content = method.model_dump(mode="json", exclude={"name", "sizes", "training"})
    return canonical([content, study.training_of(method).model_dump(mode="json")])


def _check_different(kind: str, contents: Mapping[str, str], same: str) -> None:
    for (one, content), (other, twin) in combinations(contents.items(), 2):
        if content == twin:
            raise StudyError(
                f"{kind}: {one!r} and {other!r} are {same} under two names, so that two runs would have one "
                "identity and be counted twice; remove one of them"
            )
