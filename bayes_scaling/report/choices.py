"""Which method when: wins over D_f, choices, crossovers and the runs to make next, on each task's largest base LLM."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.averaging import Average
from bayes_scaling.checks.decision import FARTHER, largest_base
from bayes_scaling.choice import Choice
from bayes_scaling.crossover import Crossover
from bayes_scaling.grid import methods_of
from bayes_scaling.posterior import Posterior
from bayes_scaling.quantities import format_quantity
from bayes_scaling.regions import measured_range
from bayes_scaling.runs import FACTORS, varied_factors
from bayes_scaling.text import listing

DATA = "finetune_size"
SIZES = 7  # D_f of the table of wins
PAIRS = 6  # crossovers that are told at most
SHOWN = 5  # runs to make next


class Decision(NamedTuple):
    """What is decided on one task: the base LLM, its sizes, and the D_f in question.

    Attributes
    ----------
    sizes : dict
        Factors that some method's law has, with their size there.
    finetune_sizes : float array
        From the smallest measured D_f to ten times the largest.
    """

    task: str
    base: str
    sizes: dict[str, Any]
    finetune_sizes: list[float]
    largest: float


def decision(answers: Posterior | Average, task: str) -> Decision:
    """The decision that a task's runs are likely made for."""
    runs = answers.runs[answers.runs["task"] == task]
    base = largest_base(runs)
    of_base = runs[runs["base"] == base]
    measured = runs.loc[runs[DATA] > 0, DATA]
    grid = np.geomspace(measured.min(), FARTHER * measured.max(), SIZES)
    return Decision(task, base, _sizes(runs, of_base), [float(f"{d:.2g}") for d in grid], float(measured.max()))


def _sizes(runs: pd.DataFrame, of_base: pd.DataFrame) -> dict[str, float]:
    """Sizes of the factors that vary in some method; the PET size only where a method has no law without it."""
    cells = [cell for _, cell in runs.groupby("method", sort=False)]
    varied = [f for f in FACTORS if any(f in varied_factors(cell) for cell in cells)]
    found = {f: float(of_base[f].dropna().iloc[0]) for f in varied if f != "pet_size" and of_base[f].notna().any()}
    always = [cell for cell in cells if "pet_size" in varied_factors(cell) and cell["pet_size"].notna().all()]
    if always:
        found["pet_size"] = float(pd.concat(always)["pet_size"].mode().max())
    return found


def wins(answers: Posterior | Average, which: Decision) -> pd.DataFrame:
    """P(each method is best) at every D_f of the decision."""
    return answers.win_probability(which.finetune_sizes, task=which.task, base=which.base, **which.sizes)


def measured(answers: Posterior | Average, task: str) -> str:
    """Where a comparison rests on runs of every method, and where it extrapolates."""
    cells = [c for c, name in enumerate(answers.layout.task) if name == task]
    ranges = [measured_range(answers, c, DATA) for c in cells]
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    if low > high:
        return "No D_f was measured with every method: each comparison extrapolates one of them."
    return (
        f"Every method was measured from D_f {format_quantity(low)} to {format_quantity(high)}; the rest extrapolates."
    )


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """The same, one row a D_f: every method's P(best), and what choosing the likeliest would cost."""
    rows = []
    for size, group in table.groupby("finetune_size"):
        best = group.iloc[int(group["p_best"].argmax())]
        shares = {f"p_best {m}": p for m, p in zip(group["method"], group["p_best"], strict=True)}
        cost = {"expected_loss": best["expected_loss"], "expected_regret": best["expected_regret"]}
        far = group.loc[group["region"] != "interior", "method"].tolist()
        rows.append(
            {
                "finetune_size": size,
                **shares,
                "likeliest": best["method"],
                **cost,
                "not measured there": listing(far) if far else None,
            }
        )
    return pd.DataFrame(rows)


def choose(answers: Posterior | Average, which: Decision) -> list[Choice]:
    """The choice at the largest measured D_f and at ten times that."""
    sizes = (which.largest, FARTHER * which.largest)
    return [answers.choose(size, task=which.task, base=which.base, **which.sizes) for size in sizes]


def crossovers(answers: Posterior | Average, which: Decision) -> list[Crossover]:
    """Where every two methods' expected losses meet, for the first few pairs."""
    pairs = list(combinations(methods_of(answers, which.task), 2))[:PAIRS]
    return [answers.crossover(a, b, task=which.task, **which.sizes) for a, b in pairs]


def next_runs(answers: Posterior | Average, which: Decision) -> pd.DataFrame:
    """The best of the runs that could be made on the bases of the fit, each for one unit of cost."""
    candidates = _candidates(answers, which)
    at: dict[str, Any] = {
        DATA: which.largest,
        "model_size": None,
        "pretrain_size": None,
        "pet_size": None,
        **which.sizes,
    }
    return answers.next_runs(candidates, task=which.task, base=which.base, **at)


def _candidates(answers: Posterior | Average, which: Decision) -> pd.DataFrame:
    """Every method on every base LLM that it was run on, at a few D_f."""
    runs = answers.runs[answers.runs["task"] == which.task]
    measured = [size for size in which.finetune_sizes if size <= which.largest]
    rows = []
    for (method, base), group in runs.groupby(["method", "base"], sort=False):
        first = group.iloc[0]
        known = {f: float(first[f]) for f in FACTORS if f in group and not pd.isna(first[f])}
        for size in measured:
            rows.append({"task": which.task, "method": method, "base": base, DATA: size, **known})
    return pd.DataFrame(rows)
