"""Rows of a file: JSONL, CSV or Parquet, the first two also gzipped. Every fault is told with its file and line."""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bayes_scaling.finetune.errors import StudyError

Row = dict[str, Any]
Rows = Iterator[tuple[str, Row]]
"""Rows, each with the place to name in an error (``train.jsonl, line 3``)."""

MOST_CELL_CHARACTERS = 16_000_000


def read_rows(file: Path, columns: tuple[str, ...]) -> Rows:
    """Rows of a file.

    Parameters
    ----------
    file : path
        ``.jsonl``, ``.csv`` or ``.parquet``; the first two also with ``.gz``.
    columns : tuple of str
        The columns that will be asked for, with dots into nested records (only these are read from Parquet).

    Raises
    ------
    StudyError
        If the file is missing, of another kind, or broken.
    """
    reader = READERS.get(_kind(file))
    if reader is None:
        raise StudyError(
            f"{str(file)!r}: unknown kind of file; use one of {', '.join(READERS)} (or .jsonl.gz, .csv.gz)"
        )
    if not file.is_file():
        raise StudyError(f"{str(file)!r}: there is no such file; paths start from the study file's folder")
    return reader(file, columns)


def cell(row: Row, column: str, place: str) -> Any:
    """The value of a column, with dots into nested records; a column of exactly that name comes first.

    Raises
    ------
    StudyError
        If the row has no such column.
    """
    value = row[_held_by(row, column, place)]
    for part in () if column in row else column.split(".")[1:]:
        if not isinstance(value, dict) or part not in value:
            raise StudyError(f"{place}: there is no {part!r} in {shown(value)}, which column {column!r} asks for")
        value = value[part]
    return value


def shown(value: Any) -> str:
    """A value as an error shows it: short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _held_by(row: Row, column: str, place: str) -> str:
    """The top-level column that holds a column."""
    first = column if column in row else column.split(".", maxsplit=1)[0]
    if first not in row:
        raise StudyError(f"{place}: there is no column {column!r}; it has {', '.join(map(repr, row)) or 'none'}")
    return first


def _kind(file: Path) -> str:
    name = file.name.lower()
    zipped = name.endswith(".gz")
    suffix = Path(name.removesuffix(".gz")).suffix
    return f"{suffix}.gz" if zipped and suffix == ".parquet" else suffix


def _read_jsonl(file: Path, columns: tuple[str, ...]) -> Rows:
    with _opened(file) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                place = f"{str(file)!r}, line {number}"
                yield place, _json_row(line, place)


def _json_row(line: str, place: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{place}: not JSON ({error}); write one object a line") from None
    if not isinstance(row, dict):
        raise StudyError(f"{place}: a line holds one JSON object, this is {shown(row)}")
    return row


def _read_csv(file: Path, columns: tuple[str, ...]) -> Rows:
    csv.field_size_limit(MOST_CELL_CHARACTERS)
    with _opened(file) as stream:
        reader = csv.reader(stream, strict=True)
        header = next(reader, [])
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise StudyError(f"{str(file)!r}: column {twice[0]!r} appears twice; give every column its own name")
        for cells in reader:
            if cells:
                yield _csv_row(header, cells, f"{str(file)!r}, line {reader.line_num}")


def _csv_row(header: list[str], cells: list[str], place: str) -> tuple[str, Row]:
    if len(cells) != len(header):
        raise StudyError(
            f"{place}: {len(cells)} cells under {len(header)} columns; put quotes around texts with commas"
        )
    return place, dict(zip(header, cells, strict=True))


def _read_parquet(file: Path, columns: tuple[str, ...]) -> Rows:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
        names = dict.fromkeys(table.schema_arrow.names)
        wanted = [_held_by(names, column, repr(str(file))) for column in columns]
        number = 0
        for batch in table.iter_batches(columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield f"{str(file)!r}, row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise StudyError(f"{str(file)!r} cannot be read as Parquet: {' '.join(str(error).split())}") from None


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    opener: Callable[..., IO[str]] = gzip.open if file.name.lower().endswith(".gz") else open
    try:
        with opener(file, "rt", encoding="utf-8-sig", newline="") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{str(file)!r} is not UTF-8 text ({error.reason} near byte {error.start}); save it as UTF-8"
        ) from None
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise StudyError(f"{str(file)!r} cannot be read: {error}") from None


READERS: dict[str, Callable[[Path, tuple[str, ...]], Rows]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
