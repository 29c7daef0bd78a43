"""Files to raw tables: CSV, TSV, JSON lines and Parquet, told apart by their suffix.

A reader changes no names and checks no values. Whatever goes wrong in a file leaves here as one
``RunsError``.
"""

import csv
import io
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal

import pandas as pd

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.messages import listing

# pandas 2 gets a number's last digit wrong where it is not asked; from 3 on it is right, and to ask is deprecated
_EVERY_DIGIT: Literal["round_trip"] | None = "round_trip" if pd.__version__.startswith("2.") else None


def read_table(path: Path, text_columns: Collection[str] = ()) -> pd.DataFrame:
    """Read a runs file as it is.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet`` file. Text is UTF-8, with or without
        a BOM.
    text_columns : collection of str
        Columns of a CSV or TSV file to keep as text: a task called ``007`` stays ``007``, and the digits of
        a loss are left to the one place that converts them.

    Returns
    -------
    DataFrame
        The file's rows and columns under the file's names.

    Raises
    ------
    RunsError
        The file is missing, empty, damaged, or of a kind that is not read.
    """
    reader = _READERS.get(path.suffix.lower())
    try:
        exists = path.exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise RunsError(f"file {str(path)[:200]!r} cannot be looked for: {error.strerror}; check the path") from error
    if not exists:
        raise RunsError(f"file {str(path)!r} does not exist: check the path, it is taken from {Path.cwd()}")
    if not path.is_file():
        raise RunsError(f"{str(path)!r} is not a file: name one file with the runs, such as runs.csv")
    if reader is None:
        raise RunsError(
            f"file {str(path)!r} ends in {path.suffix!r}, which is not read: the kinds are "
            f"{listing(_READERS)}; or read it yourself and pass the DataFrame"
        )
    return reader(path, text_columns)


def _read_csv(path: Path, text_columns: Collection[str]) -> pd.DataFrame:
    return _read_delimited(path, text_columns, ",")


def _read_tsv(path: Path, text_columns: Collection[str]) -> pd.DataFrame:
    return _read_delimited(path, text_columns, "\t")


def _read_delimited(path: Path, text_columns: Collection[str], separator: str) -> pd.DataFrame:
    text = _read_text(path)
    try:
        _check_header(path, text, separator)
        frame = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype=dict.fromkeys(text_columns, str),
            skipinitialspace=True,
            low_memory=False,
            float_precision=_EVERY_DIGIT,
        )
    except (csv.Error, pd.errors.ParserError) as error:
        raise _damaged(path, str(error).strip()) from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took the surplus first column for an index
        raise _damaged(path, "its rows have more cells than its header has names")
    return frame


def _check_header(path: Path, text: str, separator: str) -> None:
    rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    header = next((row for row in rows if row), [])
    other = next((mark for mark in ";\t,|" if len(header) == 1 and mark in header[0]), None)
    if other is not None:
        raise RunsError(
            f"file {str(path)!r} is separated by {other!r}, not by {separator!r}: "
            f"its header is {header[0]!r}; "
            f"read it with pandas.read_csv(path, sep={other!r}) and pass the DataFrame"
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise RunsError(
            f"file {str(path)!r} has two columns called {twice[0]!r}: its header is {listing(header)}; "
            "rename one or leave one out"
        )


def _read_json_lines(path: Path, text_columns: Collection[str]) -> pd.DataFrame:
    lines = enumerate(_read_text(path).split("\n"), start=1)
    rows = [_json_object(path, number, line) for number, line in lines if line.strip()]
    try:
        return pd.DataFrame.from_records(rows)
    except OverflowError:  # pandas 2, of a whole number that no float holds: its column will say so
        return pd.DataFrame(rows, dtype=object)


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r} occurs twice in an object")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_each_key_once)


def _json_object(path: Path, number: int, line: str) -> dict[str, object]:
    try:
        row = _JSON.decode(line)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"line {number} is not JSON ({error})") from error
    if not isinstance(row, dict):
        raise _damaged(path, f"line {number} is not a JSON object but {line.strip()[:40]!r}")
    if "\\ud" in line.lower():
        _check_pairs(path, row)
    return row


def _check_pairs(path: Path, row: dict[str, object]) -> None:
    """Refuse half of a surrogate pair, which JSON can spell."""
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.end]
        raise _damaged(path, f"it has text that no encoding can hold, {half!r}") from error


def _read_parquet(path: Path, text_columns: Collection[str]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
        for _, column in frame.items():
            column.to_numpy()  # text that is no UTF-8 breaks here, and not wherever it is used
        return frame
    except Exception as error:  # a few wrong bytes break pyarrow or pandas anywhere, with any error
        reason = next(iter(str(error).splitlines()), "")
        raise _damaged(path, reason or type(error).__name__) from error


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RunsError(
            f"file {str(path)!r} is not UTF-8 text (byte {error.start} is {error.object[error.start]:#04x}): "
            "save it as UTF-8, or read it yourself and pass the DataFrame"
        ) from error
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    if not text.strip():
        raise RunsError(f"file {str(path)!r} is empty: it needs a header and one row per finished run")
    if "\0" in text:
        raise RunsError(
            f"file {str(path)!r} has zero bytes in it, which text has not (UTF-16 has): save it as UTF-8, or read it "
            "yourself and pass the DataFrame"
        )
    return text


def _damaged(path: Path, reason: str) -> RunsError:
    return RunsError(
        f"file {str(path)!r} cannot be read: {reason}; write the file again, or read it yourself and pass the DataFrame"
    )


_READERS: dict[str, Callable[[Path, Collection[str]], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
