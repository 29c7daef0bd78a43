"""The language-modelling loss on plain text: what finetuning forgets."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.tasks import Encoded

WINDOW = 128
"""Tokens of one window; every token but a window's first is predicted."""

WINDOWS = 200
"""Windows at most."""


def read_text(path: str) -> str:
    """A text file, or the column ``text`` of a .jsonl file; either may be gzipped.

    Raises
    ------
    StudyError
        If it is not there, is empty, or has no such column.
    """
    file = Path(path)
    if not file.is_file():
        raise StudyError(
            f"forgetting: there is no file {path!r}; name a .txt or .jsonl file, from the study file's folder"
        )
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8") as lines:
        try:
            text = "\n".join(json.loads(line)["text"] if ".jsonl" in file.name else line.rstrip("\n") for line in lines)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise StudyError(
                f"forgetting: {path!r} is not text, or its lines have no 'text': {type(error).__name__}: {error}"
            ) from error
    if not text.strip():
        raise StudyError(f"forgetting: {path!r} is empty; give a text that the bases were pretrained for")
    return text


def text_fingerprint(path: str) -> str:
    """SHA-256 of the text of a file."""
    return hashlib.sha256(read_text(path).encode()).hexdigest()


def windows(path: str, tokenizer: Any) -> list[Encoded]:
    """A file's text as windows of tokens, the first ``WINDOWS`` of them."""
    text = read_text(path)[: WINDOWS * WINDOW * 16]
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][: WINDOWS * WINDOW]
    cut = [tuple(ids[at : at + WINDOW]) for at in range(0, len(ids), WINDOW)]
    return [Encoded(piece, 1, len(tokenizer.decode(piece[1:]).encode())) for piece in cut if len(piece) > 1]
