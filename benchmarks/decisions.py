"""Which method at a larger D_f: chosen from the small half of the sizes, judged by what was measured there.

    python benchmarks/decisions.py sun2026 peft_metamath --ledger decisions.jsonl

For every (task, base LLM) and every larger D_f: the posterior's choice beside (a) the best method at the largest fitted
D_f, (b) the law by least squares, and (c) the same choice with probabilities from its residual bootstrap. Regret is
that of the measured losses, averaged over seeds. A group that the ledger has is not fitted again. ``--alone`` fits each
method's curve by itself, with the quick engine.
"""

import argparse
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from decision_scores import choice_row, of_draws, of_point, pair_rows, reliability
from real_data import CURVE, SETS

import bayes_scaling as bs
from bayes_scaling.encoding import encode_design
from bayes_scaling.models.least_squares import bootstrap, least_squares, log_mean
from bayes_scaling.prediction import expected_loss

COPIES = 200  # of the bootstrap
HORIZONS = 5  # larger sizes of D_f at most


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit what the ledger lacks and print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=["sun2026", "peft_metamath"])
    parser.add_argument("--ledger", type=Path, required=True, help="one line of JSON a fitted group; taken up again")
    parser.add_argument("--alone", action="store_true", help="fit each method's curve by itself")
    parser.add_argument("--law", default="multiplicative")
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    for name in given.data:
        data = SETS[name]()
        for group, runs in data.runs.groupby(["task", "base"], sort=False):
            key = f"{name}|{'|'.join(map(str, group))}|{given.law}{'|alone' * given.alone}"
            if key in done(given.ledger):
                continue
            began = time.monotonic()
            model = bs.JointLaw(given.law, factors=(), base_effects=False, discrepancy=True, ceiling=data.ceiling)
            rows = judged(runs, model, given.alone, given.draws)
            with given.ledger.open("a") as ledger:
                ledger.write(json.dumps({"key": key, "data": name, "seconds": time.monotonic() - began, **rows}) + "\n")
            print(f"{key}: {time.monotonic() - began:.0f} s", flush=True)
    report([entry for entry in entries(given.ledger) if entry["data"] in given.data])


def entries(ledger: Path) -> list[dict]:
    """What the ledger has; a last line that was cut off is left out."""
    if not ledger.exists():
        return []
    lines = ledger.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def done(ledger: Path) -> set[str]:
    """Keys of the groups that the ledger has."""
    return {entry["key"] for entry in entries(ledger)}


def judged(runs: pd.DataFrame, model: bs.JointLaw, alone: bool, draws: int) -> dict[str, list]:
    """Choices and pairs of one (task, base LLM), a row for each forecaster and larger D_f."""
    sizes = np.array(sorted(set.intersection(*(set(d) for _, d in runs.groupby("method")["finetune_size"]))))
    train = bs.load_runs(runs[runs["finetune_size"] <= sizes[(len(sizes) - 1) // 2]].drop(columns="held"))
    horizons = sizes[(len(sizes) - 1) // 2 + 1 :]
    horizons = horizons[np.unique(np.linspace(0, len(horizons) - 1, HORIZONS).round().astype(int))]
    methods = list(dict.fromkeys(train["method"]))
    measured = runs.groupby(["method", "finetune_size"])["loss"].mean().unstack().loc[methods, horizons].to_numpy()
    choices, pairs = [], []
    for forecaster, h, (expected, p_best, p_first) in forecasts(train, methods, horizons, model, alone, draws):
        where = {"forecaster": forecaster, "ahead": float(horizons[h] / train["finetune_size"].max())}
        choices.append(where | dict(choice_row(methods, expected, p_best, measured[:, h])))
        pairs += [where | pair for pair in pair_rows(p_first, measured[:, h])]
    return {"choices": choices, "pairs": pairs}


def forecasts(
    train: pd.DataFrame, methods: list[str], horizons: np.ndarray, model: bs.JointLaw, alone: bool, draws: int
) -> Iterator[tuple[str, int, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Name, horizon, and expected loss, P(best) and P(better) of every forecaster."""
    curves = [train[train["method"] == method] for method in methods]
    at = [design(curve, horizons) for curve in curves]
    posterior = by_curve(curves, at, model) if alone else jointly(train, at, model, draws)
    fitted = [point_law(curve, rows, model) for curve, rows in zip(curves, at, strict=True)]
    point, copies = (np.stack(parts) for parts in zip(*fitted, strict=True))
    largest = train["finetune_size"].max()
    last = np.array([curve.loc[curve["finetune_size"] == largest, "loss"].mean() for curve in curves])
    for h in range(len(horizons)):
        yield "posterior", h, of_draws(posterior[:, :, h])
        yield "best at the largest fitted", h, of_point(last)
        yield "point law", h, of_point(point[:, h])
        yield "point law, bootstrap", h, (point[:, h], *of_draws(copies[:, :, h])[1:])


def design(curve: pd.DataFrame, horizons: np.ndarray) -> pd.DataFrame:
    """One curve's method and base LLM at the larger sizes."""
    return pd.DataFrame({"finetune_size": horizons}).assign(**{name: curve[name].iloc[0] for name in CURVE})


def jointly(train: pd.DataFrame, at: list[pd.DataFrame], model: bs.JointLaw, draws: int) -> np.ndarray:
    """Draws of expected loss by one fit of all methods, shape (M, S, horizons)."""
    fit = bs.fit(train, model, seed=0, draws=draws)
    return np.stack([expected_loss(fit, rows) for rows in at])


def by_curve(curves: list[pd.DataFrame], at: list[pd.DataFrame], model: bs.JointLaw) -> np.ndarray:
    """The same with every method fitted alone; a seed each, so that draws of two methods are independent."""
    fits = [bs.fit(curve, model, seed=i) for i, curve in enumerate(curves)]
    return np.stack([expected_loss(fit, rows) for fit, rows in zip(fits, at, strict=True)])


def point_law(curve: pd.DataFrame, at: pd.DataFrame, model: bs.JointLaw) -> tuple[np.ndarray, np.ndarray]:
    """Loss by least squares, shape (horizons,), and of its bootstrap copies, shape (copies, horizons)."""
    problem = model.encode(curve)
    law = model.resolve(problem.layout).law
    best = least_squares(law, problem)
    copies, _ = bootstrap(law, problem, best, COPIES, seed=0)
    rows = encode_design(problem.layout, law, curve, at).rows
    single = {name: value[None] for name, value in best.items()}
    return np.exp(log_mean(law, single, rows)[0]), np.exp(log_mean(law, copies, rows))


def report(found: list[dict]) -> None:
    """Mean regret, Brier scores and reliability of every data set and forecaster."""
    for name in dict.fromkeys(entry["data"] for entry in found):
        of_data = [entry for entry in found if entry["data"] == name]
        tables: dict[str, pd.DataFrame] = {
            part: pd.DataFrame([row for entry in of_data for row in entry[part]]) for part in ("choices", "pairs")
        }
        print(f"\n{name}: {len(of_data)} groups, {sum(entry['seconds'] for entry in of_data):.0f} s of fits")
        print(summary(tables["choices"], tables["pairs"]).round(4).to_string())
        for ahead, part in tables["choices"].groupby(pd.cut(tables["choices"]["ahead"], [1, 1.5, 2.5, 5, 100])):
            if len(part):
                print(f"  mean regret at {ahead} times the largest fitted D_f")
                print(part.groupby("forecaster", sort=False)["regret"].agg(["mean", "size"]).round(4).to_string())
        sure = tables["pairs"][tables["pairs"]["forecaster"] == "posterior"]
        print("  P(better) of the posterior, every pair both ways round")
        print(reliability(sure[["p", "won"]]).round(3).to_string())


def summary(choices: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """One row a forecaster: regret, share of right choices, Brier score of P(best) and of P(better)."""
    table = choices.assign(right=choices["chosen"] == choices["best"]).groupby("forecaster", sort=False)
    squares = pairs.assign(brier=(pairs["p"] - pairs["won"]) ** 2).groupby("forecaster", sort=False)["brier"].mean()
    return table.agg(
        regret=("regret", "mean"), right=("right", "mean"), brier=("brier", "mean"), p_chosen=("p_chosen", "mean")
    ).assign(pair_brier=squares, choices=table.size())


if __name__ == "__main__":
    main()
