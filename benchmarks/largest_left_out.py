"""How much wider to draw base LLMs outside the measured sizes: the largest LLM of a family left out and looked up.

    python benchmarks/largest_left_out.py --keep FOLDER

The paper's En-Zh runs (16B, and 8B without it) and the families of four LLMs and more of lin2024, each task by itself;
``--smallest`` leaves out the smallest instead. One fit each, kept in the folder, then the bands of new runs with
effects drawn ``1 + rate * z`` times as wide (see :mod:`bayes_scaling.strangeness`) for several rates.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from real_data import lin2024

import bayes_scaling as bs
from bayes_scaling import strangeness
from bayes_scaling.backtesting.forecasters import by_posterior
from bayes_scaling.backtesting.scores import score, summary

RATES = (0.0, 0.5, 1.0, 1.5, 2.0)
FEWEST_BASES = 4


def main() -> None:
    """Print one row a rate for every LLM left out, and the mean over them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of the fits")
    parser.add_argument("--smallest", action="store_true", help="leave out the smallest LLM instead of the largest")
    parser.add_argument("--draws", type=int, default=300)
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    tables = []
    for name, runs in _families():
        edge = runs["model_size"].min() if given.smallest else runs["model_size"].max()
        fitted, held = runs[runs["model_size"] != edge], runs[runs["model_size"] == edge]
        fit = _fitted(fitted, given.keep / f"{name}-{'smallest' if given.smallest else 'largest'}.nc", given.draws)
        tables.append(_by_rate(fit, held))
        print(f"\n{name}: {len(held)} runs of an LLM of {edge / 1e9:.2f}B")
        print(tables[-1].round(3).to_string(), flush=True)
    print(f"\nMean over {len(tables)} LLMs")
    print(pd.concat(tables).groupby(level=0).mean().round(3).to_string())


def _families() -> Iterator[tuple[str, pd.DataFrame]]:
    papers = bs.load_data("zhang2024_en_zh")
    yield "zhang2024", papers
    yield "zhang2024-without-16B", papers[papers["base"] != "16B"]
    runs = lin2024().runs
    for (family, task), of_family in runs.groupby(["family", "task"]):
        if of_family["base"].nunique() >= FEWEST_BASES:
            yield f"lin2024-{family}-{task}", of_family


def _fitted(runs: pd.DataFrame, path: Path, draws: int) -> bs.Posterior:
    if path.exists():
        return bs.load_posterior(path)
    fit = bs.fit(runs, seed=0, draws=draws)
    fit.save(path)
    return fit


def _by_rate(fit: bs.Posterior, held: pd.DataFrame) -> pd.DataFrame:
    """Scores of the held-out runs, one row a rate."""
    shipped, points = strangeness.GROWTH, []
    for rate in RATES:
        strangeness.GROWTH = rate
        points.append(score(by_posterior(fit, held), np.log(held["loss"].to_numpy())).assign(forecaster=rate))
    strangeness.GROWTH = shipped
    columns = ["coverage_50", "coverage_90", "crps", "log_score", "width_90"]
    return summary(pd.concat(points)).set_index("forecaster").rename_axis("rate")[columns]


if __name__ == "__main__":
    main()
