"""The small corpus that ships with the package: ``finetune/data/libreoffice_help``, from LibreOffice's help (MPL-2.0).

    python studies/corpora/fixture.py --output finetune/data/libreoffice_help

Pairs come from some help pages; plain text for pretraining comes from other pages and holds no near-duplicate of a
dev or test text in either language.
"""

import argparse
import shutil
from pathlib import Path

from debian import CACHE, LICENCES, Fetched, fetch
from libreoffice import PACKAGES, pairs
from near_duplicates import HeldOut
from splits import split
from texts import Record, rank, write_bytes, write_jsonl

TRAIN, DEV, TEST = 2900, 200, 400
MOST_WORDS = 40
PLAIN_BYTES = 1_500_000


def build(output: Path, cache: Path) -> None:
    """Write the corpus's four files, its provenance and its licence."""
    fetched = [fetch(name, cache) for name in PACKAGES]
    found = pairs(fetched[0].unpacked, fetched[1].unpacked)
    pages = sorted({record["file"] for record in found}, key=lambda page: rank(page, "fixture"))
    short = [record for record in found if _words(record) <= MOST_WORDS]
    chosen = set(_first(pages, short, TRAIN + DEV + TEST + 250))
    parts = split([record for record in short if record["file"] in chosen], "file", "en", DEV, TEST)
    train = parts.train[:TRAIN]
    others = [page for page in pages if page not in chosen]
    plain = documents(found, others, HeldOut(text for one in parts.held_out for text in (one["en"], one["de"])))
    for name, records in (("train", train), ("dev", parts.dev), ("test", parts.test), ("text", plain)):
        write_jsonl(output / f"{name}.jsonl.gz", records)
    write_bytes(output / "PROVENANCE.md", _provenance(fetched, train, parts.dev, parts.test, plain).encode())
    shutil.copyfile(LICENCES / "MPL-2.0", output / "LICENSE.MPL-2.0.txt")


def documents(found: list[Record], pages: list[str], held_out: HeldOut) -> list[Record]:
    """Plain text of pages, one record for a page's language, until there is enough of it."""
    by_page: dict[str, list[Record]] = {}
    for record in found:
        if not (held_out.has(record["en"]) or held_out.has(record["de"])):
            by_page.setdefault(record["file"], []).append(record)
    plain: list[Record] = []
    size = 0
    for page in pages:
        for language in ("en", "de"):
            text = "\n".join(dict.fromkeys(record[language] for record in by_page.get(page, ())))
            if text and size < PLAIN_BYTES:
                plain.append({"text": text, "language": language, "file": page})
                size += len(text.encode())
    return plain


def _first(pages: list[str], records: list[Record], size: int) -> list[str]:
    """The first pages that hold ``size`` records."""
    counts = {page: 0 for page in pages}
    for record in records:
        counts[record["file"]] += 1
    taken: list[str] = []
    while size > 0:
        taken.append(pages[len(taken)])
        size -= counts[taken[-1]]
    return taken


def _words(record: Record) -> int:
    return max(len(record["en"].split()), len(record["de"].split()))


def _provenance(fetched: list[Fetched], *sets: list[Record]) -> str:
    sources = "\n".join(f"| {one.name} | {one.version} | `{one.sha256}` |" for one in fetched)
    train, dev, test, plain = sets
    size = f"{sum(len(record['text'].encode()) for record in plain) / 1e6:.2f} MB from yet other help pages"
    return f"""# LibreOffice help, English and German

Real text: paragraphs of LibreOffice's help pages, taken from these Debian packages by `studies/corpora/fixture.py`:

| package | version | SHA-256 of the .deb |
|---|---|---|
{sources}

Licence: Mozilla Public License 2.0 (`LICENSE.MPL-2.0.txt`); some upstream files incorporate work under the Apache
License 2.0. Copyright 2000, 2010 LibreOffice contributors and/or their affiliates, Oracle and/or its affiliates.
Source form: <https://git.libreoffice.org/help>. The texts here were changed in form only (tags stripped, white space
joined) and stay under the MPL-2.0; the rest of this repository has its own licence.

| file | content | records |
|---|---|---|
| `train.jsonl.gz` | pairs: `en`, `de`, `file` (the help page) | {len(train):,} |
| `dev.jsonl.gz` | pairs of other help pages | {len(dev):,} |
| `test.jsonl.gz` | pairs of other help pages | {len(test):,} |
| `text.jsonl.gz` | plain text for pretraining: `text`, `language`, `file`; {size} | {len(plain):,} |

Paragraphs have 3 to {MOST_WORDS} words in the pairs. Training sources that share half of their word 3-grams (Jaccard)
with a dev or test source were removed, and so were such paragraphs of the plain text, in both languages. Plain text
and training pairs come from different pages but may share boilerplate.
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for downloaded packages")
    arguments = parser.parse_args()
    build(arguments.output, arguments.cache)
