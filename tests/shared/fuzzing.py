"""Inputs that nobody wrote, and what is held of every reader: a value or an error of the package, nothing else.

:data:`TARGETS` are shared by the tests, which draw a few of each, and ``benchmarks/fuzz.py``, which goes on for hours.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hypothesis import strategies as st

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.runs import NAMES as COLUMNS
from bayes_scaling.runs import load_runs
from bayes_scaling.storage import load_posterior

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
STUDY = {
    "study": "small",
    "bases": [{"path": "base"}],
    "tasks": [{"name": "sum", "train": "train.jsonl", "source": "a", "target": "b"}],
    "methods": [{"name": "full"}, {"name": "lora", "sizes": [2]}],
    "finetune_sizes": [50, 100],
    "seeds": [0],
    "training": {"learning_rate": {"grid": [1e-3, 1e-2], "at": {"base": "base", "finetune_size": 50, "pet_size": 2}}},
    "grids": [{"methods": ["lora"], "sizes": {"lora": [2]}}],
    "engine": {"workers": 2},
    "metrics": ["loss"],
}


class Target(NamedTuple):
    """What is drawn, the suffix of the file it is written to, and what reads the file."""

    content: st.SearchStrategy[bytes]
    suffix: str
    read: Callable[[Path], Any]


def outcome(target: Target, content: bytes, folder: Path) -> str:
    """How a reader ends: ``read``, or ``refused`` with an error of the package; any other error is raised.

    Raises
    ------
    AssertionError
        If reading wrote something.
    """
    path = folder / f"input{target.suffix}"
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(path)
        ended = "read"
    except BayesScalingError:
        ended = "refused"
    assert list(folder.iterdir()) == [path], "reading wrote something"
    assert path.read_bytes() == content, "reading changed the file"
    return ended


def load_study(path: Path) -> Any:
    """Read a study file; the runner is imported on first use."""
    from bayes_scaling.finetune.config import load_study as load

    return load(path)


def flipped(good: bytes) -> st.SearchStrategy[bytes]:
    """A good file with a few bytes changed, and perhaps cut short or longer than it was."""
    changes = st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), max_size=12)
    end = st.one_of(st.just(len(good)), st.integers(0, len(good)))
    return st.builds(_changed, st.just(good), changes, end, st.binary(max_size=8))


def _changed(good: bytes, changes: list[tuple[int, int]], end: int, rest: bytes) -> bytes:
    content = bytearray(good)
    for place, value in changes:
        content[place] = value
    return bytes(content[:end]) + rest


TOLD = (
    "1",
    "1.5",
    "1k",
    "1B",
    "-1",
    "0",
    "0.5",
    "nan",
    "inf",
    "1e308",
    "1_0",
    "1,000",
    "lora",
    "é",
    '"',
    "\t",
    "\0",
    "",
)
CELLS = st.one_of(st.sampled_from(TOLD), st.text(max_size=6), st.floats().map(repr), st.integers().map(str))
NAMES = st.sampled_from((*COLUMNS, "note", "", "Loss"))


@st.composite
def delimited(draw: st.DrawFn, separator: str) -> bytes:
    """Rows of cells below a header of known names, sometimes ragged, sometimes of another separator."""
    header = draw(st.lists(NAMES, min_size=1, max_size=9))
    width = draw(st.integers(max(1, len(header) - 1), len(header) + 1))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=5))
    mark = draw(st.sampled_from([separator, separator, separator, ";", "|"]))
    text = "\n".join(mark.join(row) for row in [header, *rows])
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])), "replace")


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6))
KEYS = st.text(max_size=5)
TREES = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(KEYS, part, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(NAMES, st.one_of(TREES, CELLS), max_size=9)
JSON_LINES = st.lists(OBJECTS.map(json.dumps) | st.text(max_size=20), max_size=5).map(
    lambda lines: "\n".join(lines).encode("utf-8", "replace")
)


TOKENS = ("*a", "&a ", "<<: ", "!!int ", "!!timestamp ", "? ", "- ", "{", "]", "\t", ": ", "---\n")


@st.composite
def studies(draw: st.DrawFn) -> bytes:
    """A good study file with some of its parts replaced by anything, and then some of its text."""
    content: Any = json.loads(json.dumps(STUDY))
    for _ in range(draw(st.integers(1, 3))):
        part = content
        while True:
            keys = list(part) if isinstance(part, dict) else list(range(len(part)))
            key = draw(st.sampled_from(keys))
            if not isinstance(part[key], dict | list) or not part[key] or draw(st.booleans()):
                part[key] = draw(TREES)
                break
            part = part[key]
    text = yaml.safe_dump(content, allow_unicode=True)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        token = st.sampled_from(
            ["*a", "&a ", "<<: ", "!!int ", "!!timestamp ", "? ", "- ", "{", "]", "\t", ": ", "---\n"]
        )
        text = text[:place] + draw(token) + text[place:]
    return text.encode("utf-8", "replace")


def targets(parquet: bytes, posterior: bytes, with_studies: bool) -> dict[str, Target]:
    """Every reader with what it is given; ``parquet`` and ``posterior`` are good files to spoil."""
    anything = st.binary(max_size=400)
    found = {f"bytes as {suffix}": Target(anything, suffix, load_runs) for suffix in SUFFIXES}
    found |= {
        "cells of a CSV file": Target(delimited(","), ".csv", load_runs),
        "cells of a TSV file": Target(delimited("\t"), ".tsv", load_runs),
        "objects of JSON lines": Target(JSON_LINES, ".jsonl", load_runs),
        "spoilt Parquet": Target(flipped(parquet), ".parquet", load_runs),
        "bytes as a posterior": Target(anything, ".nc", load_posterior),
        "spoilt posterior": Target(flipped(posterior), ".nc", load_posterior),
    }
    if with_studies:
        found["bytes as a study"] = Target(anything, ".yaml", load_study)
        found["parts of a study"] = Target(studies(), ".yaml", load_study)
    return found
