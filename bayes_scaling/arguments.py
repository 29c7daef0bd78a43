"""Arguments of the public functions, checked in one place: what is no name, number or seed is told at once.

A message names the argument and shows the value as :func:`shown` writes it.
"""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, TypeGuard

import numpy as np

from bayes_scaling.errors import BayesScalingError, DesignError, ModelError

MOST_LETTERS = 200
LARGEST_SEED = 2**63 - 1


def shown(value: object) -> str:
    """A value as Python writes it: NumPy's numbers as plain ones, what is long cut short.

    Examples
    --------
    >>> shown(np.float64(0.5)), shown((np.int64(1), "a"))
    ('0.5', "(1, 'a')")
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"a {type(value).__name__} of shape {shape}"
    try:
        text = repr(_plain(value))
    except ValueError:  # more digits than Python writes
        text = f"a {type(value).__name__}"
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 3]}..."


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is one finite number; True and False are none, and neither is what no float holds."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        return False
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:
        return False


def is_whole(value: object, least: int, most: int | None = None) -> bool:
    """Whether a value is a whole number within the limits; True and False are none."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        return False
    return least <= int(value) and (most is None or int(value) <= most)


def check_prob(prob: float) -> None:
    """Raise an error for a probability that is none."""
    if not (is_number(prob) and 0 < prob < 1):
        raise BayesScalingError(f"prob={shown(prob)}: must lie between 0 and 1, such as 0.9")


def check_name(argument: str, value: object, what: str) -> None:
    """Raise a DesignError for a name that is no text; None, for none given, passes."""
    if value is not None and not isinstance(value, str):
        raise DesignError(f"{argument}={shown(value)}: give {what} as text, or leave it out")


def check_seed(seed: object) -> None:
    """Raise a ModelError for a seed that no generator takes."""
    check_whole("seed", seed, 0, "such as 0", most=LARGEST_SEED)


def check_whole(argument: str, value: object, least: int, hint: str, most: int | None = None) -> None:
    """Raise a ModelError for what is no whole number within the limits."""
    if not is_whole(value, least, most):
        limit = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ModelError(f"{argument}={shown(value)}: a whole number {limit}, {hint}")


def check_flag(argument: str, value: object, default: bool = False) -> None:
    """Raise a ModelError for what is neither True nor False; with a default, None passes."""
    if not isinstance(value, bool) and not (default and value is None):
        raise ModelError(f"{argument}={shown(value)}: give True or False")


def check_option(argument: str, value: object, options: Iterable[str]) -> None:
    """Raise a ModelError for what is none of some words."""
    if not isinstance(value, str) or value not in options:
        raise ModelError(f"{argument}={shown(value)}: use one of {', '.join(map(repr, options))}")


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value) if type(value) in (tuple, list) else value
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
