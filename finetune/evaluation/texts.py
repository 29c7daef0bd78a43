"""Scores of the texts that a finetuned model writes for the first test examples."""

from collections.abc import Sequence
from typing import Any

from bayes_scaling.finetune.evaluation.bleurt import bleurt
from bayes_scaling.finetune.evaluation.generation import generate
from bayes_scaling.finetune.evaluation.scores import SCORES
from bayes_scaling.finetune.runs import RunConfig
from bayes_scaling.finetune.tasks import Encoded


def text_scores(
    model: Any, tokenizer: Any, test: Sequence[Encoded], references: Sequence[str], config: RunConfig
) -> dict[str, float]:
    """The metrics of a run that read generated texts, by name; nothing is generated where there are none.

    Raises
    ------
    StudyError
        If the BLEURT checkpoint does not load.
    MissingExtraError
        If a metric's library is not installed.
    """
    wanted = [metric for metric in config.metrics if metric != "loss"]
    if not wanted:
        return {}
    count = config.generation.examples
    written = generate(
        model,
        tokenizer,
        test[:count],
        max_new_tokens=config.generation.max_new_tokens,
        batch_size=config.training.eval_batch_size,
    )
    return {metric: _score(metric, written, references[:count], config) for metric in wanted}


def _score(metric: str, written: Sequence[str], references: Sequence[str], config: RunConfig) -> float:
    if metric == "bleurt":
        return bleurt(written, references, str(config.bleurt_checkpoint))
    return SCORES[metric](written, references)
