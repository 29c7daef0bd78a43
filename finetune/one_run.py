"""One finetuning run, from its configuration to its result."""

import inspect
import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments, set_seed

from bayes_scaling.finetune.bases import load_model
from bayes_scaling.finetune.evaluation.measuring import base_measures, finetuned_measures
from bayes_scaling.finetune.evaluation.texts import text_scores
from bayes_scaling.finetune.inputs import HERE, Inputs, read_inputs
from bayes_scaling.finetune.methods import peft_config, prepared
from bayes_scaling.finetune.progress import Report
from bayes_scaling.finetune.runs import RunConfig, RunResult
from bayes_scaling.finetune.steps import steps_of
from bayes_scaling.finetune.training import memory
from bayes_scaling.finetune.training.arguments import in_bf16, trainer_arguments
from bayes_scaling.finetune.training.callbacks import BestByDev, Reporting
from bayes_scaling.finetune.training.trainer import FinetuneTrainer

TRACKERS = Path("trackers")
"""Where TensorBoard and other trackers that write files find theirs, under the current folder."""


def execute(config: RunConfig, report: Report) -> RunResult:
    """Finetune once and measure.

    On a CPU one configuration gives one result to the last bit.

    Parameters
    ----------
    config
        The run's full configuration.
    report
        Told of the progress; whatever it raises stops the run.

    Returns
    -------
    RunResult
        With status ``diverged`` where a training or dev loss became NaN or infinite.

    Raises
    ------
    StudyError
        If the base, the texts or the method do not load.
    """
    torch.set_num_threads(config.threads)
    memory.reset_peak()
    inputs = read_inputs(config)
    model = load_model(config.base, HERE, quantize=config.training.quantize)
    trimmed = takes_logits_to_keep(model)
    before = {} if config.training.fsdp else _before(model, inputs, config, trimmed)
    with _folder(config) as folder:
        arguments = trainer_arguments(config, folder)
        trainer, best = build(model, inputs, config, arguments, report=report, trimmed=trimmed)
        trainer.train()
        measures = before | _of_training(trainer, best, inputs, config)
        if not best.diverged:
            measures |= _of_best(trainer, best, inputs, config, trimmed)
    return RunResult(
        status="diverged" if best.diverged or not _finite(measures, "loss") else "done",
        measures={name: value for name, value in measures.items() if math.isfinite(value)},
        history=best.history,
        trainer_config=_full_config(config, arguments),
        peak_memory=memory.peak_bytes(),
    )


def build(
    model: Any,
    inputs: Inputs,
    config: RunConfig,
    arguments: TrainingArguments,
    *,
    report: Report,
    trimmed: bool,
) -> tuple[FinetuneTrainer, BestByDev]:
    """The Trainer of a run, its base prepared for the method with the run's seed, and what watches its dev loss."""
    set_seed(config.seed)
    best = BestByDev(config.training.patience)
    trainer = FinetuneTrainer(
        prepared(model, config.method, config.pet_size, config.training),
        arguments,
        train=inputs.train,
        dev=inputs.dev,
        pad=inputs.tokenizer.pad_token_id,
        trimmed=trimmed,
        best=best,
        eval_batch_size=config.training.eval_batch_size,
    )
    trainer.add_callback(Reporting(report, best))
    return trainer, best


def takes_logits_to_keep(model: Any) -> bool:
    """Whether a model computes the logits of its last positions alone, on request."""
    return "logits_to_keep" in inspect.signature(type(model).forward).parameters


def _before(model: Any, inputs: Inputs, config: RunConfig, trimmed: bool) -> dict[str, float]:
    if torch.cuda.is_available() and not config.training.quantize:
        model.to("cuda")
    with _precision(config):
        return base_measures(model, inputs, config, trimmed)


def _of_training(trainer: FinetuneTrainer, best: BestByDev, inputs: Inputs, config: RunConfig) -> dict[str, float]:
    _, capped = steps_of(config.training, config.finetune_size)
    targets = sum(len(example.input_ids) - example.target_start for example in inputs.train)
    parameters = list(trainer.model.parameters()) if trainer.model is not None else []
    return {
        "dev_loss": best.best_loss,
        "best_step": float(best.best_step),
        "steps": float(trainer.state.global_step),
        "stopped_early": float(best.stopped),
        "hit_step_cap": float(capped and not best.stopped),
        "tokens": float(round(targets * (trainer.state.epoch or 0.0))),
        "trainable_parameters": float(sum(part.numel() for part in parameters if part.requires_grad)),
        "total_parameters": float(sum(part.numel() for part in parameters)),
    }


def _of_best(
    trainer: FinetuneTrainer, best: BestByDev, inputs: Inputs, config: RunConfig, trimmed: bool
) -> dict[str, float]:
    if config.purpose == "tune":
        return {"loss": best.best_loss}
    best.restore(trainer.model)
    with _precision(config):
        found = finetuned_measures(trainer.model_wrapped, inputs, config, trimmed)
        return found | text_scores(trainer.model, inputs.tokenizer, inputs.test, inputs.references, config)


def _finite(measures: dict[str, float], name: str) -> bool:
    return math.isfinite(measures.get(name, math.nan))


@contextmanager
def _precision(config: RunConfig) -> Iterator[None]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.autocast(device, dtype=torch.bfloat16, enabled=in_bf16(config.training)):
        yield


@contextmanager
def _folder(config: RunConfig) -> Iterator[Path]:
    if config.training.report_to:
        yield TRACKERS / config.id
        return
    with tempfile.TemporaryDirectory(prefix="bayes-scaling-run-") as folder:
        yield Path(folder)


def _full_config(config: RunConfig, arguments: TrainingArguments) -> dict[str, Any]:
    trainer = {key: value for key, value in arguments.to_dict().items() if key != "output_dir"}
    adapter = None if config.method.kind == "full" else peft_config(config.method, config.pet_size).to_dict()
    whole: dict[str, Any] = json.loads(json.dumps({"trainer": trainer, "peft": adapter}, default=_plain))
    return whole


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)
