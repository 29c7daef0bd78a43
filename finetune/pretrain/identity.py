"""What decides the weights of a base, and whether a folder holds the base that is wanted."""

import hashlib
import json
from pathlib import Path
from typing import Any

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain.ladder import Ladder
from bayes_scaling.finetune.pretrain.sizes import Size

RECORD = "pretraining.json"
FORMAT = 1
"""Raised when the same settings would give other weights."""


def settings_of(ladder: Ladder, size: Size, corpus_sha256: str) -> dict[str, Any]:
    """Every setting that decides the trunk of a size; the number of tokens then decides the base."""
    return {
        "architecture": ladder.architecture,
        **size.model_dump(include={"hidden_size", "layers", "heads", "intermediate_size"}),
        "tie_embeddings": ladder.tie_embeddings,
        "positions": ladder.positions,
        "vocabulary": ladder.vocabulary,
        "corpus_sha256": corpus_sha256,
        "batch": ladder.batch.model_dump(),
        "learning_rate": ladder.rate(size),
        "warmup": ladder.warmup,
        "decay": ladder.decay,
        "weight_decay": ladder.weight_decay,
        "max_grad_norm": ladder.max_grad_norm,
        "precision": ladder.precision,
        "seed": ladder.seed,
        "format": FORMAT,
    }


def identity_of(settings: dict[str, Any]) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def is_done(folder: Path, settings: dict[str, Any]) -> bool:
    """Whether a folder holds the base that these settings give.

    Raises
    ------
    StudyError
        If it holds something else.
    """
    if not folder.exists():
        return False
    found = _settings_in(folder)
    if found == settings:
        return True
    differing = [key for key in settings if found and found.get(key) != settings[key]]
    told = ", ".join(f"{key} {found.get(key)!r:.40} there, {settings[key]!r:.40} here" for key in differing[:3])
    raise StudyError(
        f"{str(folder)!r} holds another base ({told or 'it has no settings'}); "
        "choose another 'output', or remove that folder"
    )


def _settings_in(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return dict(record["settings"])
    except (OSError, KeyError, TypeError, ValueError):
        return {}
