"""What a band of a new run is worth when the truth is known: exact coverage, width and CRPS."""

import numpy as np
from scipy.stats import norm

from bayes_scaling.backtesting.scores import crps

LEVELS = (0.5, 0.9, 0.95)
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
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        covered = norm.cdf(high, expected, noise) - norm.cdf(low, expected, noise)
        for row, inside, width in zip(rows, covered, high - low, strict=True):
            row |= {f"coverage_{100 * level:.0f}": float(inside), f"width_{100 * level:.0f}": float(width)}
    return rows


def _crps(draws: np.ndarray, expected: np.ndarray, noise: float, seed: int) -> list[float]:
    rng = np.random.default_rng([seed, 1])
    measured = expected + noise * rng.standard_normal((NEW_RUNS, expected.size))
    return np.mean([crps(draws, runs) for runs in measured], axis=0).tolist()
