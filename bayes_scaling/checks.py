"""Checks of a fit: each passed, failed or informational, with a reason and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from bayes_scaling import arviz_bridge
from bayes_scaling.convergence import diagnose, problems
from bayes_scaling.exponents import DATA
from bayes_scaling.models.pooling import PooledSite, all_elements
from bayes_scaling.quantities import format_quantity
from bayes_scaling.regions import measured_range
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

PASSED, FAILED, INFORMATIONAL = "passed", "failed", "informational"
FATAL = ("convergence", "calibration")  # without these no number of the fit means what it says
NOMINAL = 0.9
MIN_P = 0.001  # of a binomial test: how unlikely a coverage must be to call the bands wrong
CONFLICT = 0.005  # prior tail probability of a posterior mean
HARDLY_INFORMED = 0.9  # posterior sd over prior sd
MIN_LEVELS = 3
RISING = 0.002  # slope of log loss on log size that is not just noise about a flat line
HIGH_K = 0.7  # Vehtari et al. 2024


class Check(NamedTuple):
    """One finding."""

    check: str
    status: str
    reason: str


@dataclass(frozen=True, eq=False)
class Checks:
    """All findings on a fit.

    Attributes
    ----------
    table : DataFrame
        ``check, status, reason``.
    verdict : str
        ``PASS``, ``REVIEW`` (a check failed: read its reason before using the numbers it names) or ``FAIL`` (the
        sampler or the bands cannot be trusted).
    text : str
        The verdict with its reasons.
    """

    table: pd.DataFrame
    verdict: str
    text: str


def run(posterior: "Posterior") -> Checks:
    """Every check of a fit."""
    found = [
        *_convergence(posterior),
        *_calibration(posterior),
        *_prior_conflict(posterior),
        *_signs(posterior),
        *_levels(posterior),
        *_overlap(posterior),
        *_bases(posterior),
    ]
    failed = [check for check in found if check.status == FAILED]
    verdict = "FAIL" if any(c.check in FATAL for c in failed) else "REVIEW" if failed else "PASS"
    informational = sum(check.status == INFORMATIONAL for check in found)
    reasons = [f"{check.check}: {check.reason}" for check in failed] or [
        f"all {len(found) - informational} checks passed; {informational} informational"
    ]
    return Checks(pd.DataFrame(found), verdict, f"{verdict}: {'; '.join(reasons)}.")


def _convergence(posterior: "Posterior") -> Iterator[Check]:
    worst, wrong = diagnose(posterior), problems(posterior)
    numbers = (
        f"R-hat at most {worst['r_hat']:.3f}, ESS at least {worst['ess_bulk']:.0f} (bulk) and "
        f"{worst['ess_tail']:.0f} (tail), "
    )
    if posterior.settings.engine == "nuts":
        numbers += f"{int(posterior.stats['diverging'].sum())} divergences, E-BFMI {worst['bfmi']:.2f}"
    else:
        spread = np.std(posterior.stats["log_evidence"][:, 0])
        numbers += f"by sequential Monte Carlo, whose populations' log evidence differs by {spread:.2f} (sd)"
    advice = "; sample longer, or give the least identified parameter a tighter prior"
    yield Check("convergence", FAILED if wrong else PASSED, "; ".join(wrong) + advice if wrong else numbers)


def _calibration(posterior: "Posterior") -> Iterator[Check]:
    """Leave-one-out: does each run fall where the other runs say it would?"""
    pit, k = arviz_bridge.loo_pit(posterior.idata), arviz_bridge.pareto_k(posterior.idata)
    inside = int(np.sum(np.abs(pit - 0.5) <= NOMINAL / 2))
    wrong = binomtest(inside, pit.size, NOMINAL).pvalue < MIN_P
    share = f"{inside} of {pit.size} runs ({100 * inside / pit.size:.0f} %) lie in their leave-one-out 90 % band"
    advice = "; the law or the noise is wrong for these runs: compare laws, look at the residuals"
    yield Check("calibration", FAILED if wrong else PASSED, share + (advice if wrong else ""))
    if np.any(k > HIGH_K):
        yield Check(
            "influential runs",
            INFORMATIONAL,
            f"{int(np.sum(k > HIGH_K))} runs have Pareto k above {HIGH_K}: their leave-one-out values are approximate",
        )


def _prior_conflict(posterior: "Posterior") -> Iterator[Check]:
    conflicts, uninformed = [], []
    model = posterior.resolved
    names = all_elements(model.law, posterior.layout, model.base_effects, model.discrepancy, model.pool)
    for site in posterior.resolved.sites:
        if site.fixed or site.on_amplitude or isinstance(site, PooledSite):  # a member's prior is its population
            continue
        for i, spec in zip(site.index, site.specs, strict=True):
            draws, prior = posterior.family(site.family)[:, i], spec.sample(4000)
            below = float(np.mean(prior < draws.mean()))
            name = names[site.family][i].name
            if min(below, 1 - below) < CONFLICT:
                conflicts.append(f"{name} (posterior mean {draws.mean():.3g})")
            if site.family in ("alpha", "beta") and draws.std() > HARDLY_INFORMED * prior.std():
                uninformed.append(name)
    if conflicts:
        text = f"posterior far out in the prior's tail: {', '.join(conflicts)}; widen that prior or check the data"
        yield Check("prior-data conflict", FAILED, text)
    else:
        yield Check("prior-data conflict", PASSED, "every posterior mean lies inside its prior's 99 % range")
    if uninformed:
        yield Check("information", INFORMATIONAL, f"hardly more is known than before: {', '.join(uninformed)}")


def _signs(posterior: "Posterior") -> Iterator[Check]:
    """Does the measured loss rise with a size that the law says it falls with?"""
    rising = []
    rows, log_loss = posterior.problem.rows, np.log(posterior.problem.loss)
    for c in range(posterior.layout.n_cells):
        of_cell = rows.cell == c
        sizes = np.column_stack([rows.log_d, rows.log_x])[of_cell]
        design = np.column_stack([np.ones(of_cell.sum()), sizes])
        slopes = np.linalg.lstsq(design, log_loss[of_cell], rcond=None)[0][1:]
        names = [DATA, *(f for f in FACTORS if f in posterior.layout.factor_of_term)]
        for name, slope in zip(names, slopes, strict=True):
            if name != "pet_size" and slope > RISING:
                rising.append(f"{name} in {posterior.layout.cell_label(c)} (slope {slope:+.3f})")
    if rising:
        text = f"measured loss rises with {'; '.join(rising)}: is the column a loss, are its runs trained alike?"
        yield Check("direction", FAILED, text)
    else:
        yield Check("direction", PASSED, "no measured loss rises with D_f, model size or pretraining size")


def _levels(posterior: "Posterior") -> Iterator[Check]:
    few = []
    for c in range(posterior.layout.n_cells):
        cell = posterior.runs[posterior.problem.rows.cell == c]
        for column in (DATA, *posterior.layout.terms_of_cell[c]):
            if cell[column].nunique() < MIN_LEVELS:
                few.append(f"{column} in {posterior.layout.cell_label(c)} ({cell[column].nunique()})")
    if few:
        text = f"fewer than {MIN_LEVELS} levels of {'; '.join(few)}: the exponent is mostly its prior; add a size"
        yield Check("levels", FAILED, text)
    else:
        yield Check("levels", PASSED, f"at least {MIN_LEVELS} levels of D_f and of every factor")


def _overlap(posterior: "Posterior") -> Iterator[Check]:
    layout = posterior.layout
    for task in dict.fromkeys(layout.task):
        cells = [c for c in range(layout.n_cells) if layout.task[c] == task]
        ranges = {layout.method[c]: measured_range(posterior, c, DATA) for c in cells}
        if max(low for low, _ in ranges.values()) > min(high for _, high in ranges.values()):
            listed = ", ".join(f"{m} {format_quantity(a)} to {format_quantity(b)}" for m, (a, b) in ranges.items())
            text = f"{task}: no D_f was measured with every method ({listed}): comparisons extrapolate"
            yield Check("overlap of D_f", INFORMATIONAL, text)


def _bases(posterior: "Posterior") -> Iterator[Check]:
    if not posterior.resolved.base_effects:
        text = "the model has none: bands at a new base LLM are too narrow; use JointLaw(base_effects=True)"
        yield Check("base effects", FAILED, text)
        return
    counts = [int(np.sum(posterior.layout.cell_of_effect == c)) for c in range(posterior.layout.n_cells)]
    scale = np.median(posterior.family("base_scale"))
    text = (
        f"{_span(counts)} base LLMs a (task, method) inform alpha[model_size], not the number of runs; "
        f"they sit off the law by about {100 * scale:.1f} %"
    )
    yield Check("base effects", INFORMATIONAL, text)


def _span(counts: list[int]) -> str:
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
