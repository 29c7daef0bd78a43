"""Who forecasts: the posterior, least squares with a residual bootstrap, and the last value seen."""

from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from scipy.stats import norm
from scipy.stats import t as student_t

from bayes_scaling.answers import Answers
from bayes_scaling.backtesting.scores import Forecast
from bayes_scaling.encoding import encode_design
from bayes_scaling.encoding.rows import log_examples
from bayes_scaling.joint_law import JointLaw
from bayes_scaling.models.layout import Floats
from bayes_scaling.models.least_squares import DELTA, bootstrap, least_squares, log_mean
from bayes_scaling.prediction import noise
from bayes_scaling.runs import FACTORS

COPIES = 200  # of the residual bootstrap
DRAWS = 2000
FEWEST_STEPS = 2  # neighbouring pairs from which the last value's error is read


def by_posterior(posterior: Answers, test: pd.DataFrame) -> Forecast:
    """The posterior predictive of new runs."""
    log_loss = np.log(test["loss"].to_numpy(np.float64))
    draws, densities = [], []
    for block, parts in posterior.blocks(test):
        draws.append(parts.log_mean + noise(posterior, parts, block))
        densities.append(_log_mean_exp(student_t.logpdf(log_loss[block], parts.nu, parts.log_mean, parts.sigma)))
    return Forecast(np.concatenate(draws, axis=1), np.concatenate(densities))


def by_least_squares(train: pd.DataFrame, test: pd.DataFrame, model: JointLaw, seed: int) -> Forecast:
    """The law by the sum of Huber losses, refitted to residual-bootstrap copies; noise is resampled residuals."""
    problem = model.encode(train)
    law = model.resolve(problem.layout).law
    rows = encode_design(problem.layout, law, train, test).rows
    copies, residual = bootstrap(law, problem, least_squares(law, problem), COPIES, seed)
    means = log_mean(law, copies, rows)
    rng = np.random.default_rng([seed, 1])
    draws = means[rng.integers(COPIES, size=DRAWS)]
    noise = rng.choice(residual, draws.shape)
    return Forecast(draws + noise, _normal_mixture(means, max(float(residual.std()), DELTA), test))


def by_last_value(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> Forecast:
    """The measured run that is nearest in log sizes (on the same base LLM where there is one), give or take.

    The error is that of the same forecast between neighbouring sizes of D_f in the training runs.
    """
    last = np.array([_nearest(train, row) for _, row in test.iterrows()])
    spread = _neighbour_error(train)
    rng = np.random.default_rng([seed, crc32(b"last value")])
    draws = last + spread * rng.standard_normal((DRAWS, len(test)))
    return Forecast(draws, _normal_mixture(last[None], spread, test))


def _normal_mixture(means: Floats, sd: float, test: pd.DataFrame) -> Floats:
    """Log density of the measured log losses under normals about each mean."""
    log_loss = np.log(test["loss"].to_numpy(np.float64))
    return _log_mean_exp(norm.logpdf(log_loss, means, sd))


def _log_mean_exp(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return np.asarray(logsumexp(array, axis=0) - np.log(len(array)))


def _nearest(train: pd.DataFrame, row: "pd.Series[float]") -> float:
    """Log loss of the nearest run of the same (task, method); the mean where several are as near."""
    near = train[(train["task"] == row["task"]) & (train["method"] == row["method"])]
    same_base = near[near["base"] == row["base"]]
    near = same_base if len(same_base) else near if len(near) else train
    distance = np.zeros(len(near))
    for column in ("finetune_size", *FACTORS):
        if column in near and np.isfinite(row.get(column, np.nan)):
            sizes = near[column].to_numpy(np.float64)
            distance += np.abs(log_examples(sizes) - log_examples(np.array(float(row[column]))))
    finite = np.where(np.isfinite(distance), distance, np.inf)
    return float(np.log(near["loss"].to_numpy(np.float64))[finite <= finite.min() + 1e-9].mean())


def _neighbour_error(train: pd.DataFrame) -> float:
    """Root mean square change of log loss from one size of D_f to the next on one curve, zero-shot runs aside.

    The step from no example to the first few is like no other.
    """
    train = train[train["finetune_size"] > 0]
    keys = ["task", "method", "base", *(f for f in FACTORS if f in train)]
    changes = [
        np.diff(np.log(curve.groupby("finetune_size")["loss"].mean().to_numpy()))
        for _, curve in train.groupby(keys, dropna=False)
    ]
    steps = np.concatenate(changes)
    if steps.size < FEWEST_STEPS:
        steps = np.log(train["loss"].to_numpy(np.float64)) - np.log(train["loss"]).mean()
    return max(float(np.sqrt(np.mean(steps**2))), DELTA)
