"""Texts that a model writes for the sources of a task, greedily."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from bayes_scaling.finetune.tasks import Encoded


def generate(
    model: Any, tokenizer: Any, examples: Sequence[Encoded], *, max_new_tokens: int, batch_size: int
) -> list[str]:
    """The text that a model writes after each example's source, in order.

    Parameters
    ----------
    model
        A causal LM, prepared for its method.
    tokenizer
        Its tokenizer.
    examples
        Encoded; only what stands before the target is read.
    max_new_tokens
        Longest text.
    batch_size
        Sources in one batch, of like length.
    """
    order = sorted(range(len(examples)), key=lambda at: examples[at].target_start)
    texts = [""] * len(examples)
    training = model.training
    model.eval()
    for at in range(0, len(order), batch_size):
        chosen = order[at : at + batch_size]
        sources = [examples[index].input_ids[: examples[index].target_start] for index in chosen]
        for index, text in zip(chosen, _written(model, tokenizer, sources, max_new_tokens), strict=True):
            texts[index] = text
    model.train(training)
    return texts


def _written(model: Any, tokenizer: Any, sources: Sequence[Sequence[int]], max_new_tokens: int) -> list[str]:
    device = next(model.parameters()).device
    length = max(len(source) for source in sources)
    ids = torch.full((len(sources), length), tokenizer.pad_token_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, source in enumerate(sources):  # padded on the left: what is written follows the source
        ids[row, length - len(source) :] = torch.tensor(source, dtype=torch.long)
        mask[row, length - len(source) :] = 1
    with torch.no_grad(), warnings.catch_warnings():  # peft places a prompt's tokens itself, and says so every time
        warnings.filterwarnings("ignore", message="Position ids are not supported for parameter efficient tuning")
        written = model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    # a model with a learned prompt returns the new tokens only, any other one the source before them
    starts = length if _repeats(written, ids) else 0
    return [text.strip() for text in tokenizer.batch_decode(written[:, starts:], skip_special_tokens=True)]


def _repeats(written: torch.Tensor, ids: torch.Tensor) -> bool:
    return written.shape[1] >= ids.shape[1] and bool((written[:, : ids.shape[1]].cpu() == ids).all())
