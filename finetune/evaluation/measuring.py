"""What is measured of a model: its losses on the test set, on other tasks and on plain text."""

import math
from typing import Any

from bayes_scaling.finetune.evaluation.losses import DocumentLosses, document_losses
from bayes_scaling.finetune.inputs import Inputs
from bayes_scaling.finetune.runs import RunConfig
from bayes_scaling.finetune.tasks import Encoded

_of_bases: dict[tuple[str, ...], dict[str, float]] = {}
"""Measures of bases before finetuning, which every run of a process on one base shares."""


def losses_of(model: Any, examples: list[Encoded], inputs: Inputs, config: RunConfig, trimmed: bool) -> DocumentLosses:
    """Losses of a model on encoded examples."""
    return document_losses(
        model, examples, inputs.tokenizer.pad_token_id, batch_size=config.training.eval_batch_size, trimmed=trimmed
    )


def base_measures(model: Any, inputs: Inputs, config: RunConfig, trimmed: bool) -> dict[str, float]:
    """Losses of the base before finetuning: on the test set, on other tasks (zero-shot) and on plain text."""
    others = tuple(fingerprint for _, fingerprint in config.zero_shot)
    key = (config.base_fingerprint, config.task_fingerprint, str(config.forgetting_fingerprint), *others)
    key += (str(config.training.precision), str(config.training.quantize), config.task.template)
    if key not in _of_bases:
        found = {"base_loss": losses_of(model, inputs.test, inputs, config, trimmed).loss}
        found |= elsewhere(model, inputs, config, trimmed, zero_shot="zero_shot_base_loss", language="lm_loss_before")
        _of_bases[key] = found
    return _of_bases[key]


def finetuned_measures(model: Any, inputs: Inputs, config: RunConfig, trimmed: bool) -> dict[str, float]:
    """Losses of a finetuned model: on the test set with its standard error, on other tasks and on plain text."""
    test = losses_of(model, inputs.test, inputs, config, trimmed)
    found = {
        "loss": test.loss,
        "loss_se": test.standard_error,
        "perplexity": math.exp(min(test.loss, 700.0)),
        "bits_per_byte": test.bits_per_byte,
        "test_tokens": float(test.tokens.sum()),
    }
    return found | elsewhere(model, inputs, config, trimmed, zero_shot="zero_shot_loss", language="lm_loss_after")


def elsewhere(
    model: Any, inputs: Inputs, config: RunConfig, trimmed: bool, *, zero_shot: str, language: str
) -> dict[str, float]:
    """Losses on what a run does not train on: other tasks, and plain text where the study names one."""
    found = {
        f"{zero_shot}_{name}": losses_of(model, examples, inputs, config, trimmed).loss
        for name, examples in inputs.others.items()
    }
    if inputs.text:
        found[language] = losses_of(model, inputs.text, inputs, config, trimmed).loss
    return found
