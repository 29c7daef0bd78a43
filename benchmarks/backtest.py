"""Held-out coverage and scores on measured curves, beside least squares and the last value.

    python benchmarks/backtest.py lin2024 sun2026          # one law, its drift included
    python benchmarks/backtest.py lin2024 --law multiplicative --law rectified --every 4
    python benchmarks/backtest.py lin2024_zero --law rectified    # fitted to the zero-shot runs too
    python benchmarks/backtest.py sun2026 --ceiling        # expected losses stay below chance
    python benchmarks/backtest.py zhang2024                # the paper's En-Zh runs, 16B held out, jointly
    python benchmarks/backtest.py chinchilla_epoch --law multiplicative --law additive    # one fit of N and D
    python benchmarks/backtest.py lin2024 zhang2024 --law multiplicative --law rectified    # and both together

Each (task, method, base) curve is fitted alone on its smaller sizes and predicted above them.
"""

import argparse
import time
import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd
from real_data import SETS, held, some

import bayes_scaling as bs
from bayes_scaling.backtesting.scores import summary


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table a data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=[*SETS, "zhang2024"])
    parser.add_argument("--law", action="append", help="several are averaged; default multiplicative")
    parser.add_argument("--every", type=int, default=1, help="take every so-manieth curve")
    parser.add_argument("--no-discrepancy", action="store_true", help="the broken twin: believe the law")
    parser.add_argument("--ceiling", action="store_true", help="keep expected losses below that of knowing nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", help="where to write the reliability plot")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    every = []
    for name in given.data:
        began = time.monotonic()
        result, title = _run(name, given)
        every.append(result.points)
        splits = result.points["split"].nunique()
        print(f"\n{title}: {splits} fits, {time.monotonic() - began:.0f} s")
        print(result.table.round(3).to_string(index=False))
        for task, points in _by_task(result.points):
            print(f"  {task}\n{summary(points).round(3).to_string(index=False)}")
        print(result.text)
        if given.plot:
            result.plot()[0].figure.savefig(given.plot, dpi=200)
    if len(every) > 1:
        print(f"\nAll {len(every)} sets together")
        print(summary(pd.concat(every)).round(3).to_string(index=False))


def _run(name: str, given: argparse.Namespace) -> tuple[bs.Backtest, str]:
    alone = name != "zhang2024"
    data = some(SETS[name](), given.every) if alone else None
    options: dict[str, Any] = {"factors": data.factors, "base_effects": False} if data is not None else {}
    if given.ceiling and data is not None:
        options["ceiling"] = data.ceiling
    models = [
        bs.JointLaw(law, discrepancy=not given.no_discrepancy, **options) for law in given.law or ["multiplicative"]
    ]
    if data is None:
        runs = bs.load_data("zhang2024_en_zh")
        return bs.backtest(runs, models, lambda r: (r["base"] == "16B").to_numpy(), seed=given.seed), name
    return bs.backtest(data.runs, models, held, by=data.by, seed=given.seed), data.name


def _by_task(points: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Of a few tasks, each; of curves whose name is their task, the part before the first bar."""
    kind = points["task"].astype(str).str.split("|").str[0]
    return [(str(task), group) for task, group in points.groupby(kind, sort=False)] if kind.nunique() > 1 else []


if __name__ == "__main__":
    main()
