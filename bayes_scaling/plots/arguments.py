"""What the plots are given, checked before anything is drawn."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from bayes_scaling.arguments import shown
from bayes_scaling.errors import BayesScalingError


def check_kind(argument: str, value: object, kind: type, maker: str) -> None:
    """Raise an error for what is not of a kind; ``maker`` is the call that returns one."""
    if not isinstance(value, kind):
        raise BayesScalingError(f"{argument}={_named(value)}: give what {maker} returned")


def check_answers(posterior: object) -> None:
    """Raise an error for what is neither a posterior nor an average of some."""
    from bayes_scaling.answers import Answers

    check_kind("posterior", posterior, Answers, "bs.fit(...) or bs.load_posterior(...)")


def check_posterior(posterior: object) -> None:
    """Raise an error for what is no posterior of one law."""
    from bayes_scaling.posterior import Posterior

    check_kind("posterior", posterior, Posterior, "bs.fit(...) or bs.load_posterior(...)")


def check_table(table: object, columns: Iterable[str], numbers: Iterable[str], maker: str) -> None:
    """Raise an error for what is no table with these columns, some of them numbers, and at least one row."""
    if not isinstance(table, pd.DataFrame):
        raise BayesScalingError(f"table={_named(table)} is no DataFrame: give {maker}")
    missing = [column for column in columns if column not in table]
    if missing or table.empty:
        what = f"no column {missing[0]!r}" if missing else "no rows"
        raise BayesScalingError(f"table has {what}: give {maker}")
    for column in numbers:
        if not is_numeric_dtype(table[column]) or table[column].isna().any():
            raise BayesScalingError(f"table has a column {column!r} that is not all numbers: give {maker}")


def names_of(argument: str, value: object) -> list[str]:
    """One name or several, as a list."""
    given = [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []
    if not given or not all(isinstance(name, str) for name in given):
        what = " is empty" if isinstance(value, list | tuple) and not value else f"={_named(value)}"
        raise BayesScalingError(f"{argument}{what}: give one name or more, such as ('alpha', 'beta')")
    return given


def check_text(argument: str, value: object, example: str) -> None:
    """Raise an error for what is no text."""
    if not isinstance(value, str):
        raise BayesScalingError(f"{argument}={_named(value)}: give a text, such as {example!r}")


def check_draws(draws: object) -> None:
    """Raise an error for what is no mapping of methods to positive sizes, draw by draw."""
    rule = "give a mapping of a method to the size that each draw takes, such as the draws of fit.required(...)"
    if not isinstance(draws, Mapping) or not draws:
        raise BayesScalingError(f"draws={_named(draws)}: {rule}")
    for method, values in draws.items():
        if not isinstance(method, str) or not _are_sizes(values):
            raise BayesScalingError(f"draws[{method!r}]={_named(values)}: {rule}; positive numbers, one dimension")


def _are_sizes(values: Any) -> bool:
    if not isinstance(values, np.ndarray) or values.ndim != 1 or not values.size:
        return False
    return values.dtype.kind in "fiu" and not bool(np.any(values < 0))  # not finite: never enough


def _named(value: object) -> str:
    """What is short as it is written, or its type."""
    return shown(value) if isinstance(value, str | int | float | list | tuple | dict | None) else type(value).__name__
