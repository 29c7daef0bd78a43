"""How good a choice was: regret, Brier score and calibration of P(best) against the losses that were measured."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
FEWEST = 20  # probabilities that fill a bin


def choice_row(methods: Sequence[str], expected: np.ndarray, p_best: np.ndarray, measured: np.ndarray) -> Mapping:
    """One choice among methods.

    Parameters
    ----------
    methods : sequence of str, length M
    expected : float array, shape (M,)
        Forecast losses; the lowest is chosen.
    p_best : float array, shape (M,)
    measured : float array, shape (M,)

    Returns
    -------
    mapping
        ``chosen``, ``best``, ``regret`` (measured, in the unit of the loss), ``brier`` (summed over the methods: 0 is
        sure and right, 2 sure and wrong) and ``p_chosen``.
    """
    chosen, best = int(np.argmin(expected)), int(np.argmin(measured))
    won = np.arange(len(methods)) == best
    return {
        "chosen": methods[chosen],
        "best": methods[best],
        "regret": float(measured[chosen] - measured[best]),
        "brier": float(np.sum((p_best - won) ** 2)),
        "p_chosen": float(p_best[chosen]),
    }


def pair_rows(p_first: np.ndarray, measured: np.ndarray) -> list[dict[str, float]]:
    """Every pair of methods that did not tie: P(the first is better), shape (M, M), and whether it was."""
    first, second = np.triu_indices(len(measured), 1)
    return [
        {"p": float(p_first[i, j]), "won": float(measured[i] < measured[j])}
        for i, j in zip(first, second, strict=True)
        if measured[i] != measured[j]
    ]


def of_draws(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected loss (M,), P(best) (M,) and P(first better than second) (M, M) of draws, shape (M, S)."""
    methods = len(losses)
    p_best = np.bincount(losses.argmin(axis=0), minlength=methods) / losses.shape[1]
    p_first = np.array([[np.mean(a < b) for b in losses] for a in losses])
    return losses.mean(axis=1), p_best, p_first


def of_point(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of a forecaster that is always sure, losses of shape (M,)."""
    p_first = np.where(losses[:, None] == losses, 0.5, losses[:, None] < losses)
    return losses, (np.arange(len(losses)) == losses.argmin()).astype(float), p_first


def reliability(pairs: pd.DataFrame) -> pd.DataFrame:
    """Share of pairs that were won beside P, in bins; each pair counts both ways round."""
    both = pd.concat([pairs, 1 - pairs])
    binned = both.assign(bin=pd.cut(both["p"], BINS, include_lowest=True).astype(str))
    table = binned.groupby("bin").agg(p=("p", "mean"), won=("won", "mean"), count=("p", "size"))
    return table[table["count"] >= FEWEST].assign(gap=lambda t: t["won"] - t["p"])
