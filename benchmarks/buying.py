"""What five bought runs are worth: ``next_runs`` against buying at random and buying the largest.

    python benchmarks/buying.py simulated sun2026 lin2024 --ledger buying.jsonl

Every problem starts from one run of each method at its smallest three D_f; a method is then to be chosen at a D_f that
cannot be bought. Runs are bought one at a time, all at one price, and revealed from the table (or from a simulated
truth); after five, the method of the lowest posterior mean is taken, and its regret is that of the losses measured at
the target. lin2024's methods are five of its LLMs. A problem that the ledger has is not done again.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from decisions import done, entries
from real_data import CURVE, lin2024, sun2026

import bayes_scaling as bs
from bayes_scaling.prediction import expected_loss

BOUGHT = 5
START = 3  # smallest D_f of each method
TOGETHER = 5  # LLMs of lin2024 that are chosen among
RANDOM = 3  # repeats of buying at random
SIMULATED = 10


class Problem(NamedTuple):
    """Runs that can be had, the D_f of the decision, each method's loss there, and how it is fitted."""

    name: str
    runs: pd.DataFrame
    target: float
    losses: pd.Series
    model: bs.JointLaw


Buy = Callable[[Problem, pd.DataFrame, pd.DataFrame, np.random.Generator], int]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the ledger lacks and print the mean regrets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=list(PROBLEMS))
    parser.add_argument("--ledger", type=Path, required=True, help="one line of JSON a problem; taken up again")
    parser.add_argument("--draws", type=int, default=300)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    for data in given.data:
        for problem in PROBLEMS[data]():
            key = f"{data}|{problem.name}"
            if key in done(given.ledger):
                continue
            began = time.monotonic()
            row = {"key": key, "data": data, **regrets(problem, given.draws)}
            with given.ledger.open("a") as ledger:
                ledger.write(json.dumps(row | {"seconds": time.monotonic() - began}) + "\n")
            print({name: round(value, 5) if isinstance(value, float) else value for name, value in row.items()})
    report(pd.DataFrame(entries(given.ledger)).query("data in @given.data"))


def regrets(problem: Problem, draws: int) -> dict[str, float]:
    """Regret before anything is bought and after five runs by every rule."""
    start, rest = first_runs(problem)
    found = {"before": regret(problem, start, draws)}
    found["next_runs"] = after(problem, start, rest, by_value(draws), draws, 0)
    found["largest"] = after(problem, start, rest, the_largest, draws, 0)
    found["random"] = float(np.mean([after(problem, start, rest, at_random, draws, s) for s in range(RANDOM)]))
    return found


def first_runs(problem: Problem) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs that every rule starts from, and those that can be bought."""
    runs = problem.runs[problem.runs["finetune_size"] < problem.target].reset_index(drop=True)
    smallest = runs.groupby("method")["finetune_size"].transform(lambda d: np.sort(d.unique())[START - 1])
    first = (runs["finetune_size"] <= smallest) & ~runs.duplicated(["method", "finetune_size"])
    rest = runs[~first & (runs["finetune_size"] > smallest)]
    return runs[first].reset_index(drop=True), rest.reset_index(drop=True)


def after(problem: Problem, start: pd.DataFrame, rest: pd.DataFrame, buy: Buy, draws: int, seed: int) -> float:
    """Regret once five runs were bought by one rule."""
    rng = np.random.default_rng(seed)
    known, rest = start, rest.sample(frac=1.0, random_state=seed).reset_index(drop=True)  # which seed comes first
    for _ in range(BOUGHT):
        bought = buy(problem, known, rest, rng)
        known = pd.concat([known, rest.iloc[[bought]]], ignore_index=True)
        rest = rest.drop(index=bought).reset_index(drop=True)
    return regret(problem, known, draws)


def at_random(problem: Problem, known: pd.DataFrame, rest: pd.DataFrame, rng: np.random.Generator) -> int:
    """Any run, each as likely."""
    return int(rng.integers(len(rest)))


def the_largest(problem: Problem, known: pd.DataFrame, rest: pd.DataFrame, rng: np.random.Generator) -> int:
    """The largest D_f of the method that was bought the fewest times."""
    times = rest["method"].map(known["method"].value_counts())
    return int(rest.assign(times=times).sort_values(["times", "finetune_size"], ascending=[True, False]).index[0])


def by_value(draws: int) -> Buy:
    """The run that ``next_runs`` puts first."""

    def buy(problem: Problem, known: pd.DataFrame, rest: pd.DataFrame, rng: np.random.Generator) -> int:
        offered = rest.drop_duplicates(["method", "finetune_size"])[["task", "method", "base", "finetune_size"]]
        base = offered["base"].iloc[0] if problem.model.base_effects else None
        first = fitted(problem, known, draws).next_runs(offered, finetune_size=problem.target, base=base).iloc[0]
        return int(rest.index[(rest[["method", "finetune_size"]] == first[["method", "finetune_size"]]).all(axis=1)][0])

    return buy


def regret(problem: Problem, known: pd.DataFrame, draws: int) -> float:
    """How much more the chosen method's loss was than the best one's."""
    at = known.drop_duplicates("method").assign(finetune_size=problem.target)
    expected = expected_loss(fitted(problem, known, draws), at[[*CURVE, "finetune_size"]]).mean(axis=0)
    chosen = at["method"].iloc[int(expected.argmin())]
    return float(problem.losses[chosen] - problem.losses.min())


def fitted(problem: Problem, known: pd.DataFrame, draws: int) -> bs.Posterior:
    """One fit of all methods."""
    return bs.fit(bs.load_runs(known), problem.model, seed=0, draws=draws, warmup=draws)


def model(law: str, ceiling: dict[str, float] | None = None) -> bs.JointLaw:
    """Curves of one base LLM, which has no effect to be told from the law."""
    return bs.JointLaw(law, factors=(), base_effects=False, discrepancy=True, ceiling=ceiling)


def of_sun2026() -> Iterator[Problem]:
    """Four methods on every (task, encoder), the largest D_f being the target."""
    data = sun2026()
    for (task, base), runs in data.runs.groupby(["task", "base"], sort=False):
        target = runs.groupby("method")["finetune_size"].max().min()
        losses = runs[runs["finetune_size"] == target].groupby("method")["loss"].mean()
        ceiling = data.ceiling or {}
        yield Problem(
            f"{task}|{base}", runs.drop(columns="held"), target, losses, model("multiplicative", {task: ceiling[task]})
        )


def of_lin2024() -> Iterator[Problem]:
    """LLMs by fives, in a random order, as if each were a method; the target is 16 times what can be bought."""
    runs = lin2024().runs.assign(method=lambda table: table["base"], base="any")
    target = runs["finetune_size"].max()
    for task, of_task in runs.groupby("task"):
        names = np.random.default_rng(0).permutation(np.sort(of_task["method"].unique()))
        for i in range(0, len(names), TOGETHER):
            some = of_task[of_task["method"].isin(names[i : i + TOGETHER])]
            losses = some[some["finetune_size"] == target].set_index("method")["loss"]
            offered = some.loc[some["finetune_size"] <= target / 16, [*CURVE, "finetune_size", "loss"]]
            yield Problem(f"{task}|{i // TOGETHER}", offered, target, losses, model("rectified"))


def of_simulation() -> Iterator[Problem]:
    """Three methods whose curves come near one another; ten truths."""
    sizes = np.geomspace(200, 51_200, 9)
    for seed in range(SIMULATED):
        rng = np.random.default_rng(seed)
        cells = {}
        for method in ("full", "lora", "prompt"):
            beta, floor = rng.uniform(0.1, 0.35), rng.uniform(0.6, 1.0)
            there = rng.uniform(1.6, 1.8)  # loss at 1,600 examples
            cells[method] = bs.CellTruth({}, beta, floor, A=(there - floor) * 1600**beta, sigma=0.01)
        design = pd.DataFrame([{"method": m, "finetune_size": d} for m in cells for d in (*sizes, 819_200.0)])
        runs = bs.simulate_runs(design.assign(task="simulated", base="x"), bs.Truth(cells), seed=seed)
        target = runs["finetune_size"].max()
        losses = runs[runs["finetune_size"] == target].set_index("method")["expected_loss"]
        offered = runs.loc[runs["finetune_size"] < target, [*CURVE, "finetune_size", "loss"]]
        yield Problem(str(seed), offered, target, losses, model("multiplicative"))


def report(found: pd.DataFrame) -> None:
    """Mean regret by rule, and how it compares with buying at random."""
    rules = ["before", "next_runs", "largest", "random"]
    table = found.groupby("data", sort=False)[rules].mean()
    table = table.assign(over_random=table["next_runs"] / table["random"], problems=found.groupby("data").size())
    print(table.round(4).to_string())


PROBLEMS: dict[str, Callable[[], Iterator[Problem]]] = {
    "simulated": of_simulation,
    "sun2026": of_sun2026,
    "lin2024": of_lin2024,
}


if __name__ == "__main__":
    main()
