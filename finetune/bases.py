"""Base LLMs: what is known of one before a run, and loading it. Safetensors or GGUF only, no remote code."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from bayes_scaling.finetune.config import Base
from bayes_scaling.finetune.errors import StudyError

PRETRAINING = "pretraining.json"
WEIGHTS = ("*.safetensors", "*.gguf")
TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
POSITIONS = ("wpe", "embed_positions", "position_embeddings", "position_embedding")
"""Names of learned position embeddings, which are embeddings too."""


@dataclass(frozen=True)
class BaseFacts:
    """What a runs table says of a base.

    Attributes
    ----------
    fingerprint
        SHA-256 of its weights, configuration and tokenizer (of id and commit for one on a hub).
    model_size
        N, its parameters without token and position embeddings and without an output layer.
    pretrain_size
        P, tokens it was pretrained on; None where nobody says.
    """

    fingerprint: str
    model_size: float
    pretrain_size: float | None


def base_facts(base: Base, folder: Path) -> BaseFacts:
    """Look at a base without loading its weights.

    Parameters
    ----------
    base
        From a study.
    folder
        The folder that its path starts from.

    Raises
    ------
    StudyError
        If it is not there, or lacks a configuration, weights in a safe format, or a tokenizer.
    """
    place = folder / base.path if base.path is not None else None
    if place is not None:
        _check_folder(base, place)
    config = base_config(base, folder)
    load_tokenizer(base, folder)
    fingerprint = _hash_folder(place) if place is not None else _hash_hub(base, config)
    model_size = base.model_size or float(_counted(base, config))
    return BaseFacts(fingerprint, model_size, base.pretrain_size or _pretrained_on(place))


def load_tokenizer(base: Base, folder: Path) -> Any:
    """The tokenizer of a base, with a padding token.

    Raises
    ------
    StudyError
        If it has none that loads.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(_place(base, folder), **_options(base))
    except Exception as error:  # transformers raises whatever its backend raises
        raise _unusable(base, "tokenizer", error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def load_model(base: Base, folder: Path, *, quantize: str | None = None) -> Any:
    """The causal LM of a base in float32, or in 4 bits with bf16 arithmetic for ``quantize="nf4"``.

    Raises
    ------
    StudyError
        If it does not load, or 4 bits are asked for without a GPU.
    """
    disable_progress_bar()  # else one of the weights, in every worker
    options: dict[str, Any] = {"dtype": torch.float32}
    if quantize:
        options = {"quantization_config": _four_bits(base), "device_map": {"": torch.cuda.current_device()}}
    if base.gguf_file is None:
        options["use_safetensors"] = True
    try:
        return AutoModelForCausalLM.from_pretrained(_place(base, folder), **options, **_options(base))
    except Exception as error:
        raise _unusable(base, "model", error) from error


def non_embedding_parameters(model: Any) -> int:
    """N: parameters without token embeddings, learned positions and the output layer (Zhang et al. 2024, section 3)."""
    embeddings = {id(parameter) for parameter in _embedding_parameters(model)}
    return sum(parameter.numel() for parameter in model.parameters() if id(parameter) not in embeddings)


def _embedding_parameters(model: Any) -> list[Any]:
    modules = [model.get_input_embeddings(), model.get_output_embeddings()]
    modules += [module for name, module in model.named_modules() if name.rsplit(".", 1)[-1] in POSITIONS]
    return [parameter for module in modules if module is not None for parameter in module.parameters()]


@lru_cache(maxsize=256)
def _counted_from(text: str, model_type: str) -> int:
    config = AutoConfig.for_model(**{"model_type": model_type} | json.loads(text))
    with torch.device("meta"):
        return non_embedding_parameters(AutoModelForCausalLM.from_config(config))


def _counted(base: Base, config: Any) -> int:
    try:
        return _counted_from(config.to_json_string(use_diff=False), config.model_type)
    except ValueError as error:  # what AutoModelForCausalLM says to an architecture that it does not have
        raise StudyError(
            f"base {base.name!r} is no causal LM: transformers has none of type {config.model_type!r}; name a base "
            "that writes text, such as a Llama, GPT-NeoX or Qwen"
        ) from error


def _place(base: Base, folder: Path) -> str:
    return str(folder / base.path) if base.path is not None else str(base.hub)


def _options(base: Base) -> dict[str, Any]:
    given = {"revision": base.revision, "gguf_file": base.gguf_file}
    return {"trust_remote_code": False} | {key: value for key, value in given.items() if value is not None}


def base_config(base: Base, folder: Path) -> Any:
    """The configuration of a base's architecture.

    Raises
    ------
    StudyError
        If it does not load.
    """
    try:
        return AutoConfig.from_pretrained(_place(base, folder), **_options(base))
    except Exception as error:
        raise _unusable(base, "configuration", error) from error


def _four_bits(base: Base) -> Any:
    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available():
        raise StudyError(
            f"base {base.name!r}: quantize 'nf4' (QLoRA) needs a GPU, this machine has none; remove 'quantize'"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def _check_folder(base: Base, place: Path) -> None:
    if not place.is_dir():
        raise StudyError(f"base {base.name!r}: there is no folder {str(place)!r}; 'path' starts from the study file")
    if not any(found for pattern in WEIGHTS for found in place.glob(pattern)):
        raise StudyError(
            f"base {base.name!r}: {str(place)!r} has no weights in safetensors or GGUF; pickled weights are not read, "
            "save the model with save_pretrained()"
        )
    if base.gguf_file is None and not any((place / name).is_file() for name in TOKENIZER):
        raise StudyError(
            f"base {base.name!r}: {str(place)!r} has no tokenizer (one of {', '.join(TOKENIZER)}); save the model's "
            "tokenizer beside it with save_pretrained()"
        )


def _hash_folder(place: Path) -> str:
    kept = [*WEIGHTS, "config.json", *TOKENIZER]
    files = sorted({file for pattern in kept for file in place.glob(pattern)})
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name}:{_hash_file(str(file), file.stat().st_mtime_ns, file.stat().st_size)}\n".encode())
    return whole.hexdigest()


@lru_cache(maxsize=1024)
def _hash_file(file: str, changed: int, size: int) -> str:
    """The time of change and size are in the key so that a changed file is read again."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _hash_hub(base: Base, config: Any) -> str:
    commit = getattr(config, "_commit_hash", None) or base.revision or "main"
    return hashlib.sha256(f"{base.hub}@{commit}:{base.gguf_file}".encode()).hexdigest()


def _pretrained_on(place: Path | None) -> float | None:
    file = place / PRETRAINING if place is not None else None
    if file is None or not file.is_file():
        return None
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["pretrain_size"])
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(
            f"{str(file)!r} does not say 'pretrain_size' (tokens): {error}; write it there or in the study file"
        ) from error


def _unusable(base: Base, part: str, error: Exception) -> StudyError:
    where = base.path or f"{base.hub} at {base.revision or 'its main revision'} (is the hub within reach?)"
    reason = " ".join(str(error).split())[:300]
    return StudyError(f"base {base.name!r}: its {part} does not load from {where}: {type(error).__name__}: {reason}")
