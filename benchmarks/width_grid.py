"""A 4 x 4 grid of model size and D_f from the multiplicative law, one decade out, beside a frequentist rival.

The truth is the rival's own model: E + A N^-alpha D^-beta with normal noise of the *loss*, the same everywhere, and no
quirks of base LLMs. Ours takes noise to be a share of the loss by default, and as the rival does where it is told so.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from width_scores import scored, width_at

import bayes_scaling as bs
from bayes_scaling.backtesting.forecasters import by_posterior

NOISE = 0.015  # nats, of one run
MODEL_SIZES, AMOUNTS = np.geomspace(1e7, 1e10, 4), np.geomspace(1e3, 1e6, 4)
WHERE = {"both": (10.0, 10.0), "model size": (10.0, 1.0), "D_f": (1.0, 10.0)}  # times the largest
FAR = np.array([[n * MODEL_SIZES[-1], d * AMOUNTS[-1]] for n, d in WHERE.values()])
DRAWS = 400  # of each of four populations or chains
RIVAL, DEFAULT = "simple-scaling-laws", "ours, default (base effects, drift)"
MODELS = {
    "ours, law at its word": bs.JointLaw(base_effects=False, discrepancy=False),
    "ours, told the rival's noise": bs.JointLaw(
        priors={"nu": 1000.0}, base_effects=False, discrepancy=False, noise="loss"
    ),
    "ours, with drift": bs.JointLaw(base_effects=False, discrepancy=True),
}


def settings() -> list[dict[str, Any]]:
    """What varies beside the truth's number."""
    return [{"seeds": seeds} for seeds in (1, 2)]


def truth(number: int) -> dict[str, float]:
    """E, reducible loss at the centre (both nats), alpha and beta (uniform on their logs)."""
    rng = np.random.default_rng([6, number])
    alpha, beta = np.exp(rng.uniform(np.log((0.1, 0.05)), np.log((0.5, 0.3)))).tolist()
    return {"E": rng.uniform(0.5, 2.0), "R": rng.uniform(0.3, 1.5), "alpha": alpha, "beta": beta}


def expected(law: dict[str, float], sizes: np.ndarray) -> np.ndarray:
    """The product law at rows of model size and D_f, shape (n, 2)."""
    centred = np.log(sizes) - [np.log(MODEL_SIZES).mean(), np.log(AMOUNTS).mean()]
    return np.asarray(law["E"] + law["R"] * np.exp(-centred @ [law["alpha"], law["beta"]]))


def points(number: int, seeds: int, rival: Path) -> Iterator[dict[str, Any]]:
    """The rival's bands of the loss one decade out and those of every quick model, scored."""
    sizes, loss = _measured(number, seeds)
    yield from _scored(number, RIVAL, *_by_rival(rival, sizes, loss, number))
    for name, model in MODELS.items():
        yield from _scored(number, name, *_by_us(model, sizes, loss, number))


def default_points(number: int, seeds: int) -> Iterator[dict[str, Any]]:
    """Those of the default model, on the same runs: every model size is a base LLM with quirks, and a new one too."""
    yield from _scored(number, DEFAULT, *_by_us(bs.JointLaw(), *_measured(number, seeds), number))


def _measured(number: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes, shape (16 seeds, 2), and losses."""
    sizes = np.tile([[n, d] for n in MODEL_SIZES for d in AMOUNTS], (seeds, 1))
    noise = NOISE * np.random.default_rng([7, number]).standard_normal(len(sizes))
    return sizes, expected(truth(number), sizes) + noise


def _scored(number: int, name: str, draws: np.ndarray, seconds: float) -> Iterator[dict[str, Any]]:
    mean = expected(truth(number), FAR)
    for where, row in zip(WHERE, scored(draws, mean, NOISE, number), strict=True):
        yield {"forecaster": name, "out in": where, "seconds": seconds} | row


def _by_us(model: bs.JointLaw, sizes: np.ndarray, loss: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Draws of a new run's loss at the far points, CPU seconds."""
    runs = _table(sizes).assign(loss=loss, seed=np.arange(len(loss)) // (MODEL_SIZES.size * AMOUNTS.size))
    began = time.process_time()
    fit = bs.fit(runs, model, seed=seed, draws=DRAWS)
    draws = by_posterior(fit, _table(FAR).assign(loss=1.0)).draws
    return np.exp(draws), time.process_time() - began


def _by_rival(python: Path, sizes: np.ndarray, loss: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    job = {"runs": np.column_stack([sizes, loss]).tolist(), "points": FAR.tolist(), "seed": seed}
    script = Path(__file__).with_name("rival_intervals.py")
    done = subprocess.run([python, script], input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the rival failed:\n{done.stderr}")
    answer = json.loads(done.stdout)
    return np.array(answer["draws"]), answer["seconds"]


def _table(sizes: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"task": "t", "method": "full", "model_size": sizes[:, 0], "finetune_size": sizes[:, 1]})


def tables(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and table of each number of seeds; the last width is that of bands that cover what the rival's 95 % do."""
    measures = ["coverage_90", "coverage_95", "crps"]
    for seeds, of_seeds in frame.groupby("seeds"):
        rows = []
        rival = of_seeds[of_seeds["forecaster"] == RIVAL].groupby("out in")["coverage_95"].mean()
        for (where, name), group in of_seeds.groupby(["out in", "forecaster"], sort=False):
            row = {"a decade out in": where, "forecaster": name, "truths": group["truth"].nunique()}
            row |= group[measures].mean().to_dict() | group[["width_90", "width_95"]].median().to_dict()
            row["width at the rival's"] = width_at(group, rival.get(where, np.nan))
            rows.append(row | {"CPU s": group["seconds"].median()})
        yield f"4 x 4 grid, {seeds} run(s) of each", pd.DataFrame(rows).sort_values("a decade out in", kind="stable")
