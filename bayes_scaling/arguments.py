"""Arguments of the public functions, checked in one place: what is no name, number or seed is told at once.

A message names the argument and shows the value as :func:`shown` writes it.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype, is_integer_dtype

from bayes_scaling.errors import BayesScalingError, DesignError, ModelError, RunsError

MOST_LETTERS = 200
LARGEST_SEED = 2**63 - 1


def shown(value: object) -> str:
    """A value as Python writes it: NumPy's numbers as plain ones, what is long cut short.

    Examples
    --------
    >>> shown(np.float64(0.5)), shown((np.int64(1), "a"))
    ('0.5', "(1, 'a')")
    """
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray):
        return f"a {type(value).__name__} of shape {value.shape}"
    try:
        text = repr(_plain(value))
    except ValueError:  # more digits than Python writes
        text = f"a {type(value).__name__}"
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 3]}..."


def is_number(value: object) -> bool:
    """Whether a value is one finite number; True and False are none, and neither is what no float holds."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        return False
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:
        return False


def as_floats(column: pd.Series) -> pd.Series:
    """A column as floats, with NaN where a cell is no number; text such as ``"100000"`` is one."""
    if is_float_dtype(column.dtype) or is_integer_dtype(column.dtype):
        return column.astype(float)
    return pd.Series([_float(cell) for cell in column], index=column.index, name=column.name, dtype=float)


def check_prob(prob: float) -> None:
    """Raise an error for a probability that is none."""
    if not (is_number(prob) and 0 < prob < 1):
        raise BayesScalingError(f"prob={shown(prob)}: must lie between 0 and 1, such as 0.9")


def check_name(argument: str, value: object, what: str) -> None:
    """Raise a DesignError for a name that is no text; None, for none given, passes."""
    if value is not None and not isinstance(value, str):
        raise DesignError(f"{argument}={shown(value)}: give {what} as text, or leave it out")


def check_names(design: pd.DataFrame, columns: Iterable[str], what: str = "design") -> None:
    """Raise a DesignError where a cell of these columns is neither a name (text or a number) nor empty."""
    for column in (c for c in columns if c in design):
        for row, cell in enumerate(design[column].tolist()):
            if not isinstance(cell, str | Real) and not (cell is None or cell is pd.NA or cell is pd.NaT):
                raise DesignError(f"{what} column {column!r}: {shown(cell)} in row {row} is no name; write it as text")


def check_runs(runs: object, argument: str = "runs") -> None:
    """Raise a RunsError for what is no table."""
    if not isinstance(runs, pd.DataFrame):
        hint = f"read the file first: bs.load_runs({shown(runs)})" if isinstance(runs, str) else "see bs.load_runs()"
        raise RunsError(f"{argument}={shown(runs)} is a {type(runs).__name__}: give a DataFrame of runs; {hint}")


def check_seed(seed: object) -> None:
    """Raise a ModelError for a seed that no generator takes."""
    check_whole("seed", seed, 0, "such as 0", most=LARGEST_SEED)


def check_whole(argument: str, value: object, least: int, hint: str, most: int | None = None) -> None:
    """Raise a ModelError for what is no whole number within the limits."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not least <= int(value) or (most is not None and int(value) > most):  # type: ignore[call-overload]
        limit = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ModelError(f"{argument}={shown(value)}: a whole number {limit}, {hint}")


def check_flag(argument: str, value: object) -> None:
    """Raise a ModelError for what is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise ModelError(f"{argument}={shown(value)}: True or False")


def _float(cell: object) -> float:
    try:
        return float(cell) if isinstance(cell, Real | Decimal | str) and not isinstance(cell, bool) else np.nan
    except (ValueError, OverflowError):
        return np.nan


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value) if type(value) in (tuple, list) else value
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
