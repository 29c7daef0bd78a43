"""Pathological runs: for each kind, is the fit right, does it say what is wrong, or is it silent nonsense?

    python benchmarks/pathologies.py --seeds 3

Every case is a small table of runs that breaks something, and the noise-free loss that it hides. A fit is *right* where
its bands of the expected loss hold that loss between two D_f, in the middle and one step past the largest (90 % bands
of the three at one time: a fit that is right misses in one of ten draws of the noise, or fewer); it has *told* where it
is refused, warns, or does not pass ``fit.check()``; else it is *silent*. docs/explanation/when-not.md names what is.
"""

import argparse
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
import xarray as xr

import bayes_scaling as bs
from bayes_scaling import arviz_bridge
from bayes_scaling.loo import log_likelihood

Floats = np.ndarray
Truth = Callable[[Floats], Floats]
SIZES = np.geomspace(200, 2e5, 14)
STEP = SIZES[1] / SIZES[0]
SIGMA = 0.01
BITS = 1 / np.log(2)
RIGHT, TOLD, SILENT = "right", "told", "silent"
DRAWS = 300  # particles of each of four populations


class Outcome(NamedTuple):
    """Right, told or silent, and why."""

    kind: str
    why: str


class Case(NamedTuple):
    """Runs of one curve, and what they hide."""

    runs: pd.DataFrame
    truth: Truth


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row a case and seed, and the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    count = Counter[str]()
    for name in CASES:
        for seed in range(parser.parse_args(arguments).seeds):
            found = outcome(name, seed)
            count[found.kind] += 1
            print(f"{name:46s} {seed} {found.kind:6s} {found.why}", flush=True)
    print(", ".join(f"{n} {kind}" for kind, n in count.most_common()))


def outcome(name: str, seed: int = 0) -> Outcome:
    """What becomes of one case."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", bs.ConvergenceWarning)
        try:
            runs, truth = CASES[name](np.random.default_rng([seed, crc32(name.encode())]))
            fit = told_quickly(bs.fit(runs, bs.JointLaw(factors=()), seed=seed, draws=DRAWS))
            checks = fit.check()
        except bs.BayesScalingError as error:
            return Outcome(TOLD, f"error: {error}")
    if told:
        return Outcome(TOLD, f"warning: {told[0].message}")
    if checks.verdict != "PASS":
        return Outcome(TOLD, checks.text)
    return Outcome(RIGHT if is_right(fit, truth) else SILENT, checks.text)


def is_right(fit: bs.Posterior, truth: Truth) -> bool:
    """Whether the bands hold the truth, see above."""
    levels = np.unique(fit.runs["finetune_size"])
    sizes = np.array([np.sqrt(levels[0] * levels[1]), np.exp(np.log(levels).mean()), levels[-1] * STEP])
    design = pd.DataFrame({"task": "sum", "method": "full", "base": "b", "finetune_size": sizes})
    bands = fit.predict(design, "mean", prob=1 - 0.1 / len(sizes))
    return bool(np.all((bands["low"] <= truth(sizes)) & (truth(sizes) <= bands["high"])))


def told_quickly(fit: bs.Posterior) -> bs.Posterior:
    """The fit, with those of its ArviZ groups that ``fit.check()`` reads; without compiling, which takes seconds."""
    shape, dims = fit.draws["sigma"].shape[:2], ("chain", "draw", "run")
    parts = next(part for _, part in fit.blocks(fit.runs))
    noise = np.random.default_rng([fit.seed, 3]).standard_t(parts.nu, size=parts.log_mean.shape)
    again = np.exp(parts.log_mean + parts.sigma * noise).reshape(*shape, -1)
    groups = {
        "posterior": xr.Dataset(
            {name: (("chain", "draw", f"{name} of"), values) for name, values in fit.draws.items()}
        ),
        "log_likelihood": xr.Dataset({"loss": (dims, log_likelihood(fit))}),
        "posterior_predictive": xr.Dataset({"loss": (dims, again)}),
        "observed_data": xr.Dataset({"loss": ("run", fit.problem.loss)}),
    }
    fit.__dict__["idata"] = arviz_bridge.to_idata(groups)
    return fit


def law(d: Floats, E: float = 1.2, reducible: float = 0.8, beta: float = 0.25) -> Floats:
    """The law, with its reducible loss at D_f = 6,000."""
    return E + reducible * (np.asarray(d, float) / 6e3) ** -beta


def case(rng: np.random.Generator, truth: Truth = law, sizes: Floats = SIZES, **options: Any) -> Case:
    """Runs about a truth; ``sigma`` (number or one a run), ``shift`` (added to log loss), ``nu``, ``reported``."""
    n = len(sizes)
    noise = rng.standard_normal(n) if "nu" not in options else rng.standard_t(options["nu"], n)
    log_loss = np.log(truth(sizes)) + options.get("sigma", SIGMA) * noise + options.get("shift", 0.0)
    reported = options.get("reported", lambda d, loss: (d, loss))
    d, loss = reported(np.asarray(sizes, float), np.exp(log_loss))
    runs = pd.DataFrame({"task": "sum", "method": "full", "base": "b", "finetune_size": d, "loss": loss})
    return Case(runs.assign(seed=np.arange(n)), truth)


def at(*places: int, by: float, n: int = SIZES.size) -> Floats:
    """Nothing but ``by`` at some places."""
    shift = np.zeros(n)
    shift[list(places)] = by
    return shift


def correlated(rng: np.random.Generator, share: float = 0.9) -> Floats:
    """Noise of which a share is carried over from run to run."""
    noise = [rng.standard_normal()]
    for _ in SIZES[1:]:
        noise.append(share * noise[-1] + np.sqrt(1 - share**2) * rng.standard_normal())
    return SIGMA * np.array(noise)


def swapped(d: Floats, loss: Floats) -> tuple[Floats, Floats]:
    """Two runs under each other's D_f."""
    return d, loss[[0, 1, 10, 3, 4, 5, 6, 7, 8, 9, 2, 11, 12, 13]]


def in_thousands(d: Floats, loss: Floats) -> tuple[Floats, Floats]:
    """Every other D_f in thousands of examples."""
    return np.where(np.arange(d.size) % 2, d / 1000, d), loss


def bump(d: Floats, height: float, at: float = 6e3, width: float = 0.7) -> Floats:
    """A bump of log loss along log D_f."""
    return height * np.exp(-((np.log(np.asarray(d) / at) / width) ** 2))


def waves(d: Floats) -> Floats:
    """Three waves of 3 % over the range."""
    return law(d) * np.exp(0.03 * np.sin(6 * np.pi * np.log(d / 200) / np.log(1000)))


def stepped(d: Floats) -> Floats:
    """A fall of three tenths at D_f = 8,000."""
    return law(d) * np.where(np.asarray(d) > 8e3, 0.7, 1.0)


def overfitted(d: Floats) -> Floats:
    """A loss that rises again from D_f = 20,000 on."""
    return law(d) * np.exp(0.15 * np.maximum(np.log(np.asarray(d) / 2e4), 0.0))


TWICE, CLUSTERS = np.repeat(SIZES[::2], 2), np.r_[np.geomspace(900, 1100, 6), np.geomspace(9e4, 1.1e5, 6)]
HALVES = np.arange(SIZES.size) % 2
CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    "nothing wrong": case,
    # --- the curve
    "flat": lambda r: case(r, lambda d: 2.0 + 0.0 * d),
    "flat, and hardly any noise": lambda r: case(r, lambda d: 2.0 + 0.0 * d, sigma=1e-5),
    "no reducible loss after 1,000": lambda r: case(r, lambda d: 1.5 + 0.5 * np.exp(-d / 200.0)),
    "rises with D_f": lambda r: case(r, lambda d: 2.0 * (d / 6e3) ** 0.05),
    "rises again": lambda r: case(r, overfitted),
    "E at zero": lambda r: case(r, lambda d: law(d, E=0.0)),
    "E far above the reducible loss": lambda r: case(r, lambda d: law(d, E=10.0, reducible=0.1)),
    "falls like D_f^-2": lambda r: case(r, lambda d: law(d, beta=2.0)),
    "falls like D_f^-0.01": lambda r: case(r, lambda d: law(d, beta=0.01)),
    "a step": lambda r: case(r, stepped),
    "a bump": lambda r: case(r, lambda d: law(d) * np.exp(bump(d, 0.1))),
    "waves": lambda r: case(r, waves),
    "a plateau before the fall": lambda r: case(r, lambda d: 1.0 + 1.5 / (1 + (d / 5e3) ** 0.8)),
    "a straight line in log D_f": lambda r: case(r, lambda d: 3.0 - 0.12 * np.log(d)),
    "a loss of 1e6": lambda r: case(r, lambda d: 1e6 * law(d)),
    "a loss of 1e-6": lambda r: case(r, lambda d: 1e-6 * law(d)),
    # --- the noise
    "no noise at all": lambda r: case(r, sigma=0.0),
    "noise of 30 %": lambda r: case(r, sigma=0.3),
    "noise tenfold at small D_f": lambda r: case(r, sigma=np.where(SIZES < 6e3, 0.1, 0.01)),
    "noise tenfold at large D_f": lambda r: case(r, sigma=np.where(SIZES > 6e3, 0.1, 0.01)),
    "Cauchy noise": lambda r: case(r, nu=1.0),
    "noise carried over": lambda r: case(r, sigma=0.0, shift=correlated(r)),
    "an outlier of 10 sigma inside": lambda r: case(r, shift=at(6, by=10 * SIGMA)),
    "an outlier of 10 sigma at the largest D_f": lambda r: case(r, shift=at(13, by=10 * SIGMA)),
    "an outlier of -10 sigma at the largest D_f": lambda r: case(r, shift=at(13, by=-10 * SIGMA)),
    "an outlier of 10 sigma at the smallest D_f": lambda r: case(r, shift=at(0, by=10 * SIGMA)),
    "an outlier of 3 sigma at the smallest D_f": lambda r: case(r, shift=at(0, by=3 * SIGMA)),
    "two like outliers at the largest D_f": lambda r: case(r, shift=at(12, 13, by=10 * SIGMA)),
    "a loss of a run that diverged": lambda r: case(r, shift=at(5, by=2.0)),
    "contradictory seeds": lambda r: case(r, sizes=TWICE, shift=np.tile([0.1, -0.1], 7)),
    # --- the table
    "two clusters of D_f": lambda r: case(r, sizes=CLUSTERS),
    "D_f over a factor of 1.5": lambda r: case(r, sizes=np.geomspace(5e3, 7.5e3, 14)),
    "five runs": lambda r: case(r, sizes=SIZES[::3]),
    "three runs": lambda r: case(r, sizes=SIZES[::6]),
    "two runs": lambda r: case(r, sizes=SIZES[[0, 13]]),
    "one D_f": lambda r: case(r, sizes=np.full(14, 6e3)),
    "half of the losses in bits": lambda r: case(r, shift=np.log(BITS) * HALVES),
    "the larger D_f in bits": lambda r: case(r, shift=np.log(BITS) * (SIZES > 6e3)),
    "the smaller D_f in bits": lambda r: case(r, shift=np.log(BITS) * (SIZES < 6e3)),
    "two runs under each other's D_f": lambda r: case(r, reported=swapped),
    "half of D_f in thousands": lambda r: case(r, reported=in_thousands),
    "an accuracy": lambda r: case(r, reported=lambda d, loss: (d, 1 - loss / 5)),
    "a log loss of a loss below 1": lambda r: case(r, reported=lambda d, loss: (d, np.log(loss / 3))),
    "a loss that is missing": lambda r: case(r, reported=lambda d, loss: (d, loss + at(3, by=np.nan))),
    "losses rounded to a quarter": lambda r: case(r, reported=lambda d, loss: (d, np.round(4 * loss) / 4)),
    "each run three times": lambda r: case(r, sizes=np.tile(SIZES, 3), sigma=0.0, shift=np.tile(correlated(r, 0), 3)),
}

if __name__ == "__main__":
    main()
