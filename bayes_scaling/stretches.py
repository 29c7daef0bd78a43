"""Bands at many D_f of one method on one LLM: every draw is a smooth curve, known from a few of its points.

Between two kinks of the drift a draw's log loss is analytic in log D_f. On a short stretch a polynomial through a dozen
Chebyshev points gives it to rounding, for any law; each stretch is checked at two points more, and evaluated point by
point where it does not hold. The order of the draws hardly changes over some neighbouring points, so that quantiles are
looked for where those of the middle one stand.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.polynomial.chebyshev import chebvander

from bayes_scaling.encoding import cells
from bayes_scaling.encoding.rows import log_examples
from bayes_scaling.models.drift import kinks
from bayes_scaling.models.layout import Floats, Ints
from bayes_scaling.models.order_statistics import quantiles
from bayes_scaling.models.products import product
from bayes_scaling.runs import FACTORS
from bayes_scaling.runs.bases import alike

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

NODES = 12
WIDTH = 1.0  # of a stretch, in log D_f
FEWEST = 20  # points that make a stretch worth its nodes
TOGETHER = 64  # stretches evaluated at once
NEIGHBOURS = 64  # points whose draws are put in one order
TOLERANCE = 1e-11  # of log loss

_AT = np.cos((np.arange(NODES) + 0.5) * np.pi / NODES)
_CHECKED = np.cos(np.array([1, NODES // 2]) * np.pi / NODES)  # where a polynomial that is none would be farthest off
_INVERSE: Floats = np.linalg.inv(chebvander(_AT, NODES - 1)).astype(np.float64)


class Stretch(NamedTuple):
    """Rows of a design that differ in D_f only, ascending, with no kink between them.

    Attributes
    ----------
    rows : int array, shape (n,)
    log_d : float array, shape (n,)
        Log of D_f.
    """

    rows: Ints
    log_d: Floats

    @property
    def half(self) -> float:
        """Half its width, never zero."""
        return max(float(self.log_d[-1] - self.log_d[0]) / 2, 1e-9)

    @property
    def middle(self) -> float:
        """Its middle in log D_f."""
        return float(self.log_d[-1] + self.log_d[0]) / 2

    def nodes(self) -> Floats:
        """D_f of the nodes and of the points that are checked."""
        return np.asarray(np.exp(self.middle + self.half * np.concatenate([_AT, _CHECKED])))

    def weights(self) -> Floats:
        """Weights of the nodes at every row, shape (n, NODES)."""
        return _weights((self.log_d - self.middle) / self.half)


def find(posterior: "Answers", frame: pd.DataFrame) -> list[Stretch]:
    """Stretches of a completed design; rows that are in none have too few neighbours."""
    return list(chain.from_iterable(_of_group(posterior, frame, rows) for rows in _groups(frame)))


def bands(
    posterior: "Answers", frame: pd.DataFrame, found: Sequence[Stretch], probs: Sequence[float]
) -> Iterator[tuple[Ints, Floats]]:
    """Rows with the mean and the quantiles of their expected loss, shape (1 + len(probs), n), some at a time.

    Stretches that are no polynomials are left out.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy lets other threads run while it works
        for first in range(0, len(found), TOGETHER):
            some = found[first : first + TOGETHER]
            stand_ins = frame.iloc[np.repeat([s.rows[0] for s in some], NODES + _CHECKED.size)]
            stand_ins = stand_ins.assign(finetune_size=np.concatenate([s.nodes() for s in some]))
            draws = np.concatenate([parts.log_mean.T for _, parts in posterior.blocks(stand_ins)])
            values = np.split(draws, len(some))
            every = pool.map(partial(_of_stretch, probs=probs), some, values)
            yield from ((s.rows, of_rows) for s, of_rows in zip(some, every, strict=True) if of_rows is not None)


def _groups(frame: pd.DataFrame) -> list[Ints]:
    """Rows that differ in D_f only."""
    number = alike(frame, ["task", "method", "base", "family", *FACTORS])
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)


def _of_group(posterior: "Answers", frame: pd.DataFrame, rows: Ints) -> Iterator[Stretch]:
    rows = rows[frame["finetune_size"].to_numpy()[rows] > 0]
    if rows.size < FEWEST:
        return
    log_d = log_examples(frame["finetune_size"].to_numpy()[rows])
    order = np.argsort(log_d)
    rows, log_d = rows[order], log_d[order]
    cuts = np.searchsorted(log_d, _ends(posterior, int(cells(posterior.layout, frame.iloc[rows[:1]])[0]), log_d))
    for start, stop in pairwise(cuts):
        if stop - start >= FEWEST:
            yield Stretch(rows[start:stop], log_d[start:stop])


def _ends(posterior: "Answers", cell: int, log_d: Floats) -> Floats:
    """Ends of stretches, from below the first row to above the last."""
    inner = np.zeros(0)
    if posterior.resolved.discrepancy:
        centre = posterior.layout.log_d0[cell]
        inner = kinks(posterior.layout.drift, cell, log_d - centre) + centre
    low, high = log_d[0], np.nextafter(log_d[-1], np.inf)
    whole = np.concatenate([[low], inner[(inner > low) & (inner < high)], [high]])
    parts = np.maximum(np.ceil(np.diff(whole) / WIDTH), 1).astype(int)
    ends = [np.linspace(a, b, n, endpoint=False) for (a, b), n in zip(pairwise(whole), parts.tolist(), strict=True)]
    return np.concatenate([*ends, whole[-1:]])


def _of_stretch(stretch: Stretch, values: Floats, probs: Sequence[float]) -> Floats | None:
    """Mean and quantiles at every row, from the nodes and the checked points; none where it is no polynomial."""
    nodes, checked = values[:NODES], values[NODES:]
    if np.abs(product(_weights(_CHECKED), nodes) - checked).max() > TOLERANCE:
        return None
    weights = stretch.weights()
    found = np.empty((1 + len(probs), stretch.rows.size))
    mean = np.exp(nodes).mean(axis=1)
    for start in range(0, stretch.rows.size, NEIGHBOURS):
        some = slice(start, start + NEIGHBOURS)
        of_some = weights[some]
        found[0, some] = of_some @ mean
        middle = product(of_some[of_some.shape[0] // 2, None], nodes)[0]
        found[1:, some] = np.exp(quantiles(product(of_some, nodes[:, np.argsort(middle)]), probs))
    return found


def _weights(at: Floats) -> Floats:
    return product(chebvander(at, NODES - 1).astype(np.float64), _INVERSE)
