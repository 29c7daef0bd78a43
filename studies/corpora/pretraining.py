"""Plain English and German text for pretraining: manuals, man pages, glosses, descriptions; nothing that is held out.

A paragraph appears once. Paragraphs that are near-duplicates of a dev or test text of any task are left out, in
either language. Descriptions of packages in the held-out sets are left out as a whole, and so are the summaries of
all packages; LibreOffice's help is not used, so that no translation is seen before finetuning.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from debian import fetch
from descriptions import Description
from markup import READERS
from near_duplicates import HeldOut
from prose import is_prose
from sources import SOURCES
from texts import Record, rank

TOGETHER = 20
"""Descriptions that make one document."""
ENGLISH_TO_GERMAN = 1.5
ONE_IN = 100
"""One document of this many is kept out, to measure language modelling on."""


@dataclass
class Plain:
    """Documents, some of them kept out, and how many paragraphs were left out as near-duplicates of held-out texts."""

    train: list[Record]
    held_out: list[Record]
    near_duplicates: int


def manuals(cache: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """Package, language, name and paragraphs of every manual's documents."""
    for source in SOURCES:
        unpacked = fetch(source.package, cache).unpacked
        for file in source.paths(unpacked):
            for number, paragraphs in enumerate(READERS[source.reader](file)):
                yield source.package, source.language, f"{file.name}#{number}", paragraphs


def described(
    found: Iterable[Description], language: str, left_out: set[str]
) -> Iterator[tuple[str, str, str, list[str]]]:
    """Descriptions of packages that are not held out, some together in a document."""
    kept = [one for one in found if one.package not in left_out]
    for start in range(0, len(kept), TOGETHER):
        group = kept[start : start + TOGETHER]
        paragraphs = [text for one in group for text in one.paragraphs]
        yield "apt index", language, group[0].package, paragraphs


def collect(documents: Iterable[tuple[str, str, str, list[str]]], held_out: HeldOut) -> Plain:
    """Clean documents in a fixed random order, the ones kept out apart."""
    plain = Plain([], [], 0)
    seen: set[str] = set()
    for source, language, name, paragraphs in documents:
        fresh = [text for text in dict.fromkeys(paragraphs) if text not in seen and is_prose(text, language)]
        seen.update(fresh)
        kept = [text for text in fresh if not held_out.has(text)]
        plain.near_duplicates += len(fresh) - len(kept)
        if kept:
            _add(plain, {"text": "\n".join(kept), "language": language, "source": source, "document": name})
    plain.train.sort(key=_order)
    plain.held_out.sort(key=_order)
    return plain


def balance(plain: Plain) -> None:
    """Cut the English training documents, in their random order, to a fixed multiple of the German ones."""
    most = ENGLISH_TO_GERMAN * sum(_bytes(record) for record in plain.train if record["language"] == "de")
    kept: list[Record] = []
    for record in plain.train:
        if record["language"] == "en":
            most -= _bytes(record)
        if record["language"] == "de" or most >= 0:
            kept.append(record)
    plain.train = kept


def sizes(records: Iterable[Record]) -> dict[tuple[str, str], int]:
    """UTF-8 bytes of text by source and language."""
    found: dict[tuple[str, str], int] = {}
    for record in records:
        key = (record["source"], record["language"])
        found[key] = found.get(key, 0) + _bytes(record)
    return found


def _bytes(record: Record) -> int:
    return len(record["text"].encode())


def _add(plain: Plain, record: Record) -> None:
    apart = int(_order(record)[-8:], 16) % ONE_IN == 0
    (plain.held_out if apart else plain.train).append(record)


def _order(record: Record) -> str:
    return rank(f"{record['source']}|{record['language']}|{record['document']}", "pretraining")
