"""What the demo computes: a posterior, and every table that is read off it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.checks import Checks
from bayes_scaling.choice import Choice
from bayes_scaling.crossover import Crossover
from bayes_scaling.datasets import load_data, published_exponents
from bayes_scaling.demo import DATA, Progress
from bayes_scaling.fitting import fit
from bayes_scaling.posterior import Posterior

GRID = [1e3, 4e3, 1e4, 3e4, 1e5, 3e5, 1e6, 5e6, 25e6]  # D_f of the printed table
CURVE = list(np.geomspace(GRID[0], GRID[-1], 37))  # and of the plot
CHOICE_SIZE, CHOICE_BASE = 1e5, "8B"
FIRST, SECOND = "full", "lora"
NEW_BASE = "16B"


class Results(NamedTuple):
    """Everything that the demo prints, saves and draws.

    Attributes
    ----------
    runs, held : DataFrame
        All measured runs, and those that were not fitted.
    posterior : Posterior
    checks : Checks
    exponents : DataFrame
        With the paper's value in ``published``, and whether it lies in the interval in ``inside``.
    comparison : DataFrame
        Exponent of model size against exponent of D_f.
    bands : DataFrame
        Held-out runs, with the 90 % band of one run, and whether the observed loss lies in it in ``inside``.
    wins, curve : DataFrame
        P(best) at the D_f that are printed, and at those that are drawn.
    crossover : Crossover
    choice : Choice
    """

    runs: pd.DataFrame
    held: pd.DataFrame
    posterior: Posterior
    checks: Checks
    exponents: pd.DataFrame
    comparison: pd.DataFrame
    bands: pd.DataFrame
    wins: pd.DataFrame
    curve: pd.DataFrame
    crossover: Crossover
    choice: Choice


def fit_paper_runs(seed: int, progress: Progress) -> Posterior:
    """Posterior of the joint law given the runs that the paper fitted."""
    runs = load_data(DATA)
    return fit(runs[runs["split"] == "fit"], seed=seed, progress=progress)


def compute(posterior: Posterior) -> Results:
    """Every table of the demo."""
    runs = load_data(DATA)
    held = runs[runs["split"] == "held"].reset_index(drop=True)
    sizes = base_sizes(runs)
    every_size = list(sizes.values())
    return Results(
        runs=runs,
        held=held,
        posterior=posterior,
        checks=posterior.check(),
        exponents=beside_published(posterior.exponents()),
        comparison=posterior.compare_exponents("model_size", "finetune_size"),
        bands=held_out_bands(posterior, held),
        wins=posterior.win_probability(GRID, model_size=every_size),
        curve=posterior.win_probability(CURVE, model_size=every_size),
        crossover=posterior.crossover(FIRST, SECOND, model_size=every_size),
        choice=posterior.choose(CHOICE_SIZE, model_size=sizes[CHOICE_BASE]),
    )


def base_sizes(runs: pd.DataFrame) -> dict[str, float]:
    """Name of each base LLM to its non-embedding parameters, ascending."""
    bases = runs.drop_duplicates("base").sort_values("model_size")
    return {str(base): float(size) for base, size in zip(bases["base"], bases["model_size"], strict=True)}


def beside_published(exponents: pd.DataFrame) -> pd.DataFrame:
    """The paper's value of every parameter beside its posterior; the factors share beta and E."""
    own = exponents["factor"].where(exponents["parameter"].isin(["A", "alpha"]), "")
    published = published_exponents().rename(columns={"value": "published", "factor": "own_factor"})
    keys = ["task", "method", "parameter", "own_factor"]
    table = exponents.assign(own_factor=own).merge(published, how="left", on=keys, validate="one_to_one")
    inside = table["published"].between(table["hdi_low"], table["hdi_high"])
    return table.drop(columns="own_factor").assign(inside=inside)


def held_out_bands(posterior: Posterior, held: pd.DataFrame) -> pd.DataFrame:
    """90 % band of one run at every held-out run, and whether what was observed lies in it."""
    bands = posterior.predict(held, kind="run", prob=0.9)
    return bands.assign(inside=bands["loss"].between(bands["low"], bands["high"]))


class HeldOutScore(NamedTuple):
    """How well the held-out runs were predicted: counts, and the mean absolute error in nats per token."""

    inside: int
    points: int
    inside_new: int
    points_new: int
    mae_known: float


def score(bands: pd.DataFrame) -> HeldOutScore:
    """Coverage of all points and of the new LLM's, and the error at the largest D_f of the known ones."""
    new = bands["base"] == NEW_BASE
    error = (bands["mean"] - bands["loss"]).abs()
    return HeldOutScore(
        int(bands["inside"].sum()),
        len(bands),
        int(bands.loc[new, "inside"].sum()),
        int(new.sum()),
        float(error[~new].mean()),
    )
