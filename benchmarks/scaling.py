"""How cost grows: with runs, seeds a setting, cells, factors, problems and design points.

    python benchmarks/scaling.py                    # every row of the table, each in a process of its own
    python benchmarks/scaling.py cells points       # some of them

Everything is done twice in one process: ``first`` compiles, ``again`` has runs of another seed. Seconds are of the
cores (what the process used of them, all threads together) and, in ``wall``, of the clock for ``again``; memory is the
peak of the process. ``growth`` is ``again`` over that of the row before it. Joint fits are by NUTS, two chains of 200
iterations of warm-up and 200 more, whatever their convergence: what grows is the cost of the same work. A busy machine
stretches the wall clock, and by less the cores' seconds: its load is printed first.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.models.sampler import PosteriorDraws, sample_posterior

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from shared.memory import peak_megabytes

METHODS = ("full", "lora", "prompt")
FACTORS = ("model_size", "pretrain_size", "pet_size")
GRIDS = {"model_size": (1e8, 4e8, 2e9), "pretrain_size": (1e10, 4e10), "pet_size": (4, 16)}
ONE = [("task 0", "lora")]
MODEL = bs.JointLaw(base_effects=False)
SETTINGS = NutsSettings(chains=2, warmup=200, draws=200, thin=1)
PLAIN = bs.JointLaw("power", base_effects=False, discrepancy=False, priors={"nu": 1e6})


@dataclass(frozen=True)
class Kind:
    """One thing that grows: its sizes, and what is done at one of them with runs of one seed."""

    unit: str
    sizes: tuple[int, ...]
    work: Callable[[int, int], object]


def main() -> None:
    """Run the kinds that are asked for, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="all of them by default")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(KINDS[given.one[0]], int(given.one[1]))))
        return
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}", flush=True)
    for kind in given.kinds or KINDS:
        print(table(kind).to_string(index=False, float_format="%.3g"), "\n", flush=True)


def machine() -> str:
    """Cores and processor."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[0] if names else platform.processor()}"


def table(kind: str) -> pd.DataFrame:
    """Every size of one kind."""
    rows = [{KINDS[kind].unit: size} | in_own_process(kind, size) for size in KINDS[kind].sizes]
    found = pd.DataFrame(rows)
    return found.assign(growth=found["again"] / found["again"].shift())


def in_own_process(kind: str, size: int) -> dict[str, float]:
    """One row, measured where nothing else has been done."""
    command = [sys.executable, __file__, "--one", kind, str(size)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def measured(kind: Kind, size: int) -> dict[str, float]:
    """Core seconds of the first and of a second time, seconds of the latter, and the peak of memory in MB."""
    began = time.process_time()
    kind.work(size, 0)
    first, began, wall = time.process_time() - began, time.process_time(), time.perf_counter()
    kind.work(size, 1)
    again, wall = time.process_time() - began, time.perf_counter() - wall
    return {"first": first, "again": again, "wall": wall, "peak_mb": peak_megabytes()}


def simulated(cells: list[tuple[str, str]], factors: tuple[str, ...], repeats: int, seed: int) -> pd.DataFrame:
    """Runs of a grid of factors and five D_f, in every cell."""
    grids = [GRIDS[f] for f in factors] + [np.geomspace(1e3, 1e6, 5)]
    grid = pd.MultiIndex.from_product(grids, names=[*factors, "finetune_size"]).to_frame(index=False)
    grid = pd.concat([grid.assign(task=task, method=method) for task, method in cells], ignore_index=True)
    alpha = {f: 0.1 for f in factors}
    truth = {cell: bs.CellTruth(alpha=alpha, beta=0.15, E=1.0, A=10.0, sigma=0.01) for cell in cells}
    return bs.simulate_runs(grid, bs.Truth(truth, nu=8.0), seed=seed, repeats=repeats)


def fit(cells: list[tuple[str, str]], factors: tuple[str, ...], repeats: int, seed: int) -> PosteriorDraws:
    """A joint fit without base LLMs' effects: what grows is what is named."""
    problem = MODEL.encode(simulated(cells, factors, repeats, seed))
    return sample_posterior(MODEL.resolve(problem.layout), problem, SETTINGS, seed)


def of_cells(count: int) -> list[tuple[str, str]]:
    """So many (task, method) pairs."""
    return [(f"task {i // 3}", METHODS[i % 3]) for i in range(count)]


def curves(count: int, n: int, seed: int) -> pd.DataFrame:
    """Simulated runs of one LLM on so many tasks, at ``n`` sizes of D_f each, normal noise."""
    truth = bs.Truth({"full": bs.CellTruth(alpha={}, beta=0.2, E=1.2, A=12.0, sigma=0.01)})
    tasks, sizes = np.repeat([f"task {i}" for i in range(count)], n), np.tile(np.geomspace(500, 5e5, n), count)
    design = pd.DataFrame({"task": tasks, "method": "full", "finetune_size": sizes, "base": "b"})
    return bs.simulate_runs(design, truth, seed=seed)


def exact(count: int, seed: int) -> bs.Posterior:
    """One curve, 4,000 independent draws."""
    return bs.fit(curves(1, count, seed), PLAIN, engine="exact", seed=seed)


def problems(count: int, seed: int) -> object:
    """Curves of 11 runs, each fitted alone."""
    return bs.fit_many(curves(count, 11, seed), model=PLAIN)


def points(count: int, seed: int) -> pd.DataFrame:
    """Bands of 4,000 draws of three methods, drift and all, at random D_f on the paper's five LLMs."""
    rng = np.random.default_rng(seed)
    design = pd.DataFrame({"method": rng.choice(METHODS, count), "finetune_size": 10 ** rng.uniform(3, 7.5, count)})
    return posterior().predict(design.assign(model_size=rng.choice([956e6, 1.98e9, 3.85e9, 7.58e9, 14.8e9], count)))


def posterior() -> bs.Posterior:
    """The paper's runs, fitted once and kept beside the compiled programs of this machine."""
    kept = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", "/tmp")) / "scaling-posterior.nc"
    if not kept.exists():
        table = bs.load_data("zhang2024_en_zh")
        bs.fit(table[table.split == "fit"]).save(kept)
    return bs.load_posterior(kept)


KINDS = {
    "runs": Kind(
        "runs a cell", (150, 1_500, 15_000, 150_000, 1_000_000), lambda n, seed: fit(ONE, FACTORS[:1], n // 15, seed)
    ),
    "exact": Kind("runs of a curve", (24, 240, 1_000), exact),
    "seeds": Kind("seeds a setting", (1, 10), lambda n, seed: fit(of_cells(3), ("model_size",), n, seed)),
    "cells": Kind("cells", (3, 30), lambda n, seed: fit(of_cells(n), ("model_size",), 2, seed)),
    "factors": Kind("factors", (1, 2, 3), lambda n, seed: fit(of_cells(3), FACTORS[:n], 1, seed)),
    "problems": Kind("problems", (100, 1_000), problems),
    "points": Kind("design points", (10_000, 100_000, 1_000_000), points),
}


if __name__ == "__main__":
    main()
