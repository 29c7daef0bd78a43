"""The ruler of ``benchmarks/widths.py``: a right band covers what it says, a band half as wide does not."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from width_scores import scored, width_at

EXPECTED, NOISE = np.array([0.3, 2.0]), 0.015


@pytest.mark.parametrize(("spread", "covered"), [(1.0, 0.90), (0.5, 0.589)])
def test_coverage_and_width_of_a_band_are_exact(spread: float, covered: float) -> None:
    draws = EXPECTED + spread * NOISE * np.random.default_rng(0).standard_normal((100_000, 2))
    for row in scored(draws, EXPECTED, NOISE, seed=0):
        assert row["coverage_90"] == pytest.approx(covered, abs=0.01)
        assert row["width_90"] == pytest.approx(2 * 1.6449 * spread * NOISE, rel=0.02)


def test_width_at_a_coverage_is_that_of_the_band_that_has_it() -> None:
    """Bands of 1.2 times the right spread: those that cover 95 % are as wide as right 95 % bands."""
    draws = EXPECTED + 1.2 * NOISE * np.random.default_rng(1).standard_normal((100_000, 2))
    points = pd.DataFrame(scored(draws, EXPECTED, NOISE, seed=0))
    assert width_at(points, 0.95) == pytest.approx(2 * 1.96 * NOISE, rel=0.02)
    assert points["width_95"].median() == pytest.approx(2.4 * 1.96 * NOISE, rel=0.02)
    assert np.isnan(width_at(points, 0.4))
