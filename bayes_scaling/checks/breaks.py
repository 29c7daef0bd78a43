"""Statistics of log losses that lie about no smooth curve: a step along D_f, and two bands one above the other.

Noise and drift are learned, and take in what the law does not explain: a step widens the noise, and residuals from the
fit then look at home. These statistics are shares, whatever the size of the noise: of what a parabola in log D_f leaves
of the measured, or replicated, log losses, how much does one more number explain? Replicated losses have the law's own
bend and the drift's, so that no law needs to be a parabola. Of 200 curves that follow the law or drift from it none
failed by them; of ten with a step of 15 % nine did, and nine of ten with half of the losses in bits
(benchmarks/checks.py).
"""

from collections.abc import Callable

import numpy as np

from bayes_scaling.models.layout import Floats, Ints

FEWEST_LEFT = 6  # runs beyond the curve's own numbers
LINE, PARABOLA = 3, 5  # levels of D_f from which a group has its own
OF_ITS_OWN = 0.05  # squared length of a step that is more than the curve's end


def curve(log_d: Floats, group: Ints) -> Floats | None:
    """Orthonormal columns that span smooth curves, shape (n, p); None where too few runs are left beside them.

    A parabola in log D_f for all runs and, for each group of runs that differ in D_f only, a level, and a line or a
    parabola where it has the D_f for it.
    """
    x = log_d - log_d.mean()
    columns = [np.ones_like(x), x, x**2]
    for g in np.unique(group):
        of_group = (group == g).astype(float)
        levels = np.unique(log_d[group == g]).size
        columns += [of_group * x**power for power in range(1 + (levels >= LINE) + (levels >= PARABOLA))]
    matrix = np.column_stack(columns)
    left, size, _ = np.linalg.svd(matrix / np.maximum(np.abs(matrix).max(axis=0), 1e-12), full_matrices=False)
    basis: Floats = left[:, size > 1e-9 * size[0]]
    return basis if x.size - basis.shape[1] >= FEWEST_LEFT else None


def step(log_d: Floats, smooth: Floats) -> Callable[[Floats], Floats] | None:
    """Largest share that one step between two neighbouring D_f explains; None where no step differs from a curve."""
    levels = np.unique(log_d)
    steps = (log_d[:, None] >= levels[1:]).astype(float)
    steps -= smooth @ (smooth.T @ steps)
    length = np.sum(steps**2, axis=0)
    steps = steps[:, length > OF_ITS_OWN] / np.sqrt(length[length > OF_ITS_OWN])
    if not steps.size:
        return None

    def share(log_loss: Floats) -> Floats:
        rest = log_loss - (log_loss @ smooth) @ smooth.T
        return _share(np.max((rest @ steps) ** 2, axis=1), rest)

    return share


def two_bands(smooth: Floats) -> Callable[[Floats], Floats]:
    """Largest share that a shift of the highest runs explains, with at least a quarter of the runs on either side."""
    n = smooth.shape[0]
    fewest = max(2, n // 4)

    def share(log_loss: Floats) -> Floats:
        rest = log_loss - (log_loss @ smooth) @ smooth.T
        order = np.argsort(-rest, axis=1)
        explained = np.cumsum(np.take_along_axis(rest, order, axis=1), axis=1) ** 2
        length = np.arange(1.0, n + 1) - sum(np.cumsum(column[order], axis=1) ** 2 for column in smooth.T)
        inside = slice(fewest - 1, n - fewest)
        found = explained[:, inside] / np.maximum(length[:, inside], OF_ITS_OWN)
        return _share(np.max(found, axis=1), rest)

    return share


def _share(explained: Floats, rest: Floats) -> Floats:
    """Of the sum of squares; 0 where nothing is left to explain."""
    return np.asarray(explained / np.maximum(np.sum(rest**2, axis=1), np.finfo(float).tiny))
