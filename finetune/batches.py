"""Batches of examples of like length: little padding, and no logits where no target is."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Sampler

from bayes_scaling.finetune.tasks import Encoded

IGNORED = -100
"""The label of a position that is not part of the loss."""


def collate(examples: Sequence[Encoded], pad: int, *, trimmed: bool) -> dict[str, Any]:
    """Tensors of a batch, padded on the right.

    Parameters
    ----------
    examples
        At least one.
    pad
        Id of the padding token.
    trimmed
        Whether the model is to give logits from the first target's predecessor on only (``logits_to_keep``).

    Returns
    -------
    dict
        ``input_ids``, ``attention_mask``, ``labels``, each (batch, length); labels are the tokens of the targets and
        ``IGNORED`` elsewhere.
    """
    length = max(len(example.input_ids) for example in examples)
    tokens = torch.full((len(examples), length), pad, dtype=torch.long)
    labels = torch.full((len(examples), length), IGNORED, dtype=torch.long)
    mask = torch.zeros((len(examples), length), dtype=torch.long)
    for row, example in enumerate(examples):
        ids = torch.tensor(example.input_ids, dtype=torch.long)
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
        labels[row, example.target_start : len(ids)] = ids[example.target_start :]
    batch: dict[str, Any] = {"input_ids": tokens, "attention_mask": mask, "labels": labels}
    if trimmed:
        batch["logits_to_keep"] = length - min(example.target_start for example in examples) + 1
    return batch


def token_nll(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Negative log likelihood in nats of every target token, 0 elsewhere.

    Parameters
    ----------
    logits
        (batch, kept, vocabulary): for the last ``kept`` positions. A prompt's virtual tokens stand before them.
    labels
        (batch, length), with ``IGNORED`` where there is no target.

    Returns
    -------
    Tensor
        (batch, kept - 1) or (batch, length - 1), whichever is shorter, in float32.
    """
    kept = min(logits.shape[1], labels.shape[1])
    wanted = labels[:, labels.shape[1] - kept + 1 :]
    given = logits[:, logits.shape[1] - kept : -1].float()
    flat = torch.nn.functional.cross_entropy(
        given.reshape(-1, given.shape[-1]), wanted.reshape(-1), ignore_index=IGNORED, reduction="none"
    )
    return flat.reshape(wanted.shape)


def mean_nll(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """The loss of a batch: summed over target tokens, divided by those of the whole optimiser step.

    So accumulation over small batches gives the gradient of one large batch, in a last, shorter window too.
    """
    total = token_nll(outputs.logits, labels).sum()
    return total / (labels.ne(IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)


class LengthBuckets(Sampler[int]):
    """Orders examples so that each optimiser step sees like lengths, steps come in random order, and epochs differ.

    Examples are shuffled, cut into pools of ``pool`` steps, sorted by length inside a pool; the steps of all pools are
    then shuffled. The step that is not full comes last.

    Parameters
    ----------
    lengths
        Of the examples, in tokens.
    step
        Examples in one optimiser step (batch size times accumulation).
    seed
        Of the order; epoch ``e`` uses ``(seed, e)``.
    pool
        Steps that are sorted together: more means less padding and less random batches.
    """

    def __init__(self, lengths: Sequence[int], step: int, seed: int, pool: int = 16) -> None:
        self.lengths, self.step, self.seed, self.pool = list(lengths), step, seed, pool
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        self.epoch += 1
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        size = self.step * self.pool
        pools = [sorted(order[at : at + size], key=self.lengths.__getitem__) for at in range(0, len(order), size)]
        steps = [pool[at : at + self.step] for pool in pools for at in range(0, len(pool), self.step)]
        full = [step for step in steps if len(step) == self.step]
        rest = [index for step in steps if len(step) < self.step for index in step]
        for number in torch.randperm(len(full), generator=generator).tolist():
            yield from full[number]
        yield from rest
