"""Sizes as people write them: ``"1.5B"`` parameters, ``"84B"`` tokens, ``"100k"`` examples.

Suffixes count in powers of a thousand: k (or K) 1e3, M 1e6, B (or b, or G) 1e9, T 1e12. A lower-case m
is refused, since it reads as a million to some and as a thousandth to others.
"""

import re
from decimal import Decimal
from math import inf
from numbers import Real

from bayes_scaling.errors import BayesScalingError

LARGEST = 1e18
"""More parameters, tokens or examples than anyone has: a size above it is in another unit, such as FLOPs."""

_POWERS = {"": 0, "k": 3, "K": 3, "M": 6, "B": 9, "b": 9, "G": 9, "T": 12}
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_NUMBER = rf"(?:{_DIGITS}(?:\.[0-9]*)?|\.[0-9]+)"
_SHORT = re.compile(rf"({_NUMBER})\s*([A-Za-z]?)")
_PLAIN = re.compile(rf"{_NUMBER}[eE][+-]?[0-9]{{1,3}}")


def parse_quantity(text: str | int | float) -> float:
    """Read a positive size, with or without a suffix.

    Parameters
    ----------
    text : str, int or float
        A number, or text such as ``"100k"``, ``"1.5B"``, ``"1e6"``, ``"1_000"`` or ``"3 k"``.

    Returns
    -------
    float
        The size in units: parameters, tokens, examples.

    Raises
    ------
    BayesScalingError
        The text is not a size, or the size is not positive and finite.

    Examples
    --------
    >>> parse_quantity("1.5B")
    1500000000.0
    >>> parse_quantity("100k")
    100000.0
    """
    if isinstance(text, str):
        return _positive(_from_text(text.strip()), text)
    if isinstance(text, Real) and not isinstance(text, bool):
        return _positive(float(text), text)
    raise BayesScalingError(f"size {text!r} is a {type(text).__name__}: give a number, or text such as '100k'")


def format_quantity(size: float, digits: int | None = 3) -> str:
    """Write a positive size the short way; ``parse_quantity`` reads it back.

    Parameters
    ----------
    size : float
        The size in units.
    digits : int or None
        Significant digits to keep. None keeps all of them, so that two sizes never look alike.

    Returns
    -------
    str
        The number with a suffix from one thousand on; with an exponent where that is far out of range.

    Raises
    ------
    BayesScalingError
        The size is not positive and finite.

    Examples
    --------
    >>> format_quantity(14.78e9), format_quantity(14.78e9, digits=None), format_quantity(100_000)
    ('14.8B', '14.78B', '100k')
    """
    exact = parse_quantity(size)
    shown = exact if digits is None else float(f"{exact:.{digits}g}")
    if not 1e-4 <= shown < 1e18:
        return repr(shown)
    suffix = next((s for s in "TBMk" if shown >= 10.0 ** _POWERS[s]), "")
    number = format(Decimal(repr(shown)).scaleb(-_POWERS[suffix]), "f")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + suffix


def implausible(name: str, size: float) -> str | None:
    """Why a number is no count of that size, or None where it may be one.

    Examples
    --------
    >>> implausible("finetune_size", 0.5)
    'less than one example: D_f counts examples, it is no share of the data'
    >>> implausible("model_size", 1e9)
    """
    if size > LARGEST:
        return f"above {LARGEST:g}: sizes count parameters, tokens or examples, not bytes or FLOPs"
    if name == "finetune_size" and 0 < size < 1:
        return "less than one example: D_f counts examples, it is no share of the data"
    return None


def _from_text(text: str) -> float:
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _SHORT.fullmatch(text)
    if match is None or match[2] not in _POWERS:
        raise BayesScalingError(f"size {text!r} is not understood: {_advice(text)}")
    # One conversion from decimal text, so that "14.78B" is exactly 14.78e9.
    return float(f"{match[1]}e{_POWERS[match[2]]}")


def _advice(text: str) -> str:
    if "," in text:
        return "leave the comma out and write 1000 or 1k (and 1.5 with a point)"
    if match := re.fullmatch(rf"({_NUMBER})\s*m", text):
        return f"write {match[1]}M for a million, since m could also be a thousandth"
    return "write a positive number such as 100000, 1e5, 100k, 20M, 1.5B or 2T"


def _positive(size: float, text: str | int | float) -> float:
    if not 0 < size < inf:
        raise BayesScalingError(f"size {text!r} is not positive and finite: give a number above zero, such as 100k")
    return size
