"""Simulation-based calibration (``benchmarks/calibration.py``): its test of ranks, its ledger, one model of many."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
TRUTHS = 30


@pytest.fixture(scope="module")
def calibration() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import calibration

        yield calibration
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_p_values_of_uniform_ranks_are_uniform(calibration: ModuleType) -> None:
    """Of 300 sets of 60 ranks, 5 % are below .05: binomial, whose 99.9 % range is 1.3 to 9.7 %."""
    ranks = np.random.default_rng(0).integers(0, 100, (300, 60))
    share = np.mean([calibration.uniform_p_value(one) < 0.05 for one in ranks])
    assert 0.013 <= share <= 0.097


@pytest.mark.parametrize("wrong", ["too narrow", "too wide", "biased"])
def test_broken_twin_wrong_ranks_are_seen(calibration: ModuleType, wrong: str) -> None:
    """Ranks at 100 truths of posteriors whose sd is half or twice the right one, or whose mean is off by one sd."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=100)
    posterior_sd = {"too narrow": 0.5, "too wide": 2.0}.get(wrong, 1.0)
    draws = float(wrong == "biased") + posterior_sd * rng.normal(size=(100, 99))
    assert calibration.uniform_p_value((draws < truth[:, None]).sum(axis=1)) < 0.001


def test_a_ledger_is_resumed(calibration: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds is not ranked again; failures of the sampler are counted in the table."""
    asked: list[int] = []

    def ranked(truths: object, number: int, twin: object) -> dict[str, object]:
        asked.append(number)
        return {"ranks": {"E": (37 * number) % 100}, "converged": number != 1, "seconds": 0.1}

    monkeypatch.setattr(calibration, "ranked", ranked)
    ledger, case = tmp_path / "ranks.jsonl", calibration.curves()[0]
    calibration.run([case], 2, ledger)
    calibration.run([case], 4, ledger)
    assert sorted(asked) == [0, 0, 1, 2, 3, 3]  # the twin runs on every third truth
    table = calibration.table(ledger)
    assert table["truths"].tolist() == [4, 2]
    assert table["not converged"].tolist() == [1, 0]


@pytest.mark.slow
def test_curves_are_calibrated_and_their_broken_twin_is_not(calibration: ModuleType, tmp_path: Path) -> None:
    """The multiplicative law of D_f alone; a right model fails one time in a hundred."""
    case, ledger = calibration.curves()[0], tmp_path / "ranks.jsonl"
    calibration.run([case], TRUTHS, ledger)
    table = calibration.table(ledger).set_index("broken twin")
    assert table.loc["-", "verdict"] == "passes", table.loc["-"]
    assert table.loc[case.twin.name, "verdict"] == "fails", table.loc[case.twin.name]
