"""Which factors a table varies, and so can tell anything about."""

import pandas as pd

from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs.messages import closest, first_rows, listing, rule_error
from bayes_scaling.runs.schema import FACTORS, NAMES


def varied_factors(cell: pd.DataFrame) -> tuple[str, ...]:
    """Return the factors that take two or more values in the runs of one (task, method).

    Parameters
    ----------
    cell : DataFrame
        Canonical runs of one task and one method. Empty cells of a factor do not count as a value.

    Returns
    -------
    tuple of str
        A part of ``FACTORS``, in that order.

    Examples
    --------
    >>> varied_factors(pd.DataFrame({"model_size": [1e9, 2e9], "pet_size": [8.0, 8.0]}))
    ('model_size',)
    """
    return tuple(factor for factor in FACTORS if factor in cell.columns and cell[factor].nunique() > 1)


def check_factor_varies(frame: pd.DataFrame, factor: str) -> None:
    """Raise where no (task, method) group of the runs varies a factor.

    Parameters
    ----------
    frame : DataFrame
        Canonical runs, of one (task, method) or of several.
    factor : str
        One of ``FACTORS``.

    Raises
    ------
    RunsError
        The factor is unknown, its column is missing or empty, or it takes one value in every group.
    """
    _check_known(factor)
    _check_column(frame, factor)
    cells = (cell for _, cell in frame.groupby(["task", "method"], sort=False))
    if not any(factor in varied_factors(cell) for cell in cells):
        raise rule_error(
            f"column {factor!r}: it takes {_values(frame[factor])}, first rows:\n{first_rows(frame, factor)}",
            "a law scales a factor that takes two or more values (best three) in one (task, method) group",
            f"add runs at a second value of {factor!r}, or drop it from factors=",
        )


def _check_known(factor: str) -> None:
    if factor not in FACTORS:
        nearest = closest(factor, FACTORS)
        raise rule_error(
            f"factor {factor!r} is not known",
            f"a factor is one of {listing(FACTORS)}",
            f"write {nearest!r}" if nearest else "choose one of these",
        )


def _check_column(frame: pd.DataFrame, factor: str) -> None:
    if factor not in frame.columns:
        nearest = closest(factor, [name for name in frame.columns if name not in NAMES])
        hint = f"{nearest!r} looks like it: load_runs(..., columns={{{factor!r}: {nearest!r}}})"
        raise rule_error(
            f"column {factor!r} is not in the runs; columns found: {listing(frame.columns)}",
            "a law scales a factor that the runs table has as a column",
            hint if nearest else f"add the column {factor!r}, or drop it from factors=",
        )


def _values(series: pd.Series) -> str:
    values = [format_quantity(value, digits=None) for value in series.dropna().unique()]
    if len(values) < 2:
        return f"one value, {values[0]}" if values else "no value, every cell is empty"
    return f"one value in every (task, method) group ({listing(values[:3])}{', ...' if values[3:] else ''})"
