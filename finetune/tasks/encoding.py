"""Examples as tokens: what the model reads, where the target starts, how many bytes it has.

The prompt (the template with the source in it) starts with whatever the tokenizer itself puts at the start (Llama's
BOS; nothing for GPT-NeoX). Special tokens written in a template are marks, those in a target are its letters. The
target follows, tokenised on its own, and ends with the tokenizer's EOS where it has one, so that a model learns to
stop; a target that was cut has no end to learn. Plain text has no prompt: it starts with the tokenizer's BOS, or its
EOS where it has none (the mark between documents in pretraining), so that every token of it is predicted; a tokenizer
with neither leaves the first token unpredicted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bayes_scaling.finetune.config.parts import Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.tasks.examples import Example


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example in tokens.

    Attributes
    ----------
    input_ids
        Prompt and target.
    target_start
        Place of the first target token, at least 1; the loss is on ``input_ids[target_start:]``, at least one token.
    target_bytes
        UTF-8 bytes of the text that these tokens write (EOS writes none), for bits per byte.
    """

    input_ids: tuple[int, ...]
    target_start: int
    target_bytes: int


def encode(examples: Sequence[Example], tokenizer: Any, task: Task) -> list[Encoded]:
    """Turn examples into tokens.

    Parameters
    ----------
    examples : sequence of Example
    tokenizer : PreTrainedTokenizerBase
    task : Task
        Its template, ``max_source_tokens`` (of the source alone) and ``max_target_tokens`` (with EOS).

    Returns
    -------
    list of Encoded
        One for every example, in order.

    Raises
    ------
    StudyError
        If a text has no token that could be predicted.
    """
    if not examples:
        return []
    prompts = _prompts(examples, tokenizer, task)
    ends = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
    targets = _tokens(tokenizer, [one.target for one in examples])
    return [
        _joined(one, prompt, target, ends, task.max_target_tokens)
        for one, prompt, target in zip(examples, prompts, targets, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Tokens of a text and the end of each in its characters."""

    ids: list[int]
    ends: list[int]


def _joined(one: Example, prompt: list[int], target: _Tokens, ends: list[int], most: int) -> Encoded:
    ids = (target.ids + ends)[:most]
    kept = min(len(ids), len(target.ids))
    last = len(one.target) if kept == len(target.ids) else target.ends[kept - 1]
    start = len(prompt) or 1
    if len(prompt) + len(ids) <= start:
        raise StudyError(
            f"{one.target[:80]!r} has {len(ids)} tokens and nothing before them to predict them from; this tokenizer "
            "has neither BOS nor EOS: leave such short texts out, raise max_target_tokens, or give it one"
        )
    first = 0 if prompt else target.ends[0]
    return Encoded(tuple(prompt + ids), start, len(one.target[first:last].encode()))


def _prompts(examples: Sequence[Example], tokenizer: Any, task: Task) -> list[list[int]]:
    leading = _leading(tokenizer)
    sources = [one.source for one in examples if one.source is not None]
    if len(sources) < len(examples):
        return [leading or _mark(tokenizer)] * len(examples)
    cut = [_cut(text, tokens, task) for text, tokens in zip(sources, _tokens(tokenizer, sources), strict=True)]
    filled = [task.template.replace("{source}", text) for text in cut]
    return [leading + tokens.ids for tokens in _tokens(tokenizer, filled, marks=True)]


def _cut(text: str, tokens: _Tokens, task: Task) -> str:
    most = task.max_source_tokens
    return text if len(tokens.ids) <= most else text[: tokens.ends[most - 1]]


def _mark(tokenizer: Any) -> list[int]:
    marks = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    return next(([int(mark)] for mark in marks if mark is not None), [])


def _leading(tokenizer: Any) -> list[int]:
    """What the tokenizer puts before a text of its own accord."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    starts = (place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
    return list(whole[: next(starts, 0)])


def _tokens(tokenizer: Any, texts: list[str], *, marks: bool = False) -> list[_Tokens]:
    """Tokens of texts; a special token written out in a text is a mark only where ``marks`` says so."""
    options = {"add_special_tokens": False, "return_attention_mask": False, "return_token_type_ids": False}
    options |= {"split_special_tokens": not marks, "verbose": False}
    if not tokenizer.is_fast:
        lists = tokenizer(texts, **options)["input_ids"]
        return [_Tokens(ids, _decoded_ends(tokenizer, ids)) for ids in lists]
    found = tokenizer(texts, return_offsets_mapping=True, **options)
    return [
        _Tokens(ids, [end for _, end in offsets])
        for ids, offsets in zip(found["input_ids"], found["offset_mapping"], strict=True)
    ]


def _decoded_ends(tokenizer: Any, ids: list[int]) -> list[int]:
    return [len(tokenizer.decode(ids[: place + 1], clean_up_tokenization_spaces=False)) for place in range(len(ids))]
