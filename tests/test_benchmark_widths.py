"""The ruler of ``benchmarks/widths.py``: a right band covers what it says, a band half as wide does not."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from width_scores import scored

EXPECTED, NOISE = np.array([0.3, 2.0]), 0.015


@pytest.mark.parametrize(("spread", "covered"), [(1.0, 0.90), (0.5, 0.589)])
def test_coverage_and_width_of_a_band_are_exact(spread: float, covered: float) -> None:
    draws = EXPECTED + spread * NOISE * np.random.default_rng(0).standard_normal((100_000, 2))
    for row in scored(draws, EXPECTED, NOISE, seed=0):
        assert row["coverage_90"] == pytest.approx(covered, abs=0.01)
        assert row["width_90"] == pytest.approx(2 * 1.6449 * spread * NOISE, rel=0.02)
