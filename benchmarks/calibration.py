"""Simulation-based calibration of the single-curve models (Talts et al. 2018, arXiv 1804.06788).

    python benchmarks/calibration.py --truths 100

A truth is drawn from the priors, runs from the truth, a posterior from the runs: the rank of the truth among its
draws is uniform. Each parameter's ranks are tested by chi-square over ten bins; with k tests a model passes when the
least p-value is above .01 / k, so that a right model fails one time in a hundred. The broken twins, to the same data
with the noise doubled or fitted without the drift they have, must fail.
"""

import argparse
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpyro.distributions as dist
import pandas as pd
from scipy.stats import chisquare

import bayes_scaling as bs
from bayes_scaling.models.predictive import sample_prior

# priors in numbers: defaults scale with the data, and a truth is drawn before there are data
PRIORS: dict[str, Any] = {
    "E": dist.Gamma(8.0, 10.0),
    "reducible": dist.LogNormal(-0.3, 0.5),
    "beta": dist.Gamma(4.0, 20.0),
    "sigma": dist.LogNormal(math.log(0.01), 0.5),
}
LAWS = ("multiplicative", "rectified")
TWINS = ("", "noise doubled", "drift left out")
SIZES = np.geomspace(200, 2e5, 11)
BINS, DRAWS, FAILURE = 10, 99, 0.01


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row a model and twin."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truths", type=int, default=100)
    parser.add_argument("--law", action="append", choices=LAWS)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    rows = [_row(law, twin, given.truths) for law in given.law or LAWS for twin in TWINS]
    print(pd.DataFrame(rows).to_string(index=False))


def _row(law: str, twin: str, truths: int) -> dict[str, object]:
    options: dict[str, Any] = {"priors": PRIORS, "factors": (), "base_effects": False}
    model = bs.JointLaw(law, discrepancy=True, **options)
    fitted = bs.JointLaw(law, discrepancy=twin != "drift left out", **options)
    ranks = pd.DataFrame([_ranks(model, fitted, twin, seed) for seed in range(truths)])
    bins = ranks * BINS // (DRAWS + 1)
    p_values = {str(name): chisquare(np.bincount(bins[name], minlength=BINS)).pvalue for name in bins}
    least = min(p_values.values())
    verdict = "passes" if least > FAILURE / len(p_values) else "fails"
    return {"law": law, "twin": twin or "-", "truths": truths, **p_values, "verdict": verdict}


def _ranks(model: bs.JointLaw, fitted: bs.JointLaw, twin: str, seed: int) -> dict[str, int]:
    frame = bs.load_runs(pd.DataFrame({"task": "t", "method": "m", "finetune_size": SIZES, "loss": 1.0, "base": "b"}))
    problem = model.encode(frame)
    families, loss = sample_prior(model.resolve(problem.layout), problem, 1, seed)
    if twin == "noise doubled":
        noise = np.random.default_rng(seed).standard_t(families["nu"][0], SIZES.size)
        loss = loss * np.exp(math.sqrt(3.0) * families["sigma"][0] * noise)
    fit = bs.fit(frame.assign(loss=loss[0]), fitted, seed=seed)
    kept = np.linspace(0, fit.family("E").shape[0] - 1, DRAWS).astype(int)
    names = [name for name in ("E", "beta", "reducible", "sigma") if name in fit.draws]
    return {name: int(np.sum(fit.family(name)[kept, 0] < families[name][0, 0])) for name in names}


if __name__ == "__main__":
    main()
