"""Losses over a fixed set of documents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bayes_scaling.finetune.batches import IGNORED, collate, token_nll
from bayes_scaling.finetune.tasks import Encoded


@dataclass(frozen=True)
class DocumentLosses:
    """Summed losses of documents.

    Attributes
    ----------
    nll : array (documents,)
        Negative log likelihood of each target, nats.
    tokens, bytes : array (documents,)
        Its tokens, and its bytes in UTF-8.
    """

    nll: np.ndarray
    tokens: np.ndarray
    bytes: np.ndarray

    @property
    def loss(self) -> float:
        """Nats per target token, over all tokens of all documents."""
        return float(self.nll.sum() / self.tokens.sum())

    @property
    def standard_error(self) -> float:
        """Standard error of ``loss`` over documents: that of a ratio of two sums (Cochran 1977, eq. 6.13)."""
        count = len(self.nll)
        if count < 2:
            return math.nan
        residual = self.nll - self.loss * self.tokens
        return float(np.sqrt(count / (count - 1) * np.sum(residual**2)) / self.tokens.sum())

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of target text, which compares across tokenizers."""
        return float(self.nll.sum() / math.log(2) / self.bytes.sum())


def document_losses(
    model: Any, examples: Sequence[Encoded], pad: int, *, batch_size: int, trimmed: bool
) -> DocumentLosses:
    """The losses of a model on encoded examples, in their order.

    Parameters
    ----------
    model
        A causal LM, in any mode; it comes back in the mode it had.
    examples
        Encoded examples.
    pad
        Id of the padding token.
    batch_size
        Examples in one batch; batches hold like lengths.
    trimmed
        Whether the model takes ``logits_to_keep``.
    """
    device = next(model.parameters()).device
    order = sorted(range(len(examples)), key=lambda at: len(examples[at].input_ids))
    nll = np.zeros(len(examples))
    training = model.training
    model.eval()
    with torch.no_grad():
        for at in range(0, len(order), batch_size):
            chosen = order[at : at + batch_size]
            nll[chosen] = _batch_nll(model, [examples[index] for index in chosen], pad, device, trimmed)
    model.train(training)
    tokens = np.array([len(example.input_ids) - example.target_start for example in examples], dtype=float)
    return DocumentLosses(nll, tokens, np.array([example.target_bytes for example in examples], dtype=float))


def _batch_nll(model: Any, examples: list[Encoded], pad: int, device: torch.device, trimmed: bool) -> np.ndarray:
    batch = collate(examples, pad, trimmed=trimmed)
    labels = batch.pop("labels").to(device)
    inputs = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    assert bool((labels[:, 0] == IGNORED).all()), "nothing predicts a first token"
    return np.asarray(token_nll(model(**inputs).logits, labels).sum(dim=1).double().cpu().numpy())
