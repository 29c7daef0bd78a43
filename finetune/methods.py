"""Finetuning methods: which parameters of a base are trained. Everything but full-model tuning goes through peft."""

import warnings
from typing import Any

import peft
import torch

from bayes_scaling.finetune.config import Method, Training
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.runs import RunConfig

TASK_TYPE = "CAUSAL_LM"


def check_method(method: Method) -> None:
    """Raise a StudyError if the peft library does not know a method, or refuses its config."""
    if method.kind != "full":
        peft_config(method, method.sizes[0] if method.sizes else None)


def peft_config(method: Method, size: int | None) -> peft.PeftConfig:
    """The config of a method in the peft library.

    LoRA adapts every linear layer of attention and feed-forward blocks, with ``lora_alpha`` twice the rank, so
    that its scale does not depend on the rank; prompts start from tokens sampled from the vocabulary.

    Parameters
    ----------
    method
        Any but ``full``.
    size
        T: LoRA rank, prompt length, or what ``size_key`` says.

    Raises
    ------
    StudyError
        If the peft library does not know the method or refuses its config.
    """
    kind, settings = _settings(method, size)
    try:
        return peft.get_peft_config({"peft_type": kind, "task_type": TASK_TYPE} | settings | method.config)
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join(sorted(str(getattr(name, "value", name)) for name in peft.PEFT_TYPE_TO_CONFIG_MAPPING))
        raise StudyError(
            f"method {method.name!r}: the peft library refuses peft_type {kind!r} with {settings | method.config}: "
            f"{type(error).__name__}: {error}; peft_type is one of {known}"
        ) from error


def _settings(method: Method, size: int | None) -> tuple[str, dict[str, Any]]:
    if method.kind == "lora":
        return "LORA", {"r": size, "lora_alpha": 2 * (size or 1), "target_modules": "all-linear"}
    if method.kind == "prompt":
        return "PROMPT_TUNING", {"num_virtual_tokens": size, "prompt_tuning_init": "SAMPLE_VOCAB"}
    return str(method.peft_type).upper(), {method.size_key: size} if method.size_key else {}


def prepared(model: Any, method: Method, size: int | None, training: Training) -> Any:
    """A base with the parameters of a method trainable and no others.

    Raises
    ------
    StudyError
        If the peft library cannot adapt this model.
    """
    if training.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if method.kind == "full":
        return model.requires_grad_(True)
    if training.quantize:
        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    try:
        with warnings.catch_warnings():  # peft 0.21 asks for what transformers 5.23 has renamed
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
            return peft.get_peft_model(model, peft_config(method, size))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise StudyError(
            f"method {method.name!r} does not fit the base's architecture: {type(error).__name__}: {error}; give its "
            "'config' what it asks for (such as target_modules)"
        ) from error


def trainable_parameters(config: RunConfig) -> int:
    """How many parameters a run trains, from the base's configuration alone."""
    from pathlib import Path

    from transformers import AutoModelForCausalLM

    from bayes_scaling.finetune.bases import base_config

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(base_config(config.base, Path()))
        return counted(
            prepared(model, config.method, config.pet_size, config.training.model_copy(update={"quantize": None}))
        )


def counted(model: Any) -> int:
    """How many parameters of a model are trained."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
