"""A small saved posterior with some of its answers, which every later version must load and give again.

    python benchmarks/make_saved.py

Writes tests/data/saved/format<N>.nc and format<N>.json for the format that this version writes. Two methods on three
base LLMs, simulated; a few hundred draws of NUTS, too few to trust and enough to be read.
"""

import json
import platform
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import xarray as xr

import bayes_scaling as bs
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.models.sampler import sample_posterior
from bayes_scaling.storage import FORMAT

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "data" / "saved"
SETTINGS, SEED = NutsSettings(chains=2, warmup=200, draws=100, thin=1), 20261127
SIZES, D_F = (1e8, 4e8, 2e9), (1e3, 1e4, 1e5)
CELLS = {
    "full": bs.CellTruth({"model_size": 0.2}, beta=0.2, E=1.0, A=400.0),
    "lora": bs.CellTruth({"model_size": 0.3}, beta=0.1, E=1.1, A=1500.0),
}


def main() -> None:
    """Sample, ask and write."""
    fit = sampled(runs())
    FOLDER.mkdir(parents=True, exist_ok=True)
    fit.save(FOLDER / f"format{FORMAT}.nc")
    shorten(FOLDER / f"format{FORMAT}.nc")
    about = {"format": FORMAT, "made_by": "benchmarks/make_saved.py", "python": platform.python_version()}
    about |= {"jax": jax.__version__, "numpy": np.__version__}
    text = json.dumps(about | {"answers": answers(fit)}, indent=1)
    (FOLDER / f"format{FORMAT}.json").write_text(text + "\n", encoding="utf-8")


def runs() -> pd.DataFrame:
    """What is fitted."""
    rows = [
        {"task": "sum", "method": method, "model_size": size, "base": f"{size:.0e}", "finetune_size": examples}
        for method in CELLS
        for size in SIZES
        for examples in D_F
    ]
    simulated = bs.simulate_runs(pd.DataFrame(rows), bs.Truth(CELLS, base_scale=0.02), seed=SEED)
    return simulated.drop(columns="expected_loss")


def sampled(table: pd.DataFrame) -> bs.Posterior:
    """One attempt, converged or not."""
    model = bs.JointLaw()
    problem = model.encode(table)
    drawn = sample_posterior(model.resolve(problem.layout), problem, SETTINGS, SEED)
    return bs.Posterior(table, model, drawn.families, drawn.stats, SEED, SETTINGS)


def shorten(path: Path) -> None:
    """Keep one of 20 draws of the prior, which most of the file is and no answer reads."""
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        tree = opened.load()
    for name in ("prior", "prior_predictive"):
        tree[name].dataset = tree[name].to_dataset().isel(draw=slice(None, None, 20))
    tree.to_netcdf(path, engine="h5netcdf")


def answers(fit: bs.Posterior) -> dict[str, Any]:
    """Numbers that a loaded posterior must give again: name to list of numbers."""
    design = pd.DataFrame(
        {"method": ["full", "lora", "lora"], "model_size": [1e8, 2e9, 8e9], "base": ["1e+08", "2e+09", "new"]}
    ).assign(finetune_size=[1e4, 1e5, 1e6])
    exponents = fit.exponents()
    wins = fit.win_probability([1e4, 1e6], model_size=2e9)
    crossing = fit.crossover("full", "lora", model_size=2e9).table
    found = {f"exponents {c}": exponents[c] for c in ("mean", "sd", "hdi_low", "hdi_high", "r_hat")}
    for kind in ("mean", "run"):
        bands = fit.predict(design, kind)
        found |= {f"predict {kind} {c}": bands[c] for c in ("mean", "sd", "low", "high")}
    found |= {f"wins {c}": wins[c] for c in ("p_best", "expected_loss", "expected_regret")}
    found |= {f"crossover {c}": crossing[c] for c in ("p_none", "median")}
    return {name: [None if pd.isna(v) else float(v) for v in values] for name, values in found.items()}


if __name__ == "__main__":
    main()
