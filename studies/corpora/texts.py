"""Small things about texts and JSONL files that every corpus needs."""

import gzip
import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

Record = dict[str, str]


def tidy(text: str) -> str:
    """One line of text: Unicode NFC, no invisible marks, single spaces."""
    kept = "".join(letter for letter in unicodedata.normalize("NFC", text) if unicodedata.category(letter) != "Cf")
    return " ".join(kept.split())


def rank(name: str, salt: str = "") -> str:
    """A fixed random order of names."""
    return hashlib.sha256(f"{salt}|{name}".encode()).hexdigest()


def write_jsonl(file: Path, records: Iterable[Record]) -> int:
    """Write records, a line each (gzipped for ``.gz``), under a temporary name first; how many there were."""
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    data = "".join(lines).encode()
    write_bytes(file, gzip.compress(data, 9, mtime=0) if file.suffix == ".gz" else data)
    return len(lines)


def write_bytes(file: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)


def sha256(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
