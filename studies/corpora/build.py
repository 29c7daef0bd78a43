"""Build the corpora of the real studies from Debian packages.

    python studies/corpora/build.py --output FOLDER [--cache FOLDER]

Needs apt-get, dpkg and a Debian mirror (Debian 12, or a container of it), no root and no install; Python's standard
library is enough. Writes ``translation_en_de``, ``summarisation_en`` (``train``, ``dev``, ``test``) and
``pretraining`` (``train``, ``held_out``) as JSONL, with PROVENANCE.md: what each text is, where it is from and under
which licence it may be used. The texts are not part of this repository.
"""

import argparse
from itertools import chain
from pathlib import Path

from debian import CACHE, Fetched, fetch, write_checksums
from descriptions import descriptions, sources, summaries, update
from libreoffice import PACKAGES, pairs
from near_duplicates import HeldOut
from pretraining import balance, collect, described, manuals
from provenance import provenance
from sources import SOURCES
from splits import Split, split
from texts import Record, write_bytes, write_jsonl

DEV, TEST = 1000, 2000


def build(output: Path, cache: Path, *, record: bool) -> None:
    """Write all corpora to a folder."""
    names = dict.fromkeys([*PACKAGES, *(source.package for source in SOURCES)])
    fetched = [fetch(name, cache) for name in names]
    lists = update(cache)
    if record:
        write_checksums(fetched)
    translation = split(pairs(fetched[0].unpacked, fetched[1].unpacked), "file", "en", DEV, TEST)
    _write_split(output / "translation_en_de", translation)
    english, german = descriptions(lists, "en"), descriptions(lists, "de")
    source_of = sources(lists)
    summarisation = split(summaries(english, source_of), "source", "document", DEV, TEST)
    _write_split(output / "summarisation_en", summarisation)
    families = {one["source"] for one in summarisation.held_out}
    left_out = {name for name, source in source_of.items() if source in families}
    paragraphs = (text for one in english if one.package in left_out for text in one.paragraphs)
    held_out = HeldOut(chain(_texts(translation.held_out), _texts(summarisation.held_out), paragraphs))
    documents = chain(manuals(cache), described(english, "en", left_out), described(german, "de", left_out))
    plain = collect(documents, held_out)
    balance(plain)
    write_jsonl(output / "pretraining" / "train.jsonl", plain.train)
    write_jsonl(output / "pretraining" / "held_out.jsonl", plain.held_out)
    text = provenance(fetched, lists, {"translation_en_de": translation, "summarisation_en": summarisation}, plain)
    write_bytes(output / "PROVENANCE.md", text.encode())
    _tell(fetched, translation, summarisation)


def _write_split(folder: Path, parts: Split) -> None:
    for name in ("train", "dev", "test"):
        write_jsonl(folder / f"{name}.jsonl", getattr(parts, name))


def _texts(records: list[Record]) -> list[str]:
    return [record[key] for record in records for key in ("en", "de", "document", "summary") if key in record]


def _tell(fetched: list[Fetched], *tasks: Split) -> None:
    counts = ", ".join(f"{len(task.train):,}/{len(task.dev):,}/{len(task.test):,}" for task in tasks)
    print(f"built from {len(fetched)} packages: train/dev/test {counts}; see PROVENANCE.md")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for downloaded packages")
    parser.add_argument("--record", action="store_true", help="write checksums.json from what was downloaded")
    arguments = parser.parse_args()
    build(arguments.output, arguments.cache, record=arguments.record)
