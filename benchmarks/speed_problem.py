"""The joint problem that samplers are timed on, as numbers that a model can be written from by hand."""

from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs

TASKS, METHODS = ("a", "b", "c"), ("full", "lora", "prompt")
FACTORS = {"model_size": (1e8, 4e8, 2e9), "pretrain_size": (1e10, 4e10), "pet_size": (4.0, 16.0)}
MODEL = bs.JointLaw(base_effects=False, discrepancy=False, pool=("task",))


def simulated(seed: int = 0) -> pd.DataFrame:
    """648 runs: nine (task, method) cells of 72, three factors each, Student-t noise."""
    rng = np.random.default_rng(seed)
    levels = [*FACTORS.values(), np.geomspace(1e3, 1e6, 6)]
    grid = pd.MultiIndex.from_product(levels, names=[*FACTORS, "finetune_size"]).to_frame(index=False)
    cells = {
        (task, method): bs.CellTruth(
            alpha=dict(zip(FACTORS, rng.normal([0.12, 0.08, 0.04], 0.02), strict=True)),
            beta=rng.normal(0.15, 0.02),
            E=1.0,
            A=200.0,
            sigma=0.01,
        )
        for task in TASKS
        for method in METHODS
    }
    design = pd.concat([grid.assign(task=task, method=method) for task, method in cells], ignore_index=True)
    return bs.simulate_runs(design, bs.Truth(cells, nu=5.0), seed=seed)


def job(runs: pd.DataFrame) -> dict[str, Any]:
    """Arrays and the priors' numbers, see ``rival_numpyro.py`` for what they mean."""
    problem = MODEL.encode(runs)
    rows, layout = problem.rows, problem.layout
    methods = list(dict.fromkeys(layout.method))
    return {
        "cell": rows.cell.tolist(),
        "log_x": rows.log_x.tolist(),
        "log_d": rows.log_d.tolist(),
        "log_loss": np.log(problem.loss).tolist(),
        "method": [methods.index(method) for method in layout.method],
        "e_scale": layout.loss_min.tolist(),
        "reducible_loc": np.log(layout.loss_median / 2).tolist(),
    }
