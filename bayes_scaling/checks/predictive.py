"""Would the model make runs like these? Posterior predictive checks.

Losses are replicated from every draw, on the same bases and along the same drift, and a few statistics of each
(task, method) that a wrong model gets wrong are compared with those of the measured runs (realised discrepancies:
Gelman, Meng and Stern 1996). With k statistics in all, one fails where its p-value is below .01 / k. Under a right
model that happens in at most 2 of 100 fits, since P(p < a) is at most 2 a (Meng 1994), and seldom as often: such
p-values crowd about one half.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.checks import statistics
from bayes_scaling.checks.finding import FAILED, PASSED, Check
from bayes_scaling.exponents import DATA
from bayes_scaling.models.layout import Floats, Ints
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

FAMILY_RATE = 0.01
LEAST_REPLICATES = 4  # replicated runs expected at the threshold, of one statistic
MEND = "look at that run: mend it, or leave it out and say so"


class Finding(NamedTuple):
    """Posterior predictive p-value of one statistic of one (task, method), and what to do if it is small."""

    what: str
    p: float
    advice: str


class Fitted(NamedTuple):
    """Runs of one cell under every draw: where they should be, shapes (S, n) and (S, 1)."""

    log_mean: Floats
    scale: Floats
    nu: Floats
    residuals: Floats


def replicated(posterior: "Posterior") -> Iterator[Check]:
    """Posterior predictive checks of every (task, method), with their number allowed for."""
    found = findings(posterior)
    least, threshold = min(found, key=lambda f: f.p), FAMILY_RATE / len(found)
    failed = [f for f in found if f.p < threshold]
    if failed:
        reason = "; ".join(f"{f.what} (p = {f.p:.2g})" for f in failed)
        advice = "; ".join(dict.fromkeys(f.advice for f in failed))
        yield Check("posterior predictive", FAILED, f"the model makes no runs like these: {reason}", advice)
    else:
        reason = f"replicated runs look like these: least of {len(found)} p-values {least.p:.2g} ({least.what})"
        yield Check("posterior predictive", PASSED, reason)


def findings(posterior: "Posterior") -> list[Finding]:
    """Every statistic of every (task, method)."""
    fitted = fitted_runs(posterior)
    rows, layout = posterior.problem.rows, posterior.layout
    groups = _settings(posterior)
    of_cells = []
    for c in range(layout.n_cells):
        where = np.flatnonzero(rows.cell == c)
        cell = Fitted(*(part if part.shape[1] == 1 else part[:, where] for part in fitted))
        wanted = statistics.of_cell(rows.log_d[where], groups[where], cell.log_mean, cell.scale)
        of_cells.append((c, where, cell, wanted))
    count = sum(1 + len(wanted) for *_, wanted in of_cells)
    rng = np.random.default_rng([posterior.seed, 2])
    found = []
    for c, where, cell, wanted in of_cells:
        p = p_values(cell, wanted, LEAST_REPLICATES * count / FAMILY_RATE, rng)
        label = layout.cell_label(c)
        found += [Finding(f"{s.name} in {label}", value, s.advice) for s, value in zip(wanted, p, strict=True)]
        found.append(_outlier(posterior, where, cell, label))
    return found


def fitted_runs(posterior: "Posterior") -> Fitted:
    """Every fitted run under every draw."""
    blocks = [parts for _, parts in posterior.blocks(posterior.runs)]
    log_mean = np.concatenate([parts.log_mean for parts in blocks], axis=1)
    scale = np.hypot(np.concatenate([parts.sigma for parts in blocks], axis=1), posterior.problem.log_se)
    residuals = (np.log(posterior.problem.loss) - log_mean) / scale
    return Fitted(log_mean, scale, blocks[0].nu, residuals)


def _settings(posterior: "Posterior") -> Ints:
    """A number for each setting of base and factors: runs that share it differ in D_f, and in their seed."""
    columns = ["task", "method", "base", *(f for f in FACTORS if f in posterior.runs)]
    return np.asarray(posterior.runs.groupby(columns, dropna=False, sort=False).ngroup(), np.int64)


def p_values(
    cell: Fitted, wanted: list[statistics.Statistic], replicates: float, rng: np.random.Generator
) -> list[float]:
    """Share of replicated runs whose statistic is as extreme as that of the measured ones, one for each statistic."""
    draws = cell.residuals.shape[0]
    measured = [s.of(cell.residuals) for s in wanted]
    above, below = np.ones(len(wanted)), np.ones(len(wanted))
    rounds = int(np.ceil(replicates / draws))
    for _ in range(rounds):
        noise = rng.standard_t(cell.nu, size=cell.residuals.shape)
        again = [s.of(noise) for s in wanted]
        above += [np.sum(new >= old) for new, old in zip(again, measured, strict=True)]
        below += [np.sum(new <= old) for new, old in zip(again, measured, strict=True)]
    total = 1 + rounds * draws
    p = [2 * min(a, b) if s.two_sided else a for s, a, b in zip(wanted, above, below, strict=True)]
    return [min(value / total, 1.0) for value in p]


def _outlier(posterior: "Posterior", where: Ints, cell: Fitted, label: str) -> Finding:
    typical = np.median(cell.residuals, axis=0)
    farthest = int(np.argmax(np.abs(typical)))
    told = run_told(posterior.runs.iloc[int(where[farthest])])
    what = f"largest residual in {label}, {typical[farthest]:+.1f} noise scales {told}"
    return Finding(what, statistics.p_outlier(cell.residuals, cell.nu), MEND)


def run_told(run: "pd.Series[Any]") -> str:
    """Which run, in words that a reader finds in the table."""
    return f"at D_f {format_quantity(run[DATA])} on {run['base']} (loss {run['loss']:.4g})"
