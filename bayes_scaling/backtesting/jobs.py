"""One hold-out after the other, or several at once: fit what is left, let every forecaster speak of what is not."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.backtesting import forecasters
from bayes_scaling.backtesting.scores import Forecast, score
from bayes_scaling.encoding import encode_design
from bayes_scaling.errors import DesignError
from bayes_scaling.fitting import fit, is_quick
from bayes_scaling.joint_law import JointLaw
from bayes_scaling.runs import FACTORS

BAYES, LEAST_SQUARES, LAST_VALUE = "posterior", "least squares", "last value"
FEWEST_RUNS = 4  # in what is left to fit


class Job(NamedTuple):
    """A name, runs to fit and runs to predict."""

    name: str
    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def design(self) -> pd.DataFrame:
        """The runs to predict, without factors that they do not have."""
        absent = [f for f in FACTORS if f in self.test and self.test[f].isna().all()]
        return self.test.drop(columns=absent).reset_index(drop=True)


def cannot(job: Job, models: Sequence[JointLaw]) -> str | None:
    """Why the held-out runs cannot be predicted from the others, if so."""
    if len(job.train) < FEWEST_RUNS:
        return f"{len(job.train)} runs are left to fit, fewer than {FEWEST_RUNS}"
    try:
        for model in models:
            encode_design(model.encode(job.train).layout, model.equation, job.train, job.design)
    except DesignError as error:
        return str(error)
    return None


def run(jobs: Sequence[Job], models: Sequence[JointLaw], seed: int, draws: int) -> list[pd.DataFrame]:
    """Scored points of every job, in their order.

    Curves share a compiled program, which waits for no other: the first compiles it, the rest go to a thread a core.
    NUTS has threads of its own.
    """

    def points(job: Job) -> pd.DataFrame:
        return pd.concat([said.assign(split=job.name) for said in _forecasts(job, models, seed, draws)])

    alike = all(is_quick(job.train, model) for job in jobs for model in models)
    with ThreadPoolExecutor((os.cpu_count() or 1) if alike else 1) as pool:
        return [*map(points, jobs[:1]), *pool.map(points, jobs[1:])]


def _forecasts(job: Job, models: Sequence[JointLaw], seed: int, draws: int) -> Iterator[pd.DataFrame]:
    from bayes_scaling.averaging import average

    fits = [fit(job.train, model, seed, draws=draws) for model in models]
    posterior = fits[0] if len(fits) == 1 else average(fits)
    where = posterior.predict(job.design)[["distance", "region"]]
    yield _scored(BAYES, forecasters.by_posterior(posterior, job.design), job.test).join(where)
    yield _scored(LEAST_SQUARES, forecasters.by_least_squares(job.train, job.design, models[0], seed), job.test)
    yield _scored(LAST_VALUE, forecasters.by_last_value(job.train, job.test, seed), job.test)


def _scored(forecaster: str, said: Forecast, test: pd.DataFrame) -> pd.DataFrame:
    measured = np.log(test["loss"].to_numpy(np.float64))
    return test.reset_index(drop=True).join(score(said, measured)).assign(forecaster=forecaster)
