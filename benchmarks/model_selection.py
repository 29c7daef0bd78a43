"""Which of 30 LLMs to finetune: chosen from small D_f, judged at the largest (Lin et al. 2024, arXiv 2402.02314).

    python benchmarks/model_selection.py --ledger model_selection.jsonl

Each LLM's curve is fitted by itself up to a budget (a share of the largest D_f) and forecast at the largest. Beside
the posterior mean of the rectified law: the paper's own, "accept then stop" (AtS, their algorithm 1 with k = 3 and
delta = 5), written from its description, and the loss at the largest affordable D_f ("sub-tuning"). Regret is in nats;
PearCorr is the correlation of forecast and measured loss; RelAcc is how far from the worst LLM to the best the chosen
one is. A curve that the ledger has is not fitted again.
"""

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from decisions import done, entries
from real_data import lin2024

import bayes_scaling as bs
from bayes_scaling.prediction import expected_loss

BUDGETS = (8, 32, 128)  # the largest D_f over these
ACCEPTED, STOP = 3, 5.0  # k and delta of AtS
SMALLEST_SPREAD = 1e-12  # of residuals, so that three points on one line accept no fourth off it


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit what the ledger lacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ledger", type=Path, required=True, help="one line of JSON a fitted curve; taken up again")
    parser.add_argument("--law", default="rectified")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    runs = lin2024().runs
    full = runs["finetune_size"].max()
    for budget in given.budgets:
        for (task, base), curve in runs.groupby(["task", "base"], sort=False):
            key = f"{task}|{base}|{given.law}|{budget}"
            if key in done(given.ledger):
                continue
            known = bs.load_runs(curve[curve["finetune_size"] <= full / budget].drop(columns="held"))
            row = {"key": key, "task": task, "base": base, "law": given.law, "budget": budget}
            row |= {"measured": float(curve.loc[curve["finetune_size"] == full, "loss"].iloc[0])}
            row |= forecasts(known, full, given.law)
            with given.ledger.open("a") as ledger:
                ledger.write(json.dumps(row) + "\n")
            print(key, flush=True)
    found = pd.DataFrame(entries(given.ledger))
    print(report(found[(found["law"] == given.law) & found["budget"].isin(given.budgets)]).round(4).to_string())


def forecasts(known: pd.DataFrame, full: float, law: str) -> Mapping[str, float]:
    """Loss at the largest D_f by every forecaster."""
    fit = bs.fit(known, bs.JointLaw(law, factors=(), base_effects=False, discrepancy=True), seed=0)
    at = known.tail(1).assign(finetune_size=full)
    sizes, losses = known.sort_values("finetune_size")[["finetune_size", "loss"]].to_numpy().T
    return {
        "posterior": float(np.mean(expected_loss(fit, at))),
        "AtS": accept_then_stop(sizes, losses, full),
        "sub-tuning": float(losses[-1]),
    }


def accept_then_stop(sizes: np.ndarray, losses: np.ndarray, full: float) -> float:
    """A line in log-log through the largest sizes, taking in smaller ones until one is ``STOP`` residual sds off it."""
    log_d, log_loss = np.log(sizes), np.log(losses)
    accepted = min(ACCEPTED, len(sizes))
    while True:
        line = np.polynomial.Polynomial.fit(log_d[-accepted:], log_loss[-accepted:], 1)
        spread = np.std(log_loss[-accepted:] - line(log_d[-accepted:]))
        if accepted == len(sizes):
            break
        off = abs(log_loss[-accepted - 1] - line(log_d[-accepted - 1]))
        if off > STOP * max(spread, SMALLEST_SPREAD):
            break
        accepted += 1
    return float(np.exp(line(np.log(full))))


def report(found: pd.DataFrame) -> pd.DataFrame:
    """Regret, RelAcc and PearCorr of every task, budget and forecaster."""
    rows = []
    for (task, budget), part in found.groupby(["task", "budget"], sort=False):
        measured = part["measured"].to_numpy()
        for forecaster in ("posterior", "AtS", "sub-tuning"):
            forecast = part[forecaster].to_numpy()
            regret = measured[forecast.argmin()] - measured.min()
            correlation = np.corrcoef(forecast, measured)[0, 1]
            scores = {"regret": regret, "rel_acc": 1 - regret / np.ptp(measured), "pear_corr": correlation}
            rows.append({"task": task, "budget": f"1/{budget}", "forecaster": forecaster, "llms": len(part), **scores})
    return pd.DataFrame(rows).set_index(["task", "budget", "forecaster"])


if __name__ == "__main__":
    main()
