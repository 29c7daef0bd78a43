"""Cells to canonical types: text to ``str``, sizes and losses to ``float64``, seeds to ``Int64``."""

from collections.abc import Callable
from decimal import Decimal
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_float_dtype, is_integer_dtype

from bayes_scaling.quantities import parse_quantity
from bayes_scaling.runs.messages import rows_error
from bayes_scaling.runs.schema import COLUMNS, Column, Kind

_EXACT = 2.0**53  # beyond it a float64 no longer tells two whole numbers apart


def convert(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with every canonical column in its canonical type; missing cells stay missing.

    Raises
    ------
    RunsError
        A cell of a numeric column cannot be read as a number, or a seed is not a whole number.
    """
    present = [column for column in COLUMNS if column.name in frame.columns]
    return frame.assign(**{column.name: _converted(frame, column) for column in present})


def _converted(frame: pd.DataFrame, column: Column) -> pd.Series:
    if column.kind == "text":
        return _texts(frame[column.name])
    numbers = _numbers(frame, column)
    if column.kind == "seed":
        _check_whole(frame, column.name, numbers)
        return pd.Series(numbers, index=frame.index).astype("Int64")
    return pd.Series(numbers, index=frame.index)


def _texts(series: pd.Series) -> pd.Series:
    pairs = zip(series.tolist(), series.isna().tolist(), strict=True)  # lists: a Series is slow to go through
    cells = [None if gone else str(cell).strip() or None for cell, gone in pairs]
    return pd.Series(cells, index=series.index, dtype="str" if None not in cells else object)


def _numbers(frame: pd.DataFrame, column: Column) -> npt.NDArray[np.float64]:
    series = frame[column.name]
    if is_float_dtype(series.dtype) or is_integer_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = np.full(len(series), np.nan)
    problems: dict[int, str] = {}
    cells, read = series.tolist(), _READ[column.kind]
    for position in np.flatnonzero(~series.isna()).tolist():
        try:
            numbers[position] = read(cells[position])
        except (ValueError, OverflowError) as error:
            problems[position] = str(error)
    if problems:
        rows = np.isin(np.arange(len(series)), list(problems))
        rule = f"{column.name} is {column.meaning}, a number"
        raise rows_error(frame, rows, column.name, "not readable as a number", rule, next(iter(problems.values())))
    return numbers


def _size(cell: object) -> float:
    try:
        return _number(cell)
    except ValueError:
        if not isinstance(cell, str):
            raise
        return parse_quantity(cell)


def _number(cell: object) -> float:
    if isinstance(cell, str):
        return _plain(cell) if cell.strip() else np.nan
    if isinstance(cell, Real | Decimal) and not isinstance(cell, bool):
        return float(cell)
    raise ValueError(f"{cell!s} is a {type(cell).__name__}: give a number")


def _plain(text: str) -> float:
    if "_" in text or "," in text:  # Python reads 1_0 as 10
        raise ValueError(
            f"{text!r} is not a number: write it with a point and without marks between digits, such as 1250.5"
        )
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number: write it in digits with a point, such as 1.25") from error


def _check_whole(frame: pd.DataFrame, name: str, numbers: npt.NDArray[np.float64]) -> None:
    bad = ~np.isnan(numbers) & ~((np.abs(numbers) <= _EXACT) & (numbers == np.floor(numbers)))
    if bad.any():
        rule = "a seed is a whole number of at most 2**53, or empty"
        raise rows_error(frame, bad, name, "not a whole number", rule, "number the repeated runs 0, 1, 2, ...")


_READ: dict[Kind, Callable[[object], float]] = {"size": _size, "error": _number, "seed": _number}
