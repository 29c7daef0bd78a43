"""Pretraining one size of a ladder: its trunk, and a decay leg for every number of tokens."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import AutoTokenizer

from bayes_scaling.finetune.bases import non_embedding_parameters
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain.files import write_folder, write_json
from bayes_scaling.finetune.pretrain.identity import RECORD, identity_of, settings_of
from bayes_scaling.finetune.pretrain.ladder import Ladder, short_count
from bayes_scaling.finetune.pretrain.learner import (
    Learner,
    load_state,
    new_learner,
    save_state,
    take_step,
    validation_loss,
)
from bayes_scaling.finetune.pretrain.models import new_model
from bayes_scaling.finetune.pretrain.sizes import Size
from bayes_scaling.finetune.pretrain.stages import Stages, leg_rate, trunk_rate
from bayes_scaling.finetune.pretrain.tokens import TOKENIZER, TokenisedCorpus
from bayes_scaling.finetune.pretrain.windows import Windows

LOOK_EVERY = 10
"""Steps between looks at the loss: a look waits for a GPU."""


class Teller(Protocol):
    """Says how far a size is."""

    def steps(self, steps: int, loss: float) -> None:
        """Take note of steps done since the last look and the loss, nats per token; may raise to stop."""

    def skipped(self, steps: int) -> None:
        """Take note of steps that an earlier call did."""


@dataclass
class SizeRun:
    """One size being pretrained.

    Attributes
    ----------
    ladder, size, corpus
        What is trained on what.
    state
        Folder of unfinished states.
    device
        ``cpu`` or ``cuda:0``.
    tell
        Told every few steps.
    """

    ladder: Ladder
    size: Size
    corpus: TokenisedCorpus
    state: Path
    device: str
    tell: Teller
    settings: dict[str, Any] = field(init=False)
    tokenizer: Any = field(init=False)

    def __post_init__(self) -> None:
        self.settings = settings_of(self.ladder, self.size, self.corpus.sha256)
        self.tokenizer = AutoTokenizer.from_pretrained(str(self.corpus.folder / TOKENIZER))

    @property
    def identity(self) -> str:
        """Of everything that decides the trunk."""
        return identity_of(self.settings)

    @property
    def trunk_file(self) -> Path:
        """State of the trunk."""
        return self.state / f"{self.size.name}.trunk.safetensors"

    def leg_file(self, tokens: int) -> Path:
        """State of a leg."""
        return self.state / f"{self.size.name}-{short_count(tokens)}.leg.safetensors"


def pretrain_size(run: SizeRun, wanted: tuple[int, ...]) -> None:
    """Pretrain a size on each number of tokens, the smallest first, going on where an earlier call was killed.

    Raises
    ------
    StudyError
        If the loss becomes NaN or infinite, or a file cannot be written.
    """
    trunk = 0
    for tokens in sorted(wanted):
        stages = run.ladder.stages(tokens)
        learner = _learner_in_leg(run, tokens, stages, trunk)
        trunk = stages.trunk
        rate = partial(leg_rate, peak=run.ladder.rate(run.size), stages=stages)
        _advance(run, learner, stages.steps, rate, run.leg_file(tokens))
        _save_base(run, learner, tokens)
        run.leg_file(tokens).unlink(missing_ok=True)


def _learner_in_leg(run: SizeRun, tokens: int, stages: Stages, trunk: int) -> Learner:
    """A learner inside its leg or at the end of its trunk: resumed where there is a state, trained where not."""
    learner = _fresh(run)
    if load_state(learner, run.leg_file(tokens), run.identity, stages.steps):
        run.tell.skipped(learner.step - trunk)
        return learner
    if load_state(learner, run.trunk_file, run.identity, stages.trunk):
        run.tell.skipped(learner.step - trunk)
    else:
        learner.numbers = {"seconds": 0.0, "validation_loss_before": _validate(run, learner)}
    warmup_steps = run.ladder.warmup / run.ladder.batch.tokens
    rate = partial(trunk_rate, peak=run.ladder.rate(run.size), warmup_steps=warmup_steps)
    _advance(run, learner, stages.trunk, rate, run.trunk_file)
    save_state(learner, run.trunk_file, run.identity)
    learner.numbers["validation_loss_undecayed"] = _validate(run, learner)
    return learner


def _fresh(run: SizeRun) -> Learner:
    tokenizer = run.tokenizer
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    return new_learner(run.ladder, new_model(run.ladder, run.size, special).to(run.device))


def _advance(run: SizeRun, learner: Learner, stop: int, rate: Callable[[int], float], file: Path) -> None:
    """Train until a step; the state goes to a file every few minutes. Saving changes no number."""
    windows = Windows(run.corpus.training(), run.ladder.batch.length, run.ladder.seed)
    started = saved = time.monotonic()
    looked = learner.step
    while learner.step < stop:
        loss = take_step(learner, run.ladder, windows, rate(learner.step))
        if learner.step - looked >= LOOK_EVERY or learner.step == stop:
            run.tell.steps(learner.step - looked, _finite(run, learner, float(loss)))
            looked = learner.step
        if time.monotonic() - saved > 60 * run.ladder.save_minutes and learner.step < stop:
            _finite(run, learner, float(loss))
            learner.numbers["seconds"] += time.monotonic() - started
            save_state(learner, file, run.identity)
            started = saved = time.monotonic()
    learner.numbers["seconds"] += time.monotonic() - started


def _finite(run: SizeRun, learner: Learner, loss: float) -> float:
    if math.isfinite(loss):
        return loss
    raise StudyError(
        f"size {run.size.name!r}: the loss became {loss} by step {learner.step} at peak learning rate "
        f"{run.ladder.rate(run.size):g}; lower its 'learning_rate' or lengthen 'warmup'"
    )


def _validate(run: SizeRun, learner: Learner) -> float:
    return float(validation_loss(learner, run.ladder, run.corpus.validation()))


def _save_base(run: SizeRun, learner: Learner, tokens: int) -> None:
    record = _record(run, learner, tokens)

    def write(folder: Path) -> None:
        learner.model.save_pretrained(str(folder))
        run.tokenizer.save_pretrained(str(folder))
        write_json(folder / RECORD, record)

    write_folder(run.ladder.folder(run.size, tokens), write)


def _record(run: SizeRun, learner: Learner, tokens: int) -> dict[str, Any]:
    """What ``pretraining.json`` says: losses in nats per token, sizes in parameters and tokens."""
    corpus = run.corpus
    trained = learner.step * run.ladder.batch.tokens
    return {
        "name": run.ladder.folder(run.size, tokens).name,
        "model_size": non_embedding_parameters(learner.model),
        "total_parameters": sum(parameter.numel() for parameter in learner.model.parameters()),
        "pretrain_size": trained,
        "epochs": trained / corpus.training_tokens,
        "validation_loss_after": _validate(run, learner),
        **learner.numbers,
        "corpus_sha256": corpus.sha256,
        "corpus": {
            "files": corpus.files,
            "training_documents": corpus.training_documents,
            "training_tokens": corpus.training_tokens,
            "validation_documents": corpus.validation_documents,
            "validation_tokens": corpus.validation_tokens,
            "licence": run.ladder.corpus.licence,
        },
        "seed": run.ladder.seed,
        "settings": run.settings,
        "id": run.identity,
        "device": _device_name(run.device),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "bayes_scaling")},
    }


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else f"cpu, {os.cpu_count()} cores"
