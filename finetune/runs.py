"""One run: its full configuration, whose hash is its identity, and its result.

A :class:`RunConfig` holds everything that decides the numbers a run gives: the base and the texts by their
fingerprints (not by their paths, which may move), the method, D_f, the seed and every training setting. Two
runs with one id give one loss on one machine.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import PositiveInt

from bayes_scaling.finetune.config.parts import Base, Generation, Method, Part, Task, Training

Purpose = Literal["measure", "tune"]
"""A run either measures a loss for the table or tries a learning rate."""

FORMAT = 1
"""Raised when the same configuration would give other numbers: it is part of every run's id."""

PLACES = {"base": ("path",), "task": ("train", "dev", "test")}
"""Where things lie: not part of a run's identity, their fingerprints are."""


class RunConfig(Part):
    """The full configuration of one run.

    Attributes
    ----------
    study
        Name of the study.
    purpose
        ``measure`` (a row of the runs table) or ``tune`` (tries one learning rate; dev loss only).
    base, task
        What is finetuned on what; paths are absolute here.
    base_fingerprint, task_fingerprint, forgetting_fingerprint
        SHA-256 of the base's weights and tokenizer, of the task's prepared texts, and of the text for forgetting.
    model_size, pretrain_size
        N and P of the base; P is None where it is not known.
    method, pet_size
        The finetuning method and its T (None where it has none).
    finetune_size, seed
        D_f and the seed of subset, initial weights and order.
    training
        Settings, with a number as the learning rate.
    learning_rate_at_edge
        Whether a tuned learning rate is the smallest or largest one tried; None if it was not tuned.
    metrics, bleurt_checkpoint, generation
        What is measured beside the loss.
    zero_shot
        Other tasks whose test loss is recorded, with their fingerprints.
    forgetting
        Absolute path of the text for the language-modelling loss.
    processes, threads
        Processes of the run and CPU threads of each; part of the identity, since they change the last bits.
    """

    study: str
    purpose: Purpose
    base: Base
    base_fingerprint: str
    model_size: float
    pretrain_size: float | None
    task: Task
    task_fingerprint: str
    method: Method
    pet_size: PositiveInt | None
    finetune_size: PositiveInt
    seed: int
    training: Training
    learning_rate_at_edge: bool | None = None
    metrics: tuple[str, ...] = ("loss",)
    bleurt_checkpoint: str | None = None
    generation: Generation = Generation()
    zero_shot: tuple[tuple[Task, str], ...] = ()
    forgetting: str | None = None
    forgetting_fingerprint: str | None = None
    processes: PositiveInt = 1
    threads: PositiveInt = 1

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of everything that decides this run's numbers."""
        return hashlib.sha256(canonical(self._identity()).encode()).hexdigest()[:16]

    def _identity(self) -> dict[str, Any]:
        content = self.model_dump(mode="json")
        for part, keys in PLACES.items():
            for key in keys:
                content[part].pop(key, None)
        for task, _ in content["zero_shot"]:
            for key in PLACES["task"]:
                task.pop(key, None)
        for key in ("study", "forgetting", "learning_rate_at_edge", "bleurt_checkpoint"):
            content.pop(key)
        content["method"].pop("training")  # merged into ``training`` already
        content["method"].pop("sizes")
        content["training"].pop("report_to")
        return content | {"format": FORMAT}

    @property
    def label(self) -> str:
        """A short name for people: task, base, method with its size, D_f, seed."""
        size = f" {self.pet_size}" if self.pet_size else ""
        rate = f", lr {self.training.learning_rate:g}" if self.purpose == "tune" else ""
        what = f"{self.task.name}, {self.base.name}, {self.method.name}{size}"
        return f"{what}, D_f {self.finetune_size:,}, seed {self.seed}{rate}"


def canonical(content: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes
    ----------
    status
        ``done``, or ``diverged`` where a loss became NaN or infinite.
    measures
        Numbers by name, all finite: ``loss`` (test loss, nats per target token), ``loss_se`` (standard error over
        documents), ``dev_loss``, ``perplexity``, ``bits_per_byte``, ``base_loss`` (before finetuning), ``steps``,
        ``best_step``, ``hit_step_cap`` (0 or 1), ``trainable_parameters``, ``total_parameters``, ``tokens`` (target
        tokens trained on), ``batch_halvings`` (where memory made it halve its batch),
        ``rouge_l``, ``chrf``, ``bleurt``, ``zero_shot_loss_<task>``,
        ``zero_shot_base_loss_<task>``, ``lm_loss_before``, ``lm_loss_after``. A diverged run has those it reached.
    history
        One record per look: ``step``, ``dev_loss`` or ``train_loss``, ``learning_rate``.
    trainer_config
        The Trainer's arguments and the PET's config, in full, as JSON would hold them.
    peak_memory
        Bytes: of the GPU where there is one, else the process's resident peak.
    """

    status: Literal["done", "diverged"]
    measures: dict[str, float]
    history: list[dict[str, float]] = field(default_factory=list)
    trainer_config: dict[str, Any] = field(default_factory=dict)
    peak_memory: int = 0
