"""Where does full finetuning overtake BitFit? sun2026's authors say at 705 examples; the posterior, with P(never).

    python benchmarks/bitfit.py --task cola --keep FOLDER

One fit a (task, encoder) of both methods at every D_f, five seeds each, with the error of a constant answer as ceiling.
"""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

from real_data import CHANCE, sun2026

import bayes_scaling as bs

METHODS = ("bitfit", "full_ft")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print each crossover in a row and in words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", choices=list(CHANCE), help="default all")
    parser.add_argument("--keep", type=Path, required=True, help="folder of the fits")
    parser.add_argument("--draws", type=int, default=500)
    given = parser.parse_args(arguments)
    given.keep.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("always", bs.ConvergenceWarning)
    runs = sun2026().runs.query("method in @METHODS")
    for (task, base), both in runs.groupby(["task", "base"]):
        if task not in (given.task or CHANCE):
            continue
        path = given.keep / f"{task}-{base}.nc"
        if not path.exists():
            model = bs.JointLaw(factors=(), base_effects=False, discrepancy=True, ceiling={task: CHANCE[task]})
            fit = bs.fit(bs.load_runs(both.drop(columns="held")), model, seed=0, draws=given.draws, warmup=given.draws)
            fit.save(path)
        crossover = bs.load_posterior(path).crossover(*METHODS, limits=(50, 5000))
        print(f"\n{base}")
        print(crossover.table.round(3).to_string(index=False))
        print(crossover.text, flush=True)


if __name__ == "__main__":
    main()
