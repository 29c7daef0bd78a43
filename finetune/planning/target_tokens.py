"""How many target tokens an example has, from a sample of a task's training examples."""

from bayes_scaling.finetune.planning.preparing import Prepared
from bayes_scaling.finetune.runs import RunConfig

SAMPLE = 256


class TokenCounter:
    """Mean target tokens of an example, counted once per task and base.

    Parameters
    ----------
    prepared
        The study, checked.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._known: dict[tuple[str, str], float] = {}

    def a_target(self, run: RunConfig) -> float:
        """Mean target tokens of an example of a run's task, in tokens of its base."""
        key = (run.task.name, run.base.name)
        if key not in self._known:
            self._known[key] = self._counted(run)
        return self._known[key]

    def _counted(self, run: RunConfig) -> float:
        from bayes_scaling.finetune.bases import load_tokenizer
        from bayes_scaling.finetune.tasks import encode, subset

        train = self._prepared.data[run.task.name].train
        sample = subset(train, min(SAMPLE, len(train)), seed=0)
        encoded = encode(sample, load_tokenizer(run.base, self._prepared.study.folder), run.task)
        return sum(len(one.input_ids) - one.target_start for one in encoded) / len(encoded)
