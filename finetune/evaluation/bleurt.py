"""BLEURT (Sellam et al. 2020): a learned score of a text against its reference.

The checkpoint is one of the ports to transformers: a BERT with one regression output (saved as
``BertForSequenceClassification`` or another sequence classifier with one label), as safetensors, in a folder.
Google's own TensorFlow checkpoints need that conversion first.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from bayes_scaling.finetune.errors import StudyError

LENGTH = 512


def bleurt(written: Sequence[str], references: Sequence[str], checkpoint: str, *, batch_size: int = 16) -> float:
    """Mean BLEURT of texts against their references, about 0 to 1.

    Raises
    ------
    StudyError
        If the checkpoint is not there or is not a BLEURT in the format of transformers.
    """
    tokenizer, model = _load(Path(checkpoint))
    scores: list[float] = []
    for at in range(0, len(written), batch_size):
        inputs = tokenizer(
            list(references[at : at + batch_size]),
            list(written[at : at + batch_size]),
            padding=True,
            truncation="longest_first",
            max_length=min(LENGTH, model.config.max_position_embeddings),
            return_tensors="pt",
        )
        with torch.no_grad():
            scores += model(**inputs).logits[:, 0].tolist()
    return float(np.mean(scores))


def _load(folder: Path) -> tuple[Any, Any]:
    if not (folder / "config.json").is_file():
        raise StudyError(
            f"bleurt_checkpoint {str(folder)!r} is no checkpoint of transformers (no config.json); give a folder "
            "with a port of BLEURT such as BLEURT-20 saved with save_pretrained(), or take 'bleurt' out of 'metrics'"
        )
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            str(folder), use_safetensors=True, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:
        raise StudyError(f"bleurt_checkpoint {str(folder)!r} does not load: {type(error).__name__}: {error}") from error
    if model.config.num_labels != 1:
        raise StudyError(
            f"bleurt_checkpoint {str(folder)!r} has {model.config.num_labels} outputs; BLEURT is a regression with one"
        )
    return tokenizer, model.eval()
