"""Base LLMs: every run has one, and a name stands for one model.

Runs from one base share its quirks, so the model needs to know which runs do.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs.messages import rows_error

ONE_BASE = "the base LLM"
"""The base of runs whose table says nothing about it: they all share one."""


def name_bases(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with ``base`` filled in every row, from the base's sizes where it has no name.

    A label such as ``956M@84B`` (model size, pretraining size) has all digits of both: equal sizes get equal
    labels in every table, different sizes different ones.
    """
    unnamed = frame["base"].isna() if "base" in frame.columns else pd.Series(True, index=frame.index)
    sizes = pd.DataFrame({name: _sizes(frame, name) for name in ("model_size", "pretrain_size")})
    number = alike(sizes, sizes.columns)
    _, first = np.unique(number, return_index=True)
    labels = np.array([_label(*pair) for pair in sizes.iloc[first].to_numpy().tolist()], object)[number]
    bases = np.where(unnamed, labels, frame["base"].to_numpy(object)) if "base" in frame.columns else labels
    return frame.assign(base=pd.Series(bases, index=frame.index, dtype="str"))


def alike(frame: pd.DataFrame, columns: Iterable[str]) -> NDArray[np.int64]:
    """A number of each row, the same for rows that are alike in the columns it has, shape (n,)."""
    some = frame[[name for name in columns if name in frame]]
    return some.groupby(list(some.columns), dropna=False, sort=False).ngroup().to_numpy().astype(np.int64)


def check_bases(frame: pd.DataFrame) -> None:
    """Raise a ``RunsError`` where one base has two model sizes or two pretraining sizes."""
    for factor in ("model_size", "pretrain_size"):
        if factor not in frame.columns:
            continue
        values = frame.groupby("base")[factor].nunique()
        bad = values.index[values > 1]
        if len(bad):
            raise rows_error(
                frame.drop_duplicates(["base", factor]),
                frame.drop_duplicates(["base", factor])["base"].eq(bad[0]).to_numpy(),
                "base",
                f"called {bad[0]!r} with different values of {factor!r}",
                "a base is one LLM: it has one model size and one pretraining size",
                f"give each LLM its own name, or correct {factor!r}; without a base column, names come from the sizes",
            )


def _sizes(frame: pd.DataFrame, factor: str) -> NDArray[np.float64]:
    return frame[factor].to_numpy(np.float64) if factor in frame.columns else np.full(len(frame), np.nan)


def _label(model_size: float, pretrain_size: float) -> str:
    model = "" if np.isnan(model_size) else format_quantity(model_size, digits=None)
    pretrain = "" if np.isnan(pretrain_size) else "@" + format_quantity(pretrain_size, digits=None)
    return model + pretrain or ONE_BASE
