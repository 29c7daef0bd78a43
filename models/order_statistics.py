"""Exact quantiles of rows whose columns stand nearly in order.

An order statistic of a row is looked for in a window of columns about its rank. It is the row's own where nothing left
of the window is larger and nothing right of it is smaller; rows in which the window does not hold it are partitioned
as a whole.
"""

from collections.abc import Sequence

import numpy as np

from bayes_scaling.models.layout import Floats

WINDOW = 48  # columns on either side of the wanted rank


def quantiles(values: Floats, probs: Sequence[float]) -> Floats:
    """Quantiles of every row, shape (len(probs), n), as ``np.quantile`` interpolates them.

    Parameters
    ----------
    values : float array, shape (n, S)
        Any rows; those whose columns are nearly sorted take a fraction of the time.
    probs : sequence of float
    """
    return np.stack([_quantile(values, prob) for prob in probs])


def _quantile(values: Floats, prob: float) -> Floats:
    last = values.shape[1] - 1
    rank = int(np.floor(last * prob))
    pair = (rank, min(rank + 1, last))
    start, stop = max(pair[0] - WINDOW, 0), min(pair[1] + 1 + WINDOW, last + 1)
    lower, upper = _pair(values[:, start:stop], pair, start)
    left, right = values[:, :start], values[:, stop:]
    wrong = (left.max(axis=1, initial=-np.inf) > lower) | (right.min(axis=1, initial=np.inf) < upper)
    if wrong.any():
        lower[wrong], upper[wrong] = _pair(values[wrong], pair, 0)
    share = last * prob - rank
    return np.asarray(lower + (upper - lower) * share if share < 0.5 else upper - (upper - lower) * (1 - share))


def _pair(values: Floats, ranks: tuple[int, int], start: int) -> tuple[Floats, Floats]:
    """Two order statistics of every row of columns that begin at ``start``, shape (n,) each."""
    lower, upper = (rank - start for rank in ranks)
    partitioned = np.partition(values, (lower, upper), axis=1)
    return partitioned[:, lower].copy(), partitioned[:, upper].copy()
