"""Curves of D_f from the multiplicative law, fitted with and without the drift, alone and averaged with a rival law."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from width_scores import scored, width_at

import bayes_scaling as bs
from bayes_scaling.backtesting.forecasters import by_posterior

NOISES = (0.01, 0.003)  # of log loss
SIZES = 200.0 * 2.0 ** np.arange(9)  # 200 to 51,200, as in lin2024
BEYOND = 2.0 ** np.arange(1, 6)  # times the largest
CENTRE = float(np.exp(np.log(SIZES).mean()))
DRAWS = 400  # particles of each of four populations
LAWS = ("multiplicative", "rectified")
TRUE, AVERAGE, TRUE_ALONE, AVERAGE_ALONE = "true law", "average", "true law at its word", "average at its word"


def settings() -> list[dict[str, Any]]:
    """What varies beside the truth's number."""
    return [{"noise": noise} for noise in NOISES]


def truth(number: int) -> dict[str, float]:
    """E, reducible loss at the centre (both nats) and beta (uniform on its log)."""
    rng = np.random.default_rng([4, number])
    return {
        "E": rng.uniform(0.5, 2.0),
        "R": rng.uniform(0.3, 1.5),
        "beta": float(np.exp(rng.uniform(*np.log((0.05, 0.4))))),
    }


def expected(law: dict[str, float], sizes: np.ndarray) -> np.ndarray:
    """``E + R (D / D_0)^-beta``."""
    return np.asarray(law["E"] + law["R"] * (sizes / CENTRE) ** -law["beta"])


def points(number: int, noise: float) -> Iterator[dict[str, Any]]:
    """Every forecaster's bands of log loss beyond the largest size, scored."""
    law = truth(number)
    rng = np.random.default_rng([5, number])
    log_loss = np.log(expected(law, SIZES)) + noise * rng.standard_normal(SIZES.size)
    runs = _table(SIZES).assign(loss=np.exp(log_loss))
    design = _table(BEYOND * SIZES[-1])
    mean = np.log(expected(law, BEYOND * SIZES[-1]))
    for name, posterior, seconds in _forecasters(runs, number):
        draws = by_posterior(posterior, design.assign(loss=np.exp(mean))).draws
        for beyond, row in zip(BEYOND, scored(draws, mean, noise, number), strict=True):
            yield {"forecaster": name, "beyond": beyond, "seconds": seconds} | row


def _forecasters(runs: pd.DataFrame, seed: int) -> Iterator[tuple[str, Any, float]]:
    """Name, posterior and CPU seconds."""
    for drift, alone, averaged in ((True, TRUE, AVERAGE), (False, TRUE_ALONE, AVERAGE_ALONE)):
        began = time.process_time()
        fits = [_fit(runs, law, drift, seed) for law in LAWS[:1]]
        yield alone, fits[0], time.process_time() - began
        fits += [_fit(runs, law, drift, seed) for law in LAWS[1:]]
        yield averaged, bs.average(fits), time.process_time() - began


def _fit(runs: pd.DataFrame, law: str, drift: bool, seed: int) -> bs.Posterior:
    model = bs.JointLaw(law, factors=(), base_effects=False, discrepancy=drift)
    return bs.fit(runs, model, seed=seed, draws=DRAWS)


def _table(sizes: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"task": "t", "method": "full", "finetune_size": sizes})


def tables(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and table: all distances together, then the widths of each.

    "equal coverage" divides the width of the bands that cover what the true law's 90 % bands do by the width of those.
    """
    measures = ["coverage_50", "coverage_90", "crps"]
    rows, far = [], []
    for noise, of_noise in frame.groupby("noise", sort=False):
        widths = of_noise.groupby("forecaster", sort=False)["width_90"].median()
        covered = of_noise.groupby("forecaster", sort=False)["coverage_90"].mean()
        for name, group in of_noise.groupby("forecaster", sort=False):
            row = {"noise": noise, "forecaster": name, "truths": group["truth"].nunique()}
            row |= group[measures].mean().to_dict() | {"median width_90": widths[name]}
            row |= {"over true law": widths[name] / widths[TRUE], "over its word": widths[name] / widths[TRUE_ALONE]}
            row["equal coverage"] = width_at(group, covered[TRUE]) / widths[TRUE]
            rows.append(row | {"CPU s": group["seconds"].median()})
        by = of_noise.pivot_table("width_90", "beyond", "forecaster", aggfunc="median", sort=False)
        far.append(by.assign(noise=noise, ratio=by[AVERAGE] / by[TRUE]).reset_index())
    yield "Bands of a new run, 2 to 32 times beyond the data", pd.DataFrame(rows)
    yield "Median width of 90 % bands of log loss, by distance", pd.concat(far)
