"""Golden posteriors: long runs of models written by hand, which the package's own posteriors must agree with.

    python benchmarks/make_golden.py zhang2024_plain
    python benchmarks/make_golden.py zhang2024_base_effects
    python benchmarks/make_golden.py chinchilla_epoch      # data not shipped, see benchmarks/real_data.py

posteriordb's rules: 10,000 draws, R-hat below 1.01 and no divergence, or nothing is written. NumPyro's NUTS in
natural coordinates with a dense mass matrix, see benchmarks/golden_models.py.
"""

import argparse
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import arviz as az
import golden_models as models
import jax
import numpy as np
import numpyro
import pandas as pd
from numpyro.infer import MCMC, NUTS, init_to_median
from real_data import chinchilla

import bayes_scaling as bs

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "data" / "golden"
CHAINS, WARMUP, DRAWS, ACCEPT, SEED = 4, 1000, 2500, 0.95, 20251125
SHIPPED = 250  # draws
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Golden(NamedTuple):
    """A model, the runs it is given and how the two are said in words."""

    model: Callable[..., None]
    runs: Callable[[], pd.DataFrame]
    priors: Mapping[str, Any]
    law: str
    data: str


def _fitted() -> pd.DataFrame:
    runs = bs.load_data("zhang2024_en_zh")
    return runs[runs["split"] == "fit"].reset_index(drop=True)


EN_ZH = "zhang2024_en_zh, the rows with split = fit"
GOLDEN = {
    "zhang2024_plain": Golden(models.multiplicative, _fitted, models.ZHANG_PRIORS, "multiplicative", EN_ZH),
    "zhang2024_base_effects": Golden(
        models.multiplicative, _fitted, models.ZHANG_PRIORS | models.BASE_PRIORS, "multiplicative", EN_ZH
    ),
    "chinchilla_epoch": Golden(
        models.additive,
        chinchilla,
        models.CHINCHILLA_PRIORS,
        "additive",
        "chinchilla_epoch, the five highest losses dropped",
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Sample, check and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=tuple(GOLDEN))
    name = parser.parse_args(arguments).name
    golden, runs = GOLDEN[name], GOLDEN[name].runs()
    draws, divergences = sample(partial(golden.model, runs, golden.priors), SEED)
    named = _named(draws, runs)
    table = summary(named)
    print(table.to_string())
    _check(table, divergences)
    about = provenance(name, golden, len(runs)) | {"divergences": divergences, "r_hat": float(table["r_hat"].max())}
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(about | {"parameters": json.loads(table.to_json(orient="index", double_precision=12))}, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    kept = np.linspace(0, CHAINS * DRAWS - 1, SHIPPED).round().astype(int)
    thinned = pd.DataFrame({key: values.ravel()[kept] for key, values in named.items()})
    thinned.to_csv(FOLDER / f"{name}_draws.csv", index=False, float_format="%.7g")


def sample(model: Callable[[], None], seed: int) -> tuple[dict[str, np.ndarray], int]:
    """Draws of every site, leading shape (chains, draws), and how many diverged."""
    numpyro.enable_x64()
    kernel = NUTS(model, dense_mass=True, target_accept_prob=ACCEPT, init_strategy=init_to_median)
    mcmc = MCMC(
        kernel, num_warmup=WARMUP, num_samples=DRAWS, num_chains=CHAINS, chain_method="sequential", progress_bar=False
    )
    mcmc.run(jax.random.key(seed))
    found = {name: np.asarray(values) for name, values in mcmc.get_samples(group_by_chain=True).items()}
    return found, int(np.sum(mcmc.get_extra_fields()["diverging"]))


def _named(draws: Mapping[str, np.ndarray], runs: pd.DataFrame) -> dict[str, np.ndarray]:
    """Each scalar by name, shape (chains, draws): ``beta[lora]``, ``base_effect[lora, 8B]``; amplitudes as logs."""
    methods = runs["method"].unique().tolist()
    bases = runs["base"].unique().tolist() if "base" in runs else []
    labels: dict[tuple[int, ...], list[str]] = {(): [""], (len(methods),): [f"[{method}]" for method in methods]}
    labels[len(methods), len(bases)] = [f"[{method}, {base}]" for method in methods for base in bases]
    named = {}
    for site, values in draws.items():
        of_site = [f"[{base}]" for base in bases] if site == "base_common" else labels[values.shape[2:]]
        name, flat = (f"log_{site}", np.log(values)) if site in ("A", "B") else (site, values)
        for i, label in enumerate(of_site):
            named[name + label] = flat.reshape(*flat.shape[:2], -1)[..., i]
    return dict(sorted(named.items()))


def summary(named: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Mean, sd and quantiles of each parameter with their Monte Carlo errors, and convergence."""
    rows = {}
    for name, draws in named.items():
        row = {"mean": draws.mean(), "mean_mcse": az.mcse(draws)}
        row |= {"sd": draws.std(), "sd_mcse": az.mcse(draws, method="sd")}
        for q in QUANTILES:
            row |= {f"q{q}": np.quantile(draws, q), f"q{q}_mcse": az.mcse(draws, method="quantile", prob=q)}
        rows[name] = row | {"ess_bulk": az.ess(draws), "r_hat": az.rhat(draws)}
    return pd.DataFrame(rows).T.astype(float)


def _check(table: pd.DataFrame, divergences: int) -> None:
    worst = table["r_hat"].max()
    if divergences or worst >= 1.01:
        raise SystemExit(f"not golden: {divergences} divergences, R-hat {worst:.4f}; nothing was written")


def provenance(name: str, golden: Golden, rows: int) -> dict[str, Any]:
    """Where a posterior comes from."""
    return {
        "name": name,
        "data": golden.data,
        "rows": rows,
        "law": golden.law,
        "base_effects": "base_scale" in golden.priors,
        "priors": {key: bs.PriorSpec.from_distribution(prior).to_json() for key, prior in golden.priors.items()},
        "sampler": f"NumPyro NUTS in natural coordinates, dense mass matrix, target acceptance {ACCEPT}, float64",
        "chains": CHAINS,
        "warmup": WARMUP,
        "draws": CHAINS * DRAWS,
        "seed": SEED,
        "versions": {"numpyro": numpyro.__version__, "jax": jax.__version__, "arviz": az.__version__},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"python benchmarks/make_golden.py {name}",
    }


if __name__ == "__main__":
    main()
