"""The ruler of ``benchmarks/decisions.py``: a calibrated P(best) scores as theory says, an overconfident one worse."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from decision_scores import choice_row, of_draws, of_point, pair_rows, reliability


def test_regret_and_brier_score_of_one_choice() -> None:
    row = choice_row(["a", "b", "c"], np.array([1.0, 2.0, 3.0]), np.array([0.7, 0.2, 0.1]), np.array([1.3, 1.1, 1.2]))
    assert (row["chosen"], row["best"]) == ("a", "b")
    assert row["regret"] == pytest.approx(0.2) and row["brier"] == pytest.approx(0.49 + 0.64 + 0.01)


def test_draws_and_points_give_the_same_quantities() -> None:
    expected, p_best, p_first = of_draws(np.array([[1.0, 3.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]]))
    assert expected.tolist() == [1.5, 2.0] and p_best.tolist() == [0.75, 0.25] and p_first[0, 1] == 0.75
    _, p_best, p_first = of_point(np.array([1.5, 2.0]))
    assert p_best.tolist() == [1.0, 0.0] and p_first[0, 1] == 1.0 and p_first[0, 0] == 0.5


def test_reliability_tells_a_calibrated_forecaster_from_one_that_is_too_sure() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 20_000)
    pairs = pd.DataFrame({"p": p, "won": (rng.uniform(size=p.size) < p).astype(float)})
    assert reliability(pairs)["gap"].abs().max() < 0.02
    too_sure = pairs.assign(p=np.where(pairs["p"] > 0.5, 0.95, 0.05))
    assert reliability(too_sure)["gap"].abs().max() > 0.15


def test_ties_are_no_pairs() -> None:
    assert len(pair_rows(np.full((3, 3), 0.5), np.array([1.0, 1.0, 2.0]))) == 2
