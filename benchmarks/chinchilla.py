"""Chinchilla's law L = A N^-alpha + B D^-beta + E beside the published refit of Besiroglu et al. (arXiv 2404.10102).

    python benchmarks/chinchilla.py

Under their noise model (Huber losses of log loss, delta .001) twice: the least sum, and the posterior under a density
whose mode it is (flat priors but for E, A, B > 0; the scale is free). Then the package's own posterior, whose noise is
Student-t. Data are not shipped, see benchmarks/real_data.py.
"""

from functools import partial

import golden_models as models
import numpy as np
import numpyro.distributions as dist
import pandas as pd
from make_golden import SEED, sample
from real_data import chinchilla

import bayes_scaling as bs
from bayes_scaling.models.least_squares import least_squares

PUBLISHED = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
STANDARD_ERROR = {"E": 0.03, "A": 124.58, "B": 1293.23, "alpha": 0.02, "beta": 0.02}
WIDE = {
    "E": dist.HalfNormal(10.0),
    "alpha": dist.Uniform(0.0, 2.0),
    "beta": dist.Uniform(0.0, 2.0),
    "reducible": dist.LogNormal(-0.5, 3.0),
    "data_term": dist.LogNormal(-0.5, 3.0),
}
MODEL = bs.JointLaw("additive", {**models.CHINCHILLA_PRIORS}, base_effects=False)


def main() -> None:
    """Print the table."""
    runs = chinchilla()
    draws, divergences = sample(partial(models.additive, runs, WIDE, huber=True), SEED)
    named = {name: values.ravel() for name, values in draws.items()}
    rows = {
        "published, 240 points": PUBLISHED,
        "published standard errors": STANDARD_ERROR,
        "least sum of Huber losses": least_squares_row(runs),
        "Huber posterior, mean": {name: named[name].mean() for name in PUBLISHED},
        "Huber posterior, sd": {name: named[name].std() for name in PUBLISHED},
    }
    rows |= _student(runs)
    table = pd.DataFrame(rows).T
    for name in [row for row in table.index if row.endswith(("mean", "losses"))]:
        table.loc[f"{name}: off, in published SE"] = (table.loc[name] - pd.Series(PUBLISHED)) / pd.Series(
            STANDARD_ERROR
        )
    print(f"{len(runs)} points; {divergences} divergences under Huber noise")
    print(table.round(4).to_string())


def least_squares_row(runs: pd.DataFrame) -> dict[str, float]:
    """E, A, B, alpha and beta with the least sum of Huber losses, by the package's rival."""
    valid = bs.load_runs(runs)
    problem = MODEL.encode(valid)
    best, layout = least_squares(MODEL.equation, problem), problem.layout
    alpha, beta = float(best["alpha"][0]), float(best["beta"][0])
    return {
        "E": float(best["E"][0]),
        "A": float(best["reducible"][0] * np.exp(alpha * layout.log_x0[0])),
        "B": float(best["data_term"][0] * np.exp(beta * layout.log_d0[0])),
        "alpha": alpha,
        "beta": beta,
    }


def _student(runs: pd.DataFrame) -> dict[str, dict[str, float]]:
    fit = bs.fit(runs, MODEL, seed=0)
    layout, alpha, beta = fit.layout, fit.family("alpha")[:, 0], fit.family("beta")[:, 0]
    draws = {
        "E": fit.family("E")[:, 0],
        "A": fit.family("reducible")[:, 0] * np.exp(alpha * layout.log_x0[0]),
        "B": fit.family("data_term")[:, 0] * np.exp(beta * layout.log_d0[0]),
        "alpha": alpha,
        "beta": beta,
    }
    return {
        "our Student-t posterior, mean": {name: values.mean() for name, values in draws.items()},
        "our Student-t posterior, sd": {name: values.std() for name, values in draws.items()},
    }


if __name__ == "__main__":
    main()
