"""How much of the drift beyond the data is common to methods: P(better) of peft_metamath for several shares.

    python benchmarks/common_drift.py --keep FOLDER --first 31

Every method's curve is fitted alone to the smaller half of its samples (and kept in the folder); what happens beyond is
then drawn from one seed, so that the part of it that is the task's is the same for all (bayes_scaling/drift_draws.py).
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from decision_scores import choice_row, of_draws, pair_rows, reliability
from decisions import design
from real_data import SETS

import bayes_scaling as bs
from bayes_scaling import drift_draws
from bayes_scaling.prediction import expected_loss

SHARES = (0.0, 0.5, 0.8, 1.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit what the folder lacks and print one row a share and D_f."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of the fits")
    parser.add_argument("--first", type=int, help="only so many methods; a fit takes about 10 core seconds")
    parser.add_argument("--horizons", type=int, default=5, help="how many larger D_f")
    given = parser.parse_args(arguments)
    given.keep.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    curves = [curve for _, curve in SETS["peft_metamath"]().runs.groupby("method", sort=False)]
    curves = curves[: given.first]
    fits = [fitted(curve, given.keep / f"{i}.nc", i) for i, curve in enumerate(curves)]
    ahead = sorted(set.intersection(*(set(curve.loc[curve["held"], "finetune_size"]) for curve in curves)))
    horizons = np.array(ahead)[np.unique(np.linspace(0, len(ahead) - 1, given.horizons).round().astype(int))]
    measured = np.array([curve.set_index("finetune_size")["loss"].loc[horizons] for curve in curves])
    for share in SHARES:
        drift_draws.SHARE = share
        losses = np.stack([expected_loss(fit, design(fit.runs, horizons)) for fit in fits])
        print(f"\nshare {share}, {len(fits)} methods")
        print(scores(losses, measured, horizons).round(4).to_string(), flush=True)


def fitted(curve: pd.DataFrame, path: Path, seed: int) -> bs.Posterior:
    """The kept fit of one curve, or a new one; all draw what is beyond the data from seed 0."""
    if not path.exists():
        model = bs.JointLaw(factors=(), base_effects=False, discrepancy=True)
        bs.fit(bs.load_runs(curve[~curve["held"]].drop(columns="held")), model, seed=seed).save(path)
        print(f"fitted {curve['method'].iloc[0]}", flush=True)
    return replace(bs.load_posterior(path), seed=0)


def scores(losses: np.ndarray, measured: np.ndarray, horizons: np.ndarray) -> pd.DataFrame:
    """Brier scores of P(better) and P(best), and how often a lead with P of .5 to .7 was one, at every D_f."""
    rows = []
    for h, size in enumerate(horizons):
        expected, p_best, p_first = of_draws(losses[:, :, h])
        pairs = pd.DataFrame(pair_rows(p_first, measured[:, h]))
        bins = reliability(pairs)
        row = {"D_f": size, "brier_better": float(np.mean((pairs["p"] - pairs["won"]) ** 2))}
        row |= {"brier_best": choice_row(list(map(str, range(len(losses)))), expected, p_best, measured[:, h])["brier"]}
        rows.append(row | {f"won where P in {name}": bins["won"].get(name, np.nan) for name in bins.index[-3:]})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
