"""Pictures that plots are held to: of draws that were not sampled, without text, which differs between machines.

python benchmarks/make_plot_images.py    # writes tests/data/plots; look at them before they are committed
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.legend import Legend
from matplotlib.testing.decorators import remove_ticks_and_titles

import bayes_scaling as bs

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "data" / "plots"


def wins_table() -> pd.DataFrame:
    """Probabilities of three methods over D_f, one of them never measured at the larger half."""
    sizes = np.geomspace(1e4, 1e6, 7)
    full = 1 / (1 + np.exp(-2 * np.log10(sizes / 1e5)))
    p_best = {"full": 0.9 * full, "lora": 0.9 * (1 - full), "prompt": np.full(7, 0.1)}
    parts = [
        pd.DataFrame(
            {
                "task": "a task",
                "method": method,
                "finetune_size": sizes,
                "model_size": 1e9,
                "p_best": p,
                "mcse": 0.02,
                "expected_loss": 1.0,
                "expected_regret": 0.1 * (1 - p),
                "region": np.where((sizes > 1e5) & (method == "prompt"), "edge", "interior"),
            }
        )
        for method, p in p_best.items()
    ]
    return pd.concat(parts, ignore_index=True)


def crossover() -> bs.Crossover:
    """A critical size of about 100,000 examples, which one draw in five does not have."""
    rng = np.random.default_rng(0)
    draws = np.full((1, 2000, 2), np.nan)
    draws[0, :1600, 0] = 1e5 * np.exp(0.5 * rng.standard_normal(1600))
    low, median, high = np.nanquantile(draws[0, :, 0], [0.05, 0.5, 0.95])
    row = {"task": "a task", "p_none": 0.2, "p_one": 0.8, "p_two": 0.0, "median": median, "hdi_low": low}
    row |= {"hdi_high": high, "p_first_always": 0.2, "p_second_always": 0.0}
    return bs.Crossover("full", "lora", (1e3, 1e7), 0.9, pd.DataFrame([row]), draws, "")


PICTURES: dict[str, Callable[[], Any]] = {
    "wins": lambda: bs.plot_wins(wins_table()),
    "regret": lambda: bs.plot_regret(wins_table()),
    "crossover": lambda: bs.plot_crossover(crossover()),
}


def draw(name: str, path: Path) -> Path:
    """One picture, without text."""
    plt.close("all")
    figure = PICTURES[name]()[0].figure
    for written in [*figure.findobj(Legend), *(text for axes in figure.axes for text in axes.texts)]:
        written.remove()
    for axes in figure.axes:
        axes.set(xlabel="", ylabel="")
        axes.set_title("", loc="left")
    remove_ticks_and_titles(figure)
    figure.set_size_inches(4, 3)
    figure.savefig(path, dpi=60, metadata={"Software": None})
    plt.close(figure)
    return path


def main() -> None:
    """Draw every picture into the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        print(draw(name, FOLDER / f"{name}.png"))


if __name__ == "__main__":
    main()
