"""What a built corpus says of itself: packages, versions, checksums, licences, counts, what was removed."""

from collections.abc import Iterable
from pathlib import Path

from debian import Fetched
from pretraining import Plain, sizes
from sources import SOURCES
from splits import Split
from texts import Record, sha256

INTRODUCTION = """# Corpora of the real studies

Real text, built by `studies/corpora/build.py` from Debian packages. Nothing here was generated. Each text stays under
the licence of its package (table below, in full in the package's `copyright` file); the descriptions of packages are
part of Debian's index and under the licence of each package.
"""
RULES = """
## How they were split

`translation_en_de` (`en`, `de`, `file`): paragraphs of LibreOffice's help with one id in both languages (MPL-2.0),
split by help page. `summarisation_en` (`document`, `summary`, `package`, `source`): the long and the short description
of Debian packages, split by source package. Training records whose source shares half of its word 3-grams (Jaccard)
with a dev or test source were removed.

`pretraining` (`text`, `language`, `source`, `document`): every paragraph once; none that is a near-duplicate, by the
same rule, of a dev or test text of either task; no description of a held-out source package; no package's summary;
nothing of LibreOffice's help. Descriptions of training packages are in it. `held_out` is one document in a hundred,
to measure language modelling before and after finetuning. Documents are in a fixed random order: a prefix is a sample.
"""


def provenance(fetched: Iterable[Fetched], lists: Path, tasks: dict[str, Split], plain: Plain) -> str:
    """PROVENANCE.md of the corpora."""
    licences = {source.package: source.licence for source in SOURCES}
    rows = [f"| {one.name} | {one.version} | {licences.get(one.name, 'MPL-2.0')} | `{one.sha256}` |" for one in fetched]
    indexes = [f"| {file.name} | `{sha256(file)}` |" for file in sorted(lists.glob("*_i18n_Translation-*"))]
    return "\n".join(
        [
            INTRODUCTION,
            *_counts(tasks, plain),
            RULES,
            "## Packages\n\n| package | version | licence | SHA-256 of the .deb |\n|---|---|---|---|",
            *rows,
            "\n## Indexes of descriptions\n\n| file of apt | SHA-256 |\n|---|---|",
            *indexes,
            "\n## Pretraining text by source\n\n| source | language | MB |\n|---|---|---|",
            *_sizes(plain.train),
            "",
        ]
    )


def _counts(tasks: dict[str, Split], plain: Plain) -> list[str]:
    rows = [
        f"| {name} | {len(task.train):,} | {len(task.dev):,} | {len(task.test):,} | {task.removed:,} |"
        for name, task in tasks.items()
    ]
    size = sum(sizes(plain.train).values()) / 1e6
    text = (
        f"\n`pretraining`: {size:.1f} MB in {len(plain.train):,} documents, {len(plain.held_out):,} kept out; "
        f"{plain.near_duplicates:,} paragraphs were removed as near-duplicates of held-out texts."
    )
    head = "| task | train | dev | test | near-duplicates removed from train |\n|---|---|---|---|---|"
    return [head, *rows, text]


def _sizes(records: list[Record]) -> list[str]:
    found = sorted(sizes(records).items(), key=lambda item: -item[1])
    return [f"| {source} | {language} | {size / 1e6:.2f} |" for (source, language), size in found]
