"""The measured ladder against the paper: exponents, held-out runs, crossovers and, with --laws, which law.

    python benchmarks/ladder.py --keep FOLDER            # fits are kept there and taken up again
    python benchmarks/ladder.py --keep FOLDER --alone    # exponents of each (task, method) fitted alone
    python benchmarks/ladder.py --keep FOLDER --laws     # PSIS-LOO of three laws, each (task, method) alone

One joint fit a task, all methods, the default model: to ``split == "fit"`` first (the largest LLM and the largest D_f
left out), whose bands are looked up at the held-out runs, then to all runs.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_scaling as bs

LAWS = ("multiplicative", "additive", "rectified")
ROPE = 0.05  # |alpha| of PET size: a doubling moves reducible loss by less than 3.4 %
TOKENS = 6_000_640.0
PET_SIZE = 8.0


def main() -> None:
    """Print every table of docs/ladder.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of the fits")
    parser.add_argument("--alone", action="store_true", help="fit each method alone instead")
    parser.add_argument("--laws", action="store_true", help="compare laws instead")
    parser.add_argument("--task", action="append", choices=["en_de", "summary"], help="default both")
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("always", bs.ConvergenceWarning)
    runs = bs.load_data("ladder")
    for task in given.task or ["en_de", "summary"]:
        of_task = runs[runs["task"] == task]
        if given.laws:
            laws(of_task, given.draws)
        elif given.alone:
            for method, of_method in of_task.groupby("method", sort=False):
                exponents(fitted(of_method, given.keep / f"{task}-{method}.nc", given.draws))
        else:
            held_out(fitted(of_task[of_task["split"] == "fit"], given.keep / f"{task}-fit.nc", given.draws), of_task)
            answers(fitted(of_task, given.keep / f"{task}-all.nc", given.draws))


def fitted(runs: pd.DataFrame, path: Path, draws: int) -> bs.Posterior:
    """The kept fit, or a new one."""
    if path.exists():
        return bs.load_posterior(path)
    began = time.monotonic()
    fit = bs.fit(runs, seed=0, draws=draws)
    fit.save(path)
    print(f"{path.stem}: {len(runs)} runs fitted in {time.monotonic() - began:.0f} s", flush=True)
    return fit


def held_out(fit: bs.Posterior, runs: pd.DataFrame) -> None:
    """Bands of runs that were not fitted, by what is new of them."""
    held = runs[runs["split"] == "held"]
    bands = fit.predict(held, kind="run")
    half = fit.predict(held, kind="run", prob=0.5)
    largest = bands["model_size"] == bands["model_size"].max()
    bands["new"] = np.where(largest, "largest LLM", "largest D_f, fitted LLM")
    bands["within_90"] = bands["loss"].between(bands["low"], bands["high"])
    bands["within_50"] = half["loss"].between(half["low"], half["high"])
    bands["width"] = np.log(bands["high"] / bands["low"])
    bands["error"] = np.log(bands["mean"] / bands["loss"])
    by = bands.groupby(["new", "method"], sort=False)
    print(f"\n{runs['task'].iloc[0]}: held-out runs; {fit.check().text}")
    print(by[["within_50", "within_90", "width", "error"]].mean().assign(runs=by.size()).round(3).to_string())
    total = bands.groupby("new")[["within_50", "within_90"]].mean()
    print(total.assign(runs=bands.groupby("new").size()).round(3).to_string(), flush=True)


def exponents(fit: bs.Posterior) -> None:
    """Exponents, and which of model size and pretraining size has the larger."""
    columns = ["method", "parameter", "factor", "mean", "hdi_low", "hdi_high", "ess_bulk", "r_hat"]
    table = fit.exponents()
    print(f"\n{fit.runs['task'].iloc[0]}: all runs; {fit.check().text}")
    print(table.loc[table["parameter"] != "A", columns].round(3).to_string(index=False))
    compared = fit.compare_exponents("model_size", "pretrain_size")
    print(compared.drop(columns="task").round(3).to_string(index=False))
    print(compared.attrs["text"], flush=True)


def answers(fit: bs.Posterior) -> None:
    """Exponents, their comparison, PET size, and which method where."""
    exponents(fit)
    for cell, terms in enumerate(fit.layout.terms_of_cell):
        if "pet_size" in terms:
            inside = np.abs(fit.family("alpha")[:, terms["pet_size"]]) < ROPE
            print(f"P(|alpha[pet_size, {fit.layout.method[cell]}]| < {ROPE}) = {inside.mean():.3f}")
    sizes = sorted(fit.runs["model_size"].unique())
    crossover = fit.crossover("full", "lora", model_size=sizes, pretrain_size=TOKENS, pet_size=PET_SIZE)
    print(crossover.table.round(3).to_string(index=False))
    print(crossover.text)
    wins = fit.win_probability([80, 400, 1600, 8000], model_size=sizes, pretrain_size=TOKENS, pet_size=PET_SIZE)
    print(
        wins.pivot_table(index=["method", "model_size"], columns="finetune_size", values="p_best").round(2).to_string()
    )
    for size in (80, 400, 1600):
        print(fit.choose(size, model_size=sizes[-1], pretrain_size=TOKENS, pet_size=PET_SIZE).text, flush=True)


def laws(runs: pd.DataFrame, draws: int) -> None:
    """Which law predicts left-out runs, each method alone."""
    for method, of_method in runs.groupby("method", sort=False):
        found = bs.compare_laws(of_method, LAWS, holdout=None, refit=False, draws=draws)
        print(f"\n{runs['task'].iloc[0]}, {method}: {len(of_method)} runs")
        print(found.table.drop(columns="held_out", errors="ignore").round(3).to_string(index=False))
        print(found.text, flush=True)


if __name__ == "__main__":
    main()
