"""What is done between the steps of a run: keep the best weights, stop early, notice divergence, report."""

import math
import time
from typing import Any

import torch
from transformers import TrainerCallback

from bayes_scaling.finetune.progress import Progress, Report

REPORT_EVERY = 1.0
"""Seconds between reports."""


class BestByDev(TrainerCallback):
    """Keeps the trained weights of the lowest dev loss in memory and stops a run whose dev loss rises or is not finite.

    Attributes
    ----------
    history
        One record per look.
    best_step, best_loss
        The step of the lowest dev loss (0 before the first look) and that loss.
    diverged
        Whether a loss was NaN or infinite.
    stopped
        Whether patience ended the run.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.history: list[dict[str, float]] = []
        self.best_step, self.best_loss = 0, math.inf
        self.diverged = self.stopped = False
        self._without_gain = 0
        self._kept: list[torch.Tensor] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Record the training loss."""
        if not logs or "loss" not in logs:
            return
        self._look({"step": state.global_step, "train_loss": logs["loss"]}, logs.get("learning_rate"))
        self._watch(float(logs["loss"]), control)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float], model: Any = None, **_: Any
    ) -> None:
        """Record the dev loss, keep the weights if it is the best, count patience if not."""
        loss = metrics["eval_loss"]
        self._look({"step": state.global_step, "dev_loss": loss}, None)
        self._watch(loss, control)
        if loss < self.best_loss:
            self.best_step, self.best_loss, self._without_gain = state.global_step, loss, 0
            self._kept = [parameter.detach().clone() for parameter in _trained(model)]
            return
        self._without_gain += 1
        if self.patience and self._without_gain >= self.patience:
            self.stopped = control.should_training_stop = True

    def restore(self, model: Any) -> None:
        """Put the best weights back."""
        with torch.no_grad():
            for parameter, kept in zip(_trained(model), self._kept, strict=True):
                parameter.copy_(kept)

    def _look(self, record: dict[str, float], rate: float | None) -> None:
        values = record if rate is None else record | {"learning_rate": rate}
        self.history.append({key: value for key, value in values.items() if math.isfinite(value)})

    def _watch(self, loss: float, control: Any) -> None:
        if not math.isfinite(loss):
            self.diverged = control.should_training_stop = True


class Reporting(TrainerCallback):
    """Says how far a run is, at most once a second."""

    def __init__(self, report: Report, best: BestByDev) -> None:
        self.report, self.best = report, best
        self._last = -math.inf

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report the step."""
        now = time.monotonic()
        if now - self._last >= REPORT_EVERY:
            self._last = now
            dev = self.best.best_loss if math.isfinite(self.best.best_loss) else None
            self.report(Progress(state.global_step, state.max_steps, dev))


def _trained(model: Any) -> list[torch.Tensor]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
