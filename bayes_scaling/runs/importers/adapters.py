"""What a peft configuration says of a run: the method, its size T, the base LLM."""

from collections.abc import Mapping

NAMES = {"PROMPT_TUNING": "prompt"}
"""Methods that a runs table calls otherwise than peft does."""

SIZES = {
    "PROMPT_TUNING": "num_virtual_tokens",
    "PREFIX_TUNING": "num_virtual_tokens",
    "P_TUNING": "num_virtual_tokens",
    "LORA": "r",
    "ADALORA": "init_r",
}
"""Where peft keeps T: prompt length, or LoRA rank (of AdaLoRA the one that it starts from)."""


def adapter(config: Mapping[str, object]) -> dict[str, object]:
    """Return the columns of a runs table that a peft ``adapter_config.json`` answers.

    Examples
    --------
    >>> adapter({"peft_type": "LORA", "r": 8, "base_model_name_or_path": "tiny"})
    {'method': 'lora', 'pet_size': 8, 'base': 'tiny'}
    """
    kind = str(config.get("peft_type") or "").upper()
    found = {
        "method": NAMES.get(kind, kind.lower()) or None,
        "pet_size": config.get(SIZES.get(kind, "r")),
        "base": config.get("base_model_name_or_path"),
    }
    return {column: value for column, value in found.items() if value is not None}
