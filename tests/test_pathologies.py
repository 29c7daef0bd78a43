"""Pathological runs: the fit is right or says what is wrong, for every case of benchmarks/pathologies.py.

What is silent all the same is a strict xfail with its reason: whoever mends it is told to move it.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "pathologies.py"
WHEN_NOT = Path(__file__).parents[1] / "docs" / "explanation" / "when-not.md"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pathologies", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table = loaded()
SILENT = {
    "a bump": "looks like noise and drift",
    "noise carried over": "makes a smooth curve, the wrong one",
    "two like outliers at the largest D_f": "nothing beyond contradicts them; told in two of three draws of the noise",
}
CASES = [
    pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=SILENT[name])) if name in SILENT else name
    for name in table.CASES
]


@pytest.mark.numbers
@pytest.mark.parametrize("name", CASES)
def test_a_fit_is_right_or_says_what_is_wrong(name: str) -> None:
    found = table.outcome(name)
    print(f"{name}: {found.kind}, {found.why}")
    assert found.kind in (table.RIGHT, table.TOLD)


@pytest.mark.numbers
def test_a_wrong_curve_is_not_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken twin: healthy runs, and bands that miss what they are held to by 10 %."""
    monkeypatch.setitem(table.CASES, "twin", lambda rng: table.case(rng)._replace(truth=lambda d: 1.1 * table.law(d)))
    assert table.outcome("nothing wrong").kind == table.RIGHT
    assert table.outcome("twin").kind == table.SILENT


def test_there_are_many_cases_and_their_runs_differ() -> None:
    made = {name: make(np.random.default_rng(0)).runs for name, make in table.CASES.items()}
    assert len(made) >= 30
    told = {name: tuple(runs["loss"].round(12)) + tuple(runs["finetune_size"]) for name, runs in made.items()}
    assert len(set(told.values())) == len(made)


def test_the_pages_name_what_is_silent() -> None:
    said = " ".join(WHEN_NOT.read_text(encoding="utf-8").split())
    assert all(name in said for name in SILENT)
