"""A model being pretrained: one step of the optimiser, the validation loss, and its state on disk (safetensors)."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bayes_scaling.finetune.pretrain.files import write_file
from bayes_scaling.finetune.pretrain.ladder import Ladder
from bayes_scaling.finetune.pretrain.models import token_losses
from bayes_scaling.finetune.pretrain.windows import Windows, in_order

BETAS = (0.9, 0.95)
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class Learner:
    """Weights, optimiser and how far they are.

    Attributes
    ----------
    model, optimizer
        The AdamW of ``model``'s parameters; matrices decay, norms and biases do not.
    step
        Steps done.
    numbers
        What is carried along with the state: ``seconds`` of training, and losses seen on the way.
    """

    model: Any
    optimizer: torch.optim.AdamW
    step: int = 0
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device


def new_learner(ladder: Ladder, model: Any) -> Learner:
    """A learner at step 0."""
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": ladder.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return Learner(model, torch.optim.AdamW([group for group in groups if group["params"]], lr=0.0, betas=BETAS))


def take_step(learner: Learner, ladder: Ladder, windows: Windows, rate: float) -> torch.Tensor:
    """Train on the windows of the learner's step at a learning rate; the loss before it, nats per token."""
    for group in learner.optimizer.param_groups:
        group["lr"] = rate
    block = torch.from_numpy(windows.batch(learner.step, ladder.batch.sequences)).to(learner.device)
    with arithmetic(ladder, learner.device):
        loss = token_losses(learner.model, block)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learner.model.parameters(), ladder.max_grad_norm)
    learner.optimizer.step()
    learner.optimizer.zero_grad()
    learner.step += 1
    return loss.detach()


@torch.no_grad()
def validation_loss(learner: Learner, ladder: Ladder, ids: Any) -> float:
    """Mean loss over the held-out windows, nats per token."""
    total, count = 0.0, 0
    for block in in_order(ids, ladder.batch.length, ladder.batch.sequences, ladder.corpus.validation_tokens):
        with arithmetic(ladder, learner.device):
            loss = token_losses(learner.model, torch.from_numpy(block).to(learner.device))
        total += float(loss) * len(block)
        count += len(block)
    return total / count


def arithmetic(ladder: Ladder, device: torch.device) -> AbstractContextManager[Any]:
    """bf16 where it is asked for, or on a GPU that has it; weights stay in float32."""
    wanted = ladder.precision == "bf16"
    if ladder.precision == "auto":
        wanted = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()


def save_state(learner: Learner, file: Path, identity: str) -> None:
    """Write weights, moments and step; the file appears whole or not at all."""
    tensors = {f"weight.{name}": p.detach() for name, p in learner.model.named_parameters()}
    for name, parameter in learner.model.named_parameters():
        tensors |= {f"{moment}.{name}": learner.optimizer.state[parameter][moment] for moment in MOMENTS}
    facts = {"identity": identity, "step": str(learner.step), "numbers": json.dumps(learner.numbers)}
    write_file(file, lambda part: save_file({key: value.contiguous() for key, value in tensors.items()}, part, facts))


def load_state(learner: Learner, file: Path, identity: str, most_steps: int) -> bool:
    """Take over a saved state of the same identity that is at most so many steps far; whether there was one."""
    if not file.is_file():
        return False
    try:
        with safe_open(file, framework="pt", device=str(learner.device)) as saved:
            facts = saved.metadata() or {}
            if facts.get("identity") != identity or int(facts["step"]) > most_steps:
                return False
            _take_over(learner, saved, int(facts["step"]))
    except SafetensorError:
        return False  # not written by us: what it held is trained again
    learner.numbers = json.loads(facts["numbers"])
    return True


@torch.no_grad()
def _take_over(learner: Learner, saved: Any, step: int) -> None:
    for name, parameter in learner.model.named_parameters():
        parameter.copy_(saved.get_tensor(f"weight.{name}"))
        moments = {moment: saved.get_tensor(f"{moment}.{name}") for moment in MOMENTS}
        learner.optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}
    learner.step = step
