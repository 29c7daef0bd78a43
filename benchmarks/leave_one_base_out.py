"""A new LLM of a known family: each base left out of lin2024, predicted from the others of its family and task.

    python benchmarks/leave_one_base_out.py --law multiplicative

Families of four LLMs and more: with fewer than three left, no exponent of model size is identified (``check`` says so).
"""

import argparse
import time
import warnings
from collections.abc import Sequence

import pandas as pd
from real_data import lin2024

import bayes_scaling as bs
from bayes_scaling.backtesting.scores import summary

FEWEST_BASES = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row for all runs, and one a task, beside the rivals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--law", action="append", help="several are averaged; default multiplicative")
    parser.add_argument("--family", action="append", help="only these families")
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    runs = lin2024().runs
    runs = runs[runs.groupby("family")["base"].transform("nunique") >= FEWEST_BASES]
    runs = runs[runs["family"].isin(given.family)] if given.family else runs
    models = [bs.JointLaw(law) for law in given.law or ["multiplicative"]]
    points = []
    for family, of_family in runs.groupby("family"):
        began = time.monotonic()
        result = bs.backtest(of_family, models, "leave_one_base_out", by=("task",), seed=given.seed, draws=given.draws)
        points.append(result.points)
        print(f"\n{family}: {result.points['split'].nunique()} fits, {time.monotonic() - began:.0f} s")
        print(result.table.round(3).to_string(index=False), flush=True)
    every = pd.concat(points)
    print(f"\nAll {every['split'].nunique()} fits")
    print(summary(every).round(3).to_string(index=False))
    for task, of_task in every[every["forecaster"] == "posterior"].groupby("task"):
        print(f"  {task}\n{summary(of_task).round(3).to_string(index=False)}")


if __name__ == "__main__":
    main()
