"""Tables that a user gives, checked in one place: runs, designs, candidates."""

from collections.abc import Iterable
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype, is_integer_dtype

from bayes_scaling.arguments import shown
from bayes_scaling.errors import DesignError, RunsError


def as_floats(column: pd.Series) -> pd.Series:
    """A column as floats, with NaN where a cell is no number; text such as ``"100000"`` is one."""
    if is_float_dtype(column.dtype) or is_integer_dtype(column.dtype):
        return column.astype(float)
    return pd.Series([_float(cell) for cell in column], index=column.index, name=column.name, dtype=float)


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


def columns_of(runs: pd.DataFrame, by: object) -> list[str]:
    """Names of columns whose values make groups.

    Raises
    ------
    RunsError
        If they are no names of columns of the runs, or none.
    """
    names = list(by) if isinstance(by, tuple | list) else []
    if not names or not all(isinstance(name, str) and name in runs for name in names):
        raise RunsError(
            f"by={shown(by)}: give columns of the runs, such as ('task', 'method', 'base'); there are "
            f"{', '.join(map(str, runs.columns))}"
        )
    return names


def _float(cell: object) -> float:
    try:
        return float(cell) if isinstance(cell, Real | Decimal | str) and not isinstance(cell, bool) else np.nan
    except (ValueError, OverflowError):
        return np.nan
