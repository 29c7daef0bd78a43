"""A new LLM of a known family: each base left out of lin2024, predicted from the others of its family and task.

    python benchmarks/leave_one_base_out.py --law multiplicative

Families of three LLMs and more. Fits that are left with two model sizes say so by the width of their bands.
"""

import argparse
import time
import warnings
from collections.abc import Sequence

from real_data import lin2024

import bayes_scaling as bs
from bayes_scaling.backtesting.scores import summary

FEWEST_BASES = 3


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
    began = time.monotonic()
    models = [bs.JointLaw(law) for law in given.law or ["multiplicative"]]
    by = ("task", "family")
    result = bs.backtest(runs, models, "leave_one_base_out", by=by, seed=given.seed, draws=given.draws)
    print(f"lin2024, one base LLM left out: {result.points['split'].nunique()} fits, {time.monotonic() - began:.0f} s")
    print(result.table.round(3).to_string(index=False))
    ours = result.points[result.points["forecaster"] == "posterior"]
    for column in ("task", "family"):
        for name, points in ours.groupby(column):
            print(summary(points).assign(forecaster=name).round(3).to_string(index=False, header=False))
    print(result.text)


if __name__ == "__main__":
    main()
