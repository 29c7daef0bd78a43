"""Runs that pull the fit towards themselves: are they where the others say?

A wild run at an end of the data is in nobody's way: the fit follows it, and every residual looks well. What it hides is
told by the run's left-out tail probability, of a loss as far out as its own given the other runs. Importance weights
give that (PSIS, Vehtari, Gelman and Gabry 2017) where the fit does not hang on the run. Where it does (a high Pareto
k), they put the run too near to the rest: there the runs are fitted again without the most unlikely one, if that
takes seconds. With n runs it fails where the probability is below .01 / n, which the right model does in one fit of a
hundred at most.
"""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import t as student_t

from bayes_scaling.arviz_bridge import HIGH_K, psis
from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, Check
from bayes_scaling.checks.predictive import FAMILY_RATE, MEND, fitted_runs, run_told
from bayes_scaling.convergence import problems
from bayes_scaling.errors import ConvergenceWarning
from bayes_scaling.models.layout import Floats

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

SUSPECT = 0.15  # n times the tail probability by PSIS, which is too large by up to a factor of ten: worth fitting again
NAMED = "arviz.loo(fit.idata, pointwise=True) names them"


class LeftOut(NamedTuple):
    """Of each run, given the others: two-sided tail probability by PSIS, and Pareto k of the weights; shapes (n,)."""

    tails: Floats
    k: Floats


def influential_runs(posterior: "Posterior") -> Iterator[Check]:
    """Runs that leave-one-out by importance weights cannot judge; the most unlikely of them by a fit without it."""
    found = left_out(posterior)
    high = np.flatnonzero(found.k > HIGH_K)
    if not high.size:
        return
    wild = _wild_run(posterior, int(high[np.argmin(found.tails[high])]), found)
    if wild is None:
        reason = f"{high.size} runs have Pareto k above {HIGH_K}: their leave-one-out values are rough"
        yield Check("influential runs", INFORMATIONAL, reason, NAMED)
    else:
        yield Check("influential runs", FAILED, wild, MEND)


def left_out(posterior: "Posterior") -> LeftOut:
    """Every run by importance weights."""
    fitted = fitted_runs(posterior)
    log_weights = np.log(fitted.scale) - student_t.logpdf(fitted.residuals, fitted.nu)
    weights, k = zip(*(psis(column) for column in log_weights.T), strict=True)
    below = student_t.cdf(fitted.residuals, fitted.nu)
    return LeftOut(_two_sided(np.sum(np.stack(weights, axis=1) * below, axis=0)), np.asarray(k))


def _wild_run(posterior: "Posterior", i: int, found: LeftOut) -> str | None:
    """What to say of a suspect that the others do not expect; none where they may, or where to ask takes minutes."""
    from bayes_scaling.fitting import is_quick

    n = len(posterior.runs)
    if n * found.tails[i] > SUSPECT or not is_quick(posterior.runs, posterior.model):
        return None
    others = without(posterior, i)
    p = tail_given(others, posterior, i)
    if problems(others) or p >= FAMILY_RATE / n:
        return None
    return (
        f"the run {run_told(posterior.runs.iloc[i])} pulls the fit towards itself: fitted without it, the other "
        f"{n - 1} runs expect one as far out with probability {p:.1g}"
    )


def without(posterior: "Posterior", i: int) -> "Posterior":
    """The same model fitted to all runs but one; whether it converged is for the caller to look at."""
    from bayes_scaling.fitting import fit

    kept, settings = posterior.runs.drop(index=posterior.runs.index[i]), posterior.settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(kept, posterior.model, posterior.seed, draws=settings.draws, chains=settings.chains)


def tail_given(others: "Posterior", posterior: "Posterior", i: int) -> float:
    """Two-sided tail probability of one run of a posterior, given a fit of the others."""
    _, parts = next(others.blocks(posterior.runs.iloc[[i]].reset_index(drop=True)))
    scale = np.hypot(parts.sigma, posterior.problem.log_se[i])
    residuals = (np.log(posterior.problem.loss[i]) - parts.log_mean) / scale
    return float(_two_sided(np.mean(student_t.cdf(residuals, parts.nu), axis=0))[0])


def _two_sided(below: Floats) -> Floats:
    return 2 * np.minimum(below, 1 - below)
