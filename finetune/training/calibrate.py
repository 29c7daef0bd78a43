"""How long an optimiser step takes on this machine."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_utils import IntervalStrategy

from bayes_scaling.finetune.bases import load_model
from bayes_scaling.finetune.inputs import HERE, read_inputs
from bayes_scaling.finetune.one_run import build, takes_logits_to_keep
from bayes_scaling.finetune.runs import RunConfig
from bayes_scaling.finetune.training.arguments import trainer_arguments

WARM_UP = 1
"""Steps before the clock starts."""


def seconds_per_step(config: RunConfig, steps: int = 3) -> float:
    """Seconds of one optimiser step of a run, by making a few of them.

    Parameters
    ----------
    config
        The run; nothing of it is kept.
    steps
        Steps on the clock, after one that is not.

    Raises
    ------
    StudyError
        If the base, the texts or the method do not load.
    """
    torch.set_num_threads(config.threads)
    inputs = read_inputs(config)
    model = load_model(config.base, HERE, quantize=config.training.quantize)
    trimmed = takes_logits_to_keep(model)
    few = config.training.model_copy(
        update={"max_steps": WARM_UP + steps, "min_steps": WARM_UP + steps, "report_to": ()}
    )
    clock = _Clock()
    with TemporaryDirectory() as folder:
        arguments = trainer_arguments(config.model_copy(update={"training": few}), Path(folder))
        arguments.eval_strategy = IntervalStrategy.NO
        trainer, _ = build(model, inputs, config, arguments, report=lambda progress: None, trimmed=trimmed)
        trainer.add_callback(clock)
        trainer.train()
    return (clock.times[-1] - clock.times[WARM_UP - 1]) / (len(clock.times) - WARM_UP)


class _Clock(TrainerCallback):
    """Notes when every step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look at the clock."""
        self.times.append(time.perf_counter())
