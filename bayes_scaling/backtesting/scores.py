"""Scores of predictive draws, all on log loss: .01 is one per cent of the loss, whatever its unit."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.models.layout import Floats

LEVELS = (0.5, 0.8, 0.9, 0.95)
MEASURES = ("crps", "log_score", "mae", "width_90")


class Forecast(NamedTuple):
    """What a forecaster says of held-out runs.

    Attributes
    ----------
    draws : float array, shape (S, n)
        Log losses of new runs.
    log_density : float array, shape (n,)
        Log predictive density at the measured log loss.
    """

    draws: Floats
    log_density: Floats


def score(forecast: Forecast, log_loss: Floats) -> pd.DataFrame:
    """One row a run: ``median, low, high`` (90 % band of the loss), ``pit, crps, log_score, error, width``.

    ``crps`` is the continuous ranked probability score of the draws (Gneiting and Raftery 2007, eq. 21), ``pit`` the
    share of draws below the measured loss.
    """
    low, median, high = np.quantile(forecast.draws, [0.05, 0.5, 0.95], axis=0)
    with np.errstate(over="ignore"):  # a band without end is infinite
        of_loss = np.exp([median, low, high])
    return pd.DataFrame(
        {
            "median": of_loss[0],
            "low": of_loss[1],
            "high": of_loss[2],
            "pit": (forecast.draws < log_loss).mean(axis=0) + (forecast.draws == log_loss).mean(axis=0) / 2,
            "crps": crps(forecast.draws, log_loss),
            "log_score": forecast.log_density,
            "error": np.abs(median - log_loss),
            "width": high - low,
        }
    )


def crps(draws: Floats, measured: Floats) -> Floats:
    r""":math:`E|X - y| - E|X - X'| / 2`, lower is better, shape (n,)."""
    ordered = np.sort(draws, axis=0)
    count = len(draws)
    weight = (2 * np.arange(1, count + 1) - count - 1)[:, None]
    return np.asarray(np.abs(ordered - measured).mean(axis=0) - (weight * ordered).sum(axis=0) / count**2)


def summary(points: pd.DataFrame) -> pd.DataFrame:
    """One row a forecaster: coverage at every level, and the mean of every score over the held-out runs."""
    rows = []
    for forecaster, group in points.groupby("forecaster", sort=False):
        covered = {f"coverage_{100 * p:.0f}": float(np.mean(np.abs(group["pit"] - 0.5) <= p / 2)) for p in LEVELS}
        means = group[["crps", "log_score", "error", "width"]].mean()
        rows.append({"forecaster": forecaster, **covered, **dict(zip(MEASURES, means.tolist(), strict=True))})
    return pd.DataFrame(rows)
