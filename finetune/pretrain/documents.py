"""Documents of a corpus: reading text files, and holding some out."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain.ladder import Ladder
from bayes_scaling.finetune.tasks.reading import cell, read_rows

KINDS = (".txt", ".jsonl", ".csv", ".parquet")


def check_files(ladder: Ladder) -> None:
    """Raise a StudyError where a corpus file is not there or is of a kind that is not read."""
    for file in ladder.corpus_files:
        if _kind(file) not in KINDS:
            raise StudyError(f"{ladder.file.name}: corpus.files: {file.name!r} is none of {', '.join(KINDS)} (or .gz)")
        if not file.is_file():
            raise StudyError(
                f"{ladder.file.name}: corpus.files: there is no file {str(file)!r}; names start from the ladder file"
            )


def documents(ladder: Ladder) -> Iterator[str]:
    """The documents of a ladder's files, each text once, in the order of the files.

    Raises
    ------
    StudyError
        If a file cannot be read as text, or a row lacks a column.
    """
    seen: set[bytes] = set()
    for file in ladder.corpus_files:
        for text in _documents_of(file, ladder.corpus.columns):
            mark = _hash(text, "")[:16]
            if text and mark not in seen:
                seen.add(mark)
                yield text


def is_held_out(text: str, seed: int, share: float) -> bool:
    """Whether a document is in the validation set: decided by its text alone, whatever else the corpus holds."""
    return int.from_bytes(_hash(text, f"{seed}:")[:8], "big") < share * 2**64


def corpus_hashes(ladder: Ladder) -> dict[str, str]:
    """SHA-256 of every file's bytes, by name."""
    hashes = {}
    for name, file in zip(ladder.corpus.files, ladder.corpus_files, strict=True):
        with file.open("rb") as content:
            hashes[Path(name).name] = hashlib.file_digest(content, "sha256").hexdigest()
    return hashes


def _hash(text: str, salt: str) -> bytes:
    return hashlib.sha256((salt + text).encode("utf-8")).digest()


def _kind(file: Path) -> str:
    return Path(file.name.lower().removesuffix(".gz")).suffix


def _documents_of(file: Path, columns: tuple[str, ...]) -> Iterator[str]:
    if _kind(file) == ".txt":
        yield from _paragraphs(file)
    else:
        for place, row in read_rows(file, columns):
            yield from (_text(row, column, place) for column in columns)


def _text(row: dict[str, Any], column: str, place: str) -> str:
    text = cell(row, column, place)
    if not isinstance(text, str):
        raise StudyError(f"{place}: column {column!r} holds {text!r:.60}, not a text")
    return text.encode("utf-8", "replace").decode("utf-8").strip()  # JSON can hold halves of a character


def _paragraphs(file: Path) -> Iterator[str]:
    opener: Callable[..., IO[str]] = gzip.open if file.name.lower().endswith(".gz") else open
    try:
        with opener(file, "rt", encoding="utf-8-sig") as lines:
            for blank, paragraph in groupby(lines, key=lambda line: not line.strip()):
                if not blank:
                    yield "".join(paragraph).strip()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise StudyError(f"{str(file)!r} cannot be read as UTF-8 text: {type(error).__name__}: {error}") from None
