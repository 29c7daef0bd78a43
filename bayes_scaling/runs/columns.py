"""Names of columns: from the user's to the canonical ones, none missing, none twice."""

from collections import Counter
from collections.abc import Hashable, Mapping

import pandas as pd

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.messages import closest, listing, rule_error
from bayes_scaling.runs.schema import COLUMNS, NAMES, Column


def rename_columns(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return the table under canonical names; ``columns`` maps a canonical name to the user's.

    Raises
    ------
    RunsError
        The mapping names something that is not there, or gives one column two names or one name two columns.
    """
    check_unique(frame)
    for canonical, own in columns.items():
        _check_canonical(canonical)
        _check_present(frame, canonical, own)
    _check_used_once(columns)
    renamed = frame.rename(columns={own: canonical for canonical, own in columns.items()})
    _check_no_clash(frame, renamed, columns)
    return renamed


def check_columns(frame: pd.DataFrame) -> None:
    """Raise a ``RunsError`` where a column occurs twice or a required one is missing."""
    check_unique(frame)
    missing = [column for column in COLUMNS if column.required and column.name not in frame.columns]
    if missing:
        raise _missing_error(frame, missing)


def check_unique(frame: pd.DataFrame) -> None:
    """Raise a ``RunsError`` where two columns have one name."""
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise rule_error(
            f"column {name!r} occurs {list(frame.columns).count(name)} times in the table",
            "every column has its own name",
            "rename one or leave one out",
        )


def _missing_error(frame: pd.DataFrame, missing: list[Column]) -> RunsError:
    own = [name for name in frame.columns if name not in NAMES]
    guesses = {column.name: closest(column.name, own) for column in missing}
    lines = [_missing_line(column, guesses[column.name]) for column in missing]
    hint = {name: guess or f"your name for {name}" for name, guess in guesses.items()}
    levels = [name for name in frame.index.names if name in NAMES]
    reset = f" (index levels {listing(levels)} are not columns: call .reset_index() first)" if levels else ""
    return rule_error(
        "\n".join([*lines, f"columns found: {listing(frame.columns)}{reset}"]),
        f"a runs table has the columns {listing(column.name for column in COLUMNS if column.required)}",
        f"add the column, or say what you call it: columns={hint}",
    )


def _missing_line(column: Column, guess: str | None) -> str:
    nearest = f"; the closest name is {guess!r}" if guess else ""
    return f"column {column.name!r} is missing ({column.meaning}){nearest}"


def _check_canonical(canonical: Hashable) -> None:
    if canonical not in NAMES:
        nearest = closest(str(canonical), NAMES)
        raise rule_error(
            f"columns= names {canonical!r}, which is not a column of a runs table",
            f"columns= maps canonical names to your own, and the canonical names are {listing(NAMES)}",
            f"write {nearest!r}" if nearest else "leave it out: other columns travel along under their own names",
        )


def _check_present(frame: pd.DataFrame, canonical: str, own: Hashable) -> None:
    if own not in frame.columns:
        nearest = closest(str(own), frame.columns)
        raise rule_error(
            f"columns= says that {canonical!r} is called {own!r}, which is not in the table",
            f"a mapped column exists; the table has {listing(frame.columns)}",
            f"write columns={{{canonical!r}: {nearest or 'one of these'!r}}}",
        )


def _check_used_once(columns: Mapping[str, str]) -> None:
    own, count = Counter(columns.values()).most_common(1)[0] if columns else ("", 0)
    if count > 1:
        both = [canonical for canonical, name in columns.items() if name == own]
        raise rule_error(
            f"columns= gives {own!r} to {count} canonical columns: {listing(both)}",
            "one column of the table holds one thing",
            f"keep the one that {own!r} is",
        )


def _check_no_clash(frame: pd.DataFrame, renamed: pd.DataFrame, columns: Mapping[str, str]) -> None:
    for canonical, own in columns.items():
        if list(renamed.columns).count(canonical) > 1 and own != canonical:
            raise rule_error(
                f"column {canonical!r}: the table has it already, and columns= calls {own!r} that too",
                "one canonical column comes from one column of the table",
                f"drop the one you do not mean: frame.drop(columns={canonical!r}), or leave {own!r} out of columns=",
            )
