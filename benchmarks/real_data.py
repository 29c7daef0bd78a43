"""Other people's measured curves as runs tables with a hold-out; read from a folder, never shipped.

The folder is ``$BAYES_SCALING_DATA``, or ``../shared/data`` beside the project. What each file is, and its traps, is
in that folder's README.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

FOLDER = Path(os.environ.get("BAYES_SCALING_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
LARGEST_FITTED = 51_200  # of lin2024, the rule
MOST_HELD = 20  # held-out runs of one dense curve
MOST_COMPUTE = 0.2  # share of the Chinchilla runs that is held out
CURVE = ("task", "method", "base")


CHANCE = {"cola": 1.0, "mrpc": 0.188, "qnli": 0.505}  # 1 - metric of a constant answer, on sun2026's test sets


class DataSet(NamedTuple):
    """Runs, which of them are held out (a column ``held``), and how they are fitted.

    ``ceiling`` is the error of knowing nothing where there is one, ``by`` names what is fitted alone.
    """

    name: str
    runs: pd.DataFrame
    ceiling: dict[str, float] | None = None
    factors: tuple[str, ...] = ()
    by: tuple[str, ...] = CURVE


def held(runs: pd.DataFrame) -> np.ndarray:
    """The hold-out rule to give to ``bs.backtest``."""
    return runs["held"].to_numpy(dtype=bool)


def lin2024(suspect: bool = True, zero_shot: bool = False) -> DataSet:
    """30 LLMs on two tasks, D_f up to 51,200 fitted; ``suspect`` keeps rows flagged as hand-edited.

    ``zero_shot`` keeps the runs at D_f = 0, which the rectified law reads.
    """
    rows = _read("lin2024/sft_loss.csv").query("n_finetune >= 0" if zero_shot else "n_finetune > 0")
    rows = rows if suspect else rows[rows["row_digit_suspect"] == 0]
    names = {"model": "base", "n_finetune": "finetune_size", "model_params": "model_size"}
    runs = rows.rename(columns=names)[["task", "method", "base", "family", "model_size", "finetune_size", "loss"]]
    runs = runs.assign(held=runs["finetune_size"] > LARGEST_FITTED)
    name = "lin2024" + ", zero-shot runs kept" * zero_shot + ", suspect rows dropped" * (not suspect)
    return DataSet(name, runs)


def nsl_benchmark() -> DataSet:
    """43 learning curves with the benchmark's own train and test mark, at most 20 test points a curve."""
    rows = _read("nsl_benchmark/curves.csv")
    runs = pd.DataFrame(
        {
            "task": rows["curve_id"],
            "method": "full",
            "base": rows["model"],
            "finetune_size": rows["seen_examples"],
            "loss": rows["loss"],
            "metric": "loss of its own benchmark",
            "held": rows["training"] == 0,
        }
    )
    return DataSet("nsl_benchmark", pd.concat([_thin(c) for _, c in runs.groupby("task", sort=False)]))


def sun2026() -> DataSet:
    """GLUE, 1 - primary metric, largest size held out; seeds are repeats."""
    rows = _read("sun2026/peft_runs.csv").query("config_repeat == 0")
    runs = pd.DataFrame(
        {
            "task": rows["task"],
            "method": rows["method"],
            "base": rows["model"],
            "finetune_size": rows["n_effective"].astype(float),
            "seed": rows["seed"],
            "loss": 1.0 - rows["primary_metric"],
            "metric": "1 - primary metric",
        }
    ).drop_duplicates([*CURVE, "finetune_size", "seed"])
    largest = runs.groupby(list(CURVE))["finetune_size"].transform("max")
    runs = runs.assign(held=runs["finetune_size"] == largest)
    sizes = runs.groupby(list(CURVE))["finetune_size"].transform("nunique")
    return DataSet("sun2026", runs[sizes >= 5].reset_index(drop=True), CHANCE)


def peft_metamath() -> DataSet:
    """Methods of PEFT along one run each, the upper half of the samples held out."""
    rows = _read("peft_metamath/curves.csv").query("row_kind == 'eval' and train_loss > 0")
    runs = pd.DataFrame(
        {
            "task": "MetaMathQA",
            "method": rows["experiment"],
            "base": "Llama-3.2-3B",
            "finetune_size": rows["train_samples"].astype(float),
            "loss": rows["train_loss"],
        }
    ).drop_duplicates(["method", "finetune_size"])
    largest = runs.groupby("method")["finetune_size"].transform("max")
    return DataSet("peft_metamath", runs.assign(held=runs["finetune_size"] > largest / 2).reset_index(drop=True))


def chinchilla(dropped: int = 5) -> pd.DataFrame:
    """Chinchilla's N (``model_size``), D (``finetune_size``) and loss; the highest losses dropped, as in Epoch's code.

    Besiroglu et al. (2024, arXiv 2404.10102) keep the points whose loss is below the fifth highest: 240 of 245.
    """
    rows = _read("chinchilla_epoch/n_d_loss.csv")
    kept = rows[rows["loss"] < rows["loss"].nlargest(dropped).min()] if dropped else rows
    names = {"model_params": "model_size", "tokens": "finetune_size"}
    runs = kept.rename(columns=names)[["model_size", "finetune_size", "loss"]]
    return runs.assign(task="pretraining", method="chinchilla").reset_index(drop=True)


def chinchilla_by_compute() -> DataSet:
    """Chinchilla's runs as one (task, method), the fifth with the largest compute held out."""
    runs = chinchilla()
    compute = runs["model_size"] * runs["finetune_size"]
    held_out = compute > compute.quantile(1 - MOST_COMPUTE)
    return DataSet("chinchilla_epoch", runs.assign(held=held_out), factors=("model_size",), by=CURVE[:2])


SETS: dict[str, Callable[[], DataSet]] = {
    "lin2024": lin2024,
    "lin2024_clean": lambda: lin2024(suspect=False),
    "lin2024_zero": lambda: lin2024(zero_shot=True),
    "nsl_benchmark": nsl_benchmark,
    "sun2026": sun2026,
    "peft_metamath": peft_metamath,
    "chinchilla_epoch": chinchilla_by_compute,
}


def some(data: DataSet, every: int) -> DataSet:
    """Every so-manieth curve."""
    numbers = data.runs.groupby(list(data.by), sort=False).ngroup()
    return data._replace(runs=data.runs[numbers % every == 0].reset_index(drop=True))


def _thin(curve: pd.DataFrame) -> pd.DataFrame:
    test = curve[curve["held"]]
    kept = test.iloc[np.unique(np.linspace(0, len(test) - 1, MOST_HELD).round().astype(int))]
    return pd.concat([curve[~curve["held"]], kept])


def _read(name: str) -> pd.DataFrame:
    path = FOLDER / name
    if not path.is_file():
        raise SystemExit(f"there is no {path}: these data are not shipped; name their folder in BAYES_SCALING_DATA")
    return pd.read_csv(path)
