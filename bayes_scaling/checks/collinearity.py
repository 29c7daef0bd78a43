"""Do the sizes vary each on its own? Exponents of sizes that move together cannot be told apart.

Belsley, Kuh and Welsch (1980): the variance of a least-squares slope of log loss is inflated by 1 / (1 - R^2), with
R^2 of its log size regressed on the others.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, PASSED, Check
from bayes_scaling.models.layout import Floats
from bayes_scaling.text import listing

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

HIGH = 10.0  # the usual rule of thumb: a standard error 3.2 times that of a balanced design
SAME = 1e6  # inflation from which two sizes are one but for rounding


def of_sizes(posterior: "Posterior") -> Iterator[Check]:
    """Variance inflation of every exponent's log size within its (task, method)."""
    same, near, worst = [], [], 1.0
    for c in range(posterior.layout.n_cells):
        names, sizes = log_sizes(posterior, c)
        inflation = inflations(sizes)
        worst = max(worst, *inflation) if names else worst
        label = posterior.layout.cell_label(c)
        together = [name for name, value in zip(names, inflation, strict=True) if value > SAME]
        if together:
            same.append(f"{listing(together)} cannot be told apart in {label}")
        elif np.any(inflation > HIGH):
            nearly = [f"{name} ({value:.0f})" for name, value in zip(names, inflation, strict=True) if value > HIGH]
            near.append(f"{listing(nearly)} in {label}")
    advice = "their sizes move together: measure runs that change one alone"
    if same:
        yield Check("collinearity", FAILED, "; ".join(same), advice)
    else:
        yield Check("collinearity", PASSED, f"every size varies on its own (variance inflation at most {worst:.1f})")
    if near:
        reason = f"variance of exponents is inflated by sizes that nearly move together: {'; '.join(near)}"
        yield Check("near collinearity", INFORMATIONAL, reason, advice)


def log_sizes(posterior: "Posterior", c: int) -> tuple[list[str], Floats]:
    """Exponents of a cell and their centred log sizes, shape (n, k), less the mean of each amplitude's rows."""
    rows, layout = posterior.problem.rows, posterior.layout
    of_cell = np.flatnonzero(rows.cell == c)
    columns = {"beta": rows.log_d[of_cell]}
    for factor, k in layout.terms_of_cell[c].items():
        has = (rows.term[of_cell] == k) & (rows.active[of_cell] > 0)
        columns[f"alpha[{factor}]"] = np.sum(np.where(has, rows.log_x[of_cell], 0.0), axis=1)
    sets, group = np.unique(rows.active[of_cell], axis=0, return_inverse=True)
    sizes = np.stack(list(columns.values()), axis=1)
    for g in range(len(sets)):
        where = group.ravel() == g
        sizes[where] -= sizes[where].mean(axis=0)
    varies = np.ptp(sizes, axis=0) > 1e-9
    return [name for name, v in zip(columns, varies, strict=True) if v], sizes[:, varies]


def inflations(sizes: Floats) -> Floats:
    """Variance inflation of each column of centred sizes, shape (k,): at least 1, infinite for a copy."""
    found = []
    for j in range(sizes.shape[1]):
        others = np.delete(sizes, j, axis=1)
        rest = sizes[:, j] - others @ np.linalg.lstsq(others, sizes[:, j], rcond=None)[0]
        left = float(np.sum(rest**2) / np.sum(sizes[:, j] ** 2))
        found.append(1.0 / left if left * SAME**2 > 1.0 else np.inf)
    return np.array(found)
