"""Debian's package descriptions, from apt's own index: a summary line and a text, in English and in part in German.

The index is fetched into a folder of ours (``apt-get update`` with its state there), so the machine's own lists stay
as they are.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from near_duplicates import HeldOut
from texts import Record, tidy

APT_HELPER = "/usr/lib/apt/apt-helper"
SHORTEST, LONGEST = 20, 250
TEMPLATES = re.compile(
    r"transitional|dummy package|metapackage|meta-package|debug symbols|debugging symbols|Rust source code|"
    r"This package contains the following binaries|empty package",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Description:
    """A package's summary and the paragraphs of its text."""

    package: str
    summary: str
    paragraphs: tuple[str, ...]


def update(cache: Path) -> Path:
    """Fetch apt's lists with English and German descriptions into the cache (once); the folder of lists."""
    state, complete = (cache / "apt").resolve(), cache / "apt" / "complete"
    lists = cache / "apt" / "lists"
    if not complete.exists():
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        settings = (f"Dir::State={state}", f"Dir::Cache={state}", "Acquire::Languages=en,de")
        options = [part for setting in settings for part in ("-o", setting)]
        done = subprocess.run(["apt-get", *options, "update"], capture_output=True, text=True, check=False)
        if done.returncode or not all(list(lists.glob(f"*_i18n_Translation-{language}*")) for language in ("en", "de")):
            sys.exit(f"apt-get update gave no descriptions: {done.stderr.strip()}")
        complete.touch()
    return lists


def descriptions(lists: Path, language: str) -> list[Description]:
    """Every description of a language, by package name; the first where a package has several."""
    found: dict[str, Description] = {}
    for fields in _blocks(lists, f"*_i18n_Translation-{language}*"):
        lines = fields.get(f"Description-{language}", "").split("\n")
        body = "\n".join(line.strip() for line in lines[1:])
        paragraphs = tuple(text for text in map(tidy, re.split(r"\n\.\n", body)) if text)
        found.setdefault(fields["Package"], Description(fields["Package"], tidy(lines[0]), paragraphs))
    return [found[name] for name in sorted(found)]


def sources(lists: Path) -> dict[str, str]:
    """The source package of every package."""
    return {
        fields["Package"]: fields.get("Source", fields["Package"]).split(" ")[0]
        for fields in _blocks(lists, "*_Packages*")
    }


def summaries(found: list[Description], source_of: dict[str, str]) -> list[Record]:
    """Documents and summaries: prose, no template, one of several near-duplicates in a source package."""
    kept: list[Record] = []
    documents: dict[str, list[str]] = {}
    for one in found:
        source = source_of.get(one.package, one.package)
        document = " ".join(one.paragraphs)
        mine = documents.setdefault(source, [])
        if _is_worth(one, document) and not HeldOut(mine).has(document):
            mine.append(document)
            kept.append({"document": document, "summary": one.summary, "package": one.package, "source": source})
    return kept


def _is_worth(one: Description, document: str) -> bool:
    words = len(document.split())
    if not SHORTEST <= words <= LONGEST or len(one.summary.split()) < 3:
        return False
    return not TEMPLATES.search(one.summary) and not TEMPLATES.search(document)


def _blocks(lists: Path, pattern: str) -> Iterator[dict[str, str]]:
    for file in sorted(lists.glob(pattern)):
        text = subprocess.run([APT_HELPER, "cat-file", str(file)], capture_output=True, check=True).stdout.decode()
        for block in text.split("\n\n"):
            fields = re.split(r"\n(?=\S)", block.strip("\n"))
            pairs = dict(field.split(":", 1) for field in fields if ":" in field)
            if "Package" in pairs:
                yield {key: value.strip() for key, value in pairs.items()}
