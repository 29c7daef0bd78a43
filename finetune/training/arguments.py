"""A run's settings as arguments of the Trainer of transformers."""

import math
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from bayes_scaling.finetune.config import RateGrid, Training
from bayes_scaling.finetune.runs import RunConfig
from bayes_scaling.finetune.steps import looks_every, steps_of


def in_bf16(training: Training) -> bool:
    """Whether arithmetic is in bfloat16."""
    gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return training.precision == "bf16" or (training.precision == "auto" and gpu)


def trainer_arguments(config: RunConfig, folder: Path) -> TrainingArguments:
    """Every argument of the Trainer for a run that writes its logs to ``folder``."""
    training = config.training
    assert not isinstance(training.learning_rate, RateGrid), "a run's learning rate is a number"
    steps, _ = steps_of(training, config.finetune_size)
    every = looks_every(training, steps)
    return TrainingArguments(
        output_dir=str(folder),
        run_name=config.label,
        max_steps=steps,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=math.ceil(training.warmup * steps),
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        per_device_train_batch_size=training.batch_size // config.processes,
        gradient_accumulation_steps=training.gradient_accumulation,
        bf16=in_bf16(training),
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=every,
        logging_steps=every,
        logging_nan_inf_filter=False,
        save_strategy="no",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=True,
        report_to=list(training.report_to) or "none",
        seed=config.seed,
        data_seed=config.seed,
        **_sharded(training),
    )


def _sharded(training: Training) -> dict[str, Any]:
    return {} if training.fsdp is None else {"fsdp": True, "fsdp_config": dict(training.fsdp)}
