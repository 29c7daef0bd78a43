"""How a broken rule is told: the column, the first offending rows, the rule, what to do next."""

from collections.abc import Hashable, Iterable
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.schema import SETTING

_SHOWN = 3
_NAMING = (*SETTING, "seed")


def rule_error(problem: str, rule: str, todo: str) -> RunsError:
    """Return the error for a problem that no single row shows."""
    return RunsError(f"{problem}\nthe rule: {rule}\nwhat to do: {todo}")


def rows_error(
    frame: pd.DataFrame, rows: npt.NDArray[np.bool_], column: str, problem: str, rule: str, todo: str
) -> RunsError:
    """Return the error for rows of one column; ``problem`` completes "2 rows are ...".

    ``rows`` marks the offending rows by position; the message shows each by its index label.
    """
    count = int(rows.sum())
    head = f"column {column!r}: {count} {'row is' if count == 1 else 'rows are'} {problem}"
    return rule_error(f"{head}, first rows:\n{first_rows(frame[rows], column)}", rule, todo)


def first_rows(rows: pd.DataFrame, column: str) -> str:
    """Return the first few rows as text: their labels, what names their setting, and ``column``."""
    others = [name for name in _NAMING if name in rows.columns and name != column]
    shown = [*others, *([column] if column in rows.columns else [])]
    head = rows[shown].head(_SHOWN)
    return head.astype(object).map(_cell).to_string()


def closest(name: str, known: Iterable[Hashable]) -> str | None:
    """Return the known name most like ``name`` whatever its case, or None."""
    by_case = {text.casefold(): text for text in known if isinstance(text, str)}
    found = get_close_matches(name.casefold(), by_case, n=1)
    return by_case[found[0]] if found else None


def listing(names: Iterable[Hashable]) -> str:
    """Return names as a comma-separated list."""
    return ", ".join(str(name) for name in names) or "none"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return repr(float(value)).removesuffix(".0")
    return repr(value) if isinstance(value, str) and not value.strip() else str(value)
