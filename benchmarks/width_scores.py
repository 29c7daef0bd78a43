"""What a band of a new run is worth when the truth is known: exact coverage, width and CRPS."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from bayes_scaling.backtesting.scores import crps

LEVELS = (50, *range(80, 100))  # per cent
NEW_RUNS = 50  # of each point, for the CRPS


def scored(draws: np.ndarray, expected: np.ndarray, noise: float, seed: int) -> list[dict[str, float]]:
    """One row a point: ``coverage_50, width_50, ..., crps``.

    Parameters
    ----------
    draws : float array, shape (S, n)
        Draws of a new run at each of n points, on any one scale.
    expected : float array, shape (n,)
    noise : float
        True new runs are normal about ``expected`` with this standard deviation, on the same scale. Coverage is the
        probability of such a run inside the band, not the count of a few.
    seed : int
    """
    rows = [{"crps": value} for value in _crps(draws, expected, noise, seed)]
    for level in LEVELS:
        low, high = np.quantile(draws, [0.5 - level / 200, 0.5 + level / 200], axis=0)
        covered = norm.cdf(high, expected, noise) - norm.cdf(low, expected, noise)
        for row, inside, width in zip(rows, covered, high - low, strict=True):
            row |= {f"coverage_{level}": float(inside), f"width_{level}": float(width)}
    return rows


def width_at(points: pd.DataFrame, coverage: float) -> float:
    """Median width of the bands that cover this much, between the two levels that cover less and more.

    NaN where no level of :data:`LEVELS` covers as little, or as much.
    """
    covered = [points[f"coverage_{level}"].mean() for level in LEVELS]
    widths = [points[f"width_{level}"].median() for level in LEVELS]
    return float(np.interp(coverage, covered, widths, left=np.nan, right=np.nan))


def _crps(draws: np.ndarray, expected: np.ndarray, noise: float, seed: int) -> list[float]:
    rng = np.random.default_rng([seed, 1])
    measured = expected + noise * rng.standard_normal((NEW_RUNS, expected.size))
    return np.mean([crps(draws, runs) for runs in measured], axis=0).tolist()
