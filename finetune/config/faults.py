"""Faults that pydantic found, in words: each by its place in the study file, with its value."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

SHOWN_FAULTS = 5
MOST_LETTERS = 120
OTHER_CHOICES = {("constrained-float", "float_type"), ("RateGrid", "model_type")}
"""A learning rate is a number or a grid; what is wrong with it as the other one says nothing."""
CHOICES = {name for name, _ in OTHER_CHOICES}


def told(error: ValidationError, within: str = "") -> str:
    """Every fault with its place, the first few of many.

    Parameters
    ----------
    error
        From pydantic.
    within
        Where in the file what was checked stands.
    """
    faults = [_one(fault, within) for fault in _causes(error.errors(include_url=False))]
    more = len(faults) - SHOWN_FAULTS
    return "; ".join(faults[:SHOWN_FAULTS] + ([f"and {more} more"] if more > 0 else []))


def _causes(faults: Sequence[Any]) -> list[Any]:
    """Faults without those that follow from another: a list is too short when its only item is wrong."""
    places = [fault["loc"] for fault in faults]

    def follows(fault: Any) -> bool:
        here = fault["loc"]
        inside = any(len(place) > len(here) and place[: len(here)] == here for place in places)
        return (fault["type"] == "too_short" and inside) or (*here[-1:], fault["type"]) in OTHER_CHOICES

    return [fault for fault in faults if not follows(fault)] or list(faults)


def _one(fault: Any, within: str) -> str:
    parts = [part for part in fault["loc"] if part not in CHOICES]
    place = within + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    place = place.lstrip(".")
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"{place}: unknown key; remove it, or look for a spelling mistake"
    if fault["type"] == "missing":
        return f"{place}: this key is needed"
    return f"{place}: {message}{_value(fault)}" if place else message


def _value(fault: Any) -> str:
    value = fault.get("input")
    if isinstance(value, str) and len(value) > MOST_LETTERS:
        return f", got {value[:MOST_LETTERS]!r}..."
    if isinstance(value, bool | int | str) or (isinstance(value, float) and not math.isnan(value)):
        return f", got {value!r}"
    return ""
