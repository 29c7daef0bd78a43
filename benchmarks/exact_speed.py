"""Seconds for 4,000 draws by each engine, and for many small problems by importance sampling.

    python benchmarks/exact_speed.py --problems 1000

One curve of 240 runs with normal noise goes to every engine, once to compile and again with losses of another seed.
Then ``fit_many`` fits many curves of 11 runs, 4,000 independent draws each, compiled before the clock starts. Seconds
are of the wall clock; the load of the machine is printed beside them.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import TypeVar, get_args

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.fitting import Engine

MODEL = bs.JointLaw("power", base_effects=False, priors={"nu": 1e6})
LARGE, SMALL = 240, 11
T = TypeVar("T")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=1000)
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(one_curve().to_string(index=False, float_format="%.3g"))
    print(many_curves(given.problems))


def one_curve() -> pd.DataFrame:
    """Seconds of the first and of a second fit by each engine, and how many draws the second is worth."""
    table = pd.DataFrame([row(engine) for engine in get_args(Engine) if engine != "auto"])
    nuts = table.set_index("engine")["again"]["nuts"]
    return table.assign(times_faster_than_nuts=nuts / table["again"])


def row(engine: Engine) -> dict[str, str | float]:
    """One engine's seconds and effective draws."""
    first, _ = timed(lambda: bs.fit(curve(LARGE, 0), MODEL, engine=engine))
    again, fit = timed(lambda: bs.fit(curve(LARGE, 1), MODEL, engine=engine, seed=1))
    return {"engine": engine, "first": first, "again": again, "ess": fit.exponents()["ess_bulk"].min()}


def many_curves(problems: int) -> str:
    """Seconds of ``fit_many``, and the worst Pareto k."""
    runs = pd.concat([curve(SMALL, i).assign(task=f"curve {i}") for i in range(problems)], ignore_index=True)
    bs.fit(curve(SMALL, 0), MODEL, engine="exact")
    before = time.process_time()
    seconds, found = timed(lambda: bs.fit_many(runs, model=MODEL))
    busy = time.process_time() - before
    exact = [fit.stats["pareto_k"][0, 0] for fit in found.fits.values() if fit.settings.engine == "exact"]
    return (
        f"{problems} problems: {seconds:.1f} s, {1000 * seconds / problems:.1f} ms each ({busy:.1f} s of cores); "
        f"{len(exact)} by importance sampling, "
        f"Pareto k at most {max(exact):.2f} and {np.median(exact):.2f} in the median"
    )


def curve(n: int, seed: int) -> pd.DataFrame:
    """Simulated runs of one LLM at ``n`` sizes of D_f."""
    truth = bs.Truth({"full": bs.CellTruth(alpha={}, beta=0.2, E=1.2, A=12.0, sigma=0.01)})
    design = pd.DataFrame({"method": "full", "finetune_size": np.geomspace(500, 5e5, n), "base": "b"})
    return bs.simulate_runs(design, truth, seed=seed)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds and result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
