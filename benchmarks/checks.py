"""False alarms and power of ``fit.check()``: healthy curves, and a broken twin for each check.

    python benchmarks/checks.py --curves 40 --twins 10

A healthy curve is drawn from the multiplicative law with fresh parameters and noise that is normal or Student-t(5),
and fitted with the defaults; others drift from the law, or lie on three base LLMs. Each twin breaks one thing. For
every kind: how many fits failed each check.
"""

import argparse
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpyro.distributions as dist
import pandas as pd
from scipy.stats import t as student_t

import bayes_scaling as bs
from bayes_scaling import arviz_bridge
from bayes_scaling.checks import calibration, collinearity, influence, predictive, sensitivity
from bayes_scaling.loo import log_likelihood
from bayes_scaling.models.log_prior import log_prior

PREDICTIVE, DECISION = "posterior predictive", "prior sensitivity of the decision"
BREAKS = ("a step along D_f", "two bands of losses")  # statistics of the posterior predictive check
NEW = ("calibration", PREDICTIVE, *BREAKS, DECISION, "collinearity", "influential runs")
HEALTHY = ("healthy", "drifting", "three bases")
SIZES = np.geomspace(200, 2e5, 14)
DRIFT = 0.01  # of the slope of log loss, over a factor e of D_f
DRAWS = 300  # particles of each of four populations
Kind = Callable[[int], tuple[pd.DataFrame, bs.JointLaw]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row a kind of curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=40, help="healthy curves")
    parser.add_argument("--twins", type=int, default=10, help="curves of each broken twin")
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    for kind in given.kind or KINDS:
        found = [failures(kind, seed) for seed in range(given.curves if kind in HEALTHY else given.twins)]
        print({"kind": kind, "curves": len(found), **{name: sum(name in f for f in found) for name in NEW}}, flush=True)


def failures(kind: str, seed: int) -> list[str]:
    """Names of the checks that one simulated curve fails, and of the breaks that are to blame."""
    runs, model = KINDS[kind](seed)
    fit = bs.fit(runs, model, seed=seed, draws=DRAWS)
    found = [*predictive.replicated(fit), *collinearity.of_sizes(fit), *influence.influential_runs(fit)]
    found.append(sensitivity.of_decision(fit, log_prior(fit.resolved, fit.layout, fit.draws)))
    wrong_ones = [check for check in found if check.status == "failed"]
    failed = [check.check for check in wrong_ones]
    failed += [name for name in BREAKS for check in wrong_ones if name in check.reason]
    wrong = calibration.departures(loo_pit(fit))
    return failed + ["calibration"] * bool(wrong)


def loo_pit(fit: bs.Posterior) -> np.ndarray:
    """Leave-one-out PIT of every run, by the noise's distribution function: no compilation for each data set."""
    parts = next(part for _, part in fit.blocks(fit.runs))
    below = student_t.cdf(np.log(fit.runs["loss"].to_numpy()), parts.nu, parts.log_mean, parts.sigma)
    log_weights = -log_likelihood(fit).reshape(below.shape)
    return np.array([arviz_bridge.psis(w)[0] @ b for w, b in zip(log_weights.T, below.T, strict=True)])


def curve(seed: int, law: str = "multiplicative", sizes: Any = SIZES, **changes: float) -> pd.DataFrame:
    """One healthy curve: parameters and noise of its own."""
    rng = np.random.default_rng([seed, 7])
    beta, E = rng.uniform(0.1, 0.35), rng.uniform(0.8, 2.0)
    reducible = rng.uniform(0.3, 1.2)  # at D_f = 6,000
    truth = {"beta": beta, "E": E, "A": reducible * 6e3**beta, "sigma": rng.uniform(0.004, 0.02)} | changes
    nu = np.inf if seed % 2 else 5.0
    design = pd.DataFrame({"method": "full", "finetune_size": sizes, "base": "b", "seed": np.arange(len(sizes))})
    return bs.simulate_runs(design, bs.Truth({"full": bs.CellTruth({}, **truth)}, law=law, nu=nu), seed=seed)


def plain(**options: Any) -> bs.JointLaw:
    """The default model of D_f alone."""
    return bs.JointLaw(factors=(), **options)


def outlier(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """One run diverged: its loss is half as high again."""
    runs = curve(seed)
    runs.loc[seed % len(runs), "loss"] *= 1.5
    return runs, plain()


def noisy_start(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """Noise ten times as large at small D_f."""
    runs = curve(seed)
    log_noise = np.log(runs["loss"] / runs["expected_loss"])
    small = runs["finetune_size"] < runs["finetune_size"].median()
    return runs.assign(loss=runs["expected_loss"] * np.exp(log_noise * np.where(small, 10.0, 1.0))), plain()


def drifting(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """Healthy: log loss leaves the law smoothly, its slope by a random walk in log D_f, as the model allows."""
    runs = curve(seed)
    rng = np.random.default_rng([seed, 8])
    fine = np.linspace(np.log(SIZES[0]), np.log(SIZES[-1]), 400)
    slope = np.cumsum(rng.normal(scale=DRIFT * np.sqrt(fine[1] - fine[0]), size=fine.size))
    away = np.cumsum(slope - slope[200]) * (fine[1] - fine[0])
    away -= away[200]
    return runs.assign(loss=runs["loss"] * np.exp(np.interp(np.log(runs["finetune_size"]), fine, away))), plain()


def on_three_bases(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """Healthy: three base LLMs with levels and slopes of their own; by NUTS."""
    rng = np.random.default_rng([seed, 9])
    rows = [{"method": "full", "base": b, "finetune_size": d} for b in "abc" for d in SIZES[::2]]
    cell = bs.CellTruth({}, beta=rng.uniform(0.1, 0.35), E=1.2, A=rng.uniform(2.0, 8.0), sigma=rng.uniform(0.004, 0.02))
    truth = bs.Truth({"full": cell}, base_scale=0.03, slope_scale=0.1)
    return bs.simulate_runs(pd.DataFrame(rows), truth, seed=seed), plain()


def step(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """A setting changed in the middle: from there on losses are 15 % lower."""
    runs = curve(seed)
    return runs.assign(loss=runs["loss"] * np.where(runs["finetune_size"] > 6e3, 0.85, 1.0)), plain()


def two_units(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """Half of the losses, at random, are in bits."""
    runs = curve(seed)
    bits = np.random.default_rng([seed, 10]).permutation(np.arange(len(runs)) % 2)
    return runs.assign(loss=runs["loss"] / np.where(bits, np.log(2), 1.0)), plain()


def wrong_law(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """Loss bends as pretraining makes it, and the model is taken at its word."""
    runs = curve(seed, "rectified", D_l=300.0, beta=0.7, A=400.0, E=1.0, sigma=0.005)
    return runs, plain(base_effects=False)


def strong_prior(seed: int) -> tuple[pd.DataFrame, bs.JointLaw]:
    """Four runs, and a narrow prior on E that puts it above them."""
    runs = curve(seed, sizes=np.geomspace(200, 2e5, 4))
    return runs, plain(priors={"E": dist.Normal(1.1 * runs["loss"].min(), 0.02)})


KINDS: dict[str, Kind] = {
    "healthy": lambda seed: (curve(seed), plain()),
    "drifting": drifting,
    "three bases": on_three_bases,
    "outlier": outlier,
    "noise by D_f": noisy_start,
    "step": step,
    "two units": two_units,
    "wrong law": wrong_law,
    "strong prior": strong_prior,
}

if __name__ == "__main__":
    main()
