"""Simulation-based calibration: ranks of truths among posterior draws, and whether they are uniform.

A truth is drawn from the priors, runs from the truth, a posterior from the runs: the rank of any quantity of the truth
among the posterior's draws of it is then uniform (Talts et al. 2018, arXiv 1804.06788). Ranked are all parameters,
the base effects of one base LLM, the runs' log likelihood (Modrak et al. 2023, arXiv 2211.02383) and log expected
loss at four times the largest D_f, on a base of the fit and on a new one.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sbc_models import Case, Twin
from scipy.stats import binom, truncnorm
from scipy.stats import t as student_t

import bayes_scaling as bs
from bayes_scaling.models.joint import DRIFT, EFFECT_DF, SLOPE, SLOPE_COMMON
from bayes_scaling.models.nuts import NutsSettings

DRAWS = 99  # ranks are 0 to 99
SEED = 10**6  # of truths: what one draws outside its runs has other seeds than what its posterior draws there
SIMULATIONS, BLOCK = 200_000, 20_000
Values = dict[str, np.ndarray]


SAMPLERS: dict[str, Callable[[np.random.Generator, dict[str, Any]], float]] = {
    "Gamma": lambda rng, a: rng.gamma(a["concentration"], 1.0 / a["rate"]),
    "LogNormal": lambda rng, a: rng.lognormal(a["loc"], a["scale"]),
    "Beta": lambda rng, a: rng.beta(a["concentration1"], a["concentration0"]),
    "LeftTruncatedDistribution": lambda rng, a: _truncated_normal(rng, a["low"], **dict(a["base_dist"].args)),
}


def _truncated_normal(rng: np.random.Generator, low: float, loc: float, scale: float) -> float:
    return float(truncnorm.rvs((low - loc) / scale, np.inf, loc, scale, random_state=rng))


class Truths:
    """Truths of one case, known by number: drawn with NumPy, apart from the program that fits them."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.frame = bs.load_runs(case.design.assign(loss=1.0))
        self.problem = case.model.encode(self.frame)
        self.resolved = case.model.resolve(self.problem.layout)

    def posterior(self, number: int, noise: float = 1.0) -> bs.Posterior:
        """One truth with its runs, as a posterior of one draw, so that it answers as posteriors do.

        ``noise`` multiplies the spread of log loss about its expectation.
        """
        rng = np.random.default_rng([SEED, number])
        families = self._families(rng)
        draws = {name: values[None, None] for name, values in families.items()}
        known = bs.Posterior(self.frame, self.case.model, draws, {}, SEED + number, NutsSettings())
        error = families["sigma"][self.problem.rows.cell] * rng.standard_t(families["nu"][0], len(self.frame))
        loss = np.exp(_log_means(known, self.frame)[0] + noise * error)
        return replace(known, runs=self.frame.assign(loss=loss))

    def _families(self, rng: np.random.Generator) -> Values:
        layout, model, values = self.problem.layout, self.resolved, Values()
        for site in model.sites:
            of_family = values.setdefault(site.family, np.zeros(layout.family_size(site.family)))
            of_family[list(site.index)] = [SAMPLERS[spec.name](rng, dict(spec.args)) for spec in site.specs]
        if model.base_effects:
            values["base_common"] = common = rng.standard_t(EFFECT_DF, layout.n_commons)
            values["base_effect"] = _effects(values, "base", common, layout.common_of_effect, rng)
        if model.base_slopes:
            values[SLOPE_COMMON] = common = rng.standard_t(EFFECT_DF, layout.slopes.common.size)
            values[SLOPE] = _effects(values, "slope", common, layout.slopes.common_of, rng)
        if model.discrepancy:
            values[DRIFT] = rng.standard_normal(layout.drift.knot.size)
        return values


def _effects(values: Values, kind: str, common: np.ndarray, common_of: np.ndarray, rng: np.random.Generator) -> Any:
    scale, share = values[f"{kind}_scale"][0], values[f"{kind}_share"][0]
    own = rng.standard_t(EFFECT_DF, common_of.size)
    return scale * (np.sqrt(share) * common[common_of] + np.sqrt(1.0 - share) * own)


def ranked(truths: Truths, number: int, twin: Twin | None) -> dict[str, Any]:
    """One truth's ranks, whether the sampler converged and how long it took."""
    began, case = time.monotonic(), truths.case
    truth = truths.posterior(number, twin.noise if twin else 1.0)
    fitted = (twin.fitted if twin else None) or case.model
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", bs.ConvergenceWarning)
        fit = bs.fit(truth.runs, fitted, seed=number, **case.options)
    true, ranks = dict(_quantities(truth, case.points)), {}
    for name, draws in _quantities(fit, case.points):
        if name in true:
            kept = draws[np.linspace(0, draws.size - 1, DRAWS).round().astype(int)]
            ranks[name] = int(np.sum(kept < true[name]))
    converged = not any(issubclass(w.category, bs.ConvergenceWarning) for w in told)
    return {"ranks": ranks, "converged": converged, "seconds": round(time.monotonic() - began, 2)}


def _quantities(posterior: bs.Posterior, points: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Name and draws, shape (S,), of everything that is ranked."""
    of_cell, first = posterior.layout.cell_of_effect, {}
    for i, c in enumerate(of_cell.tolist()):
        first.setdefault(c, i)
    for family in posterior.draws:
        values = posterior.family(family)
        if family in ("drift", "base_common", SLOPE_COMMON):
            continue
        of_base = family in ("base_effect", SLOPE)  # one base LLM a method is enough
        columns = first.values() if of_base else range(values.shape[1])
        for i in columns:
            yield f"{family}[{i}]", values[:, i]
    for i, column in enumerate(_log_means(posterior, points).T):
        yield f"loss at point {i}", column
    yield "log likelihood", _log_likelihood(posterior)


def _log_means(posterior: bs.Posterior, design: pd.DataFrame) -> np.ndarray:
    return np.concatenate([parts.log_mean for _, parts in posterior.blocks(design)], axis=1)


def _log_likelihood(posterior: bs.Posterior) -> np.ndarray:
    log_loss = np.log(posterior.runs["loss"].to_numpy(np.float64))
    parts = [
        student_t.logpdf(log_loss[block], p.nu, p.log_mean, p.sigma).sum(axis=1)
        for block, p in posterior.blocks(posterior.runs)
    ]
    return np.asarray(np.sum(parts, axis=0))


def uniform_p_value(ranks: np.ndarray) -> float:
    """Probability that uniform ranks 0 to 99 leave uniformity as far as these do, anywhere along their ECDF.

    The statistic is the least two-sided binomial tail of the ECDF over all its points (Sailynoja, Buerkner and Vehtari
    2022, arXiv 2103.10522, eq. 12); its distribution is simulated.
    """
    counts = np.bincount(ranks, minlength=DRAWS + 1)
    simulated = _null(int(ranks.size))
    return float((1 + np.sum(simulated <= _least_tail(counts[None])[0])) / (1 + simulated.size))


@lru_cache
def _null(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    share = np.full(DRAWS + 1, 1 / (DRAWS + 1))
    return np.concatenate([_least_tail(rng.multinomial(n, share, size=BLOCK)) for _ in range(SIMULATIONS // BLOCK)])


def _least_tail(counts: np.ndarray) -> np.ndarray:
    """Least two-sided binomial tail over the ECDF's points, shape (S,), of counts (S, 100)."""
    n = int(counts[0].sum())
    below = np.cumsum(counts, axis=1)[:, :-1]
    share = np.arange(1, DRAWS + 1) / (DRAWS + 1)
    at_most = binom.cdf(np.arange(n + 1)[:, None], n, share)
    at_least = binom.sf(np.arange(n + 1)[:, None] - 1, n, share)
    tail = 2.0 * np.minimum(at_most, at_least)
    return np.asarray(tail[below, np.arange(DRAWS)].min(axis=1))
