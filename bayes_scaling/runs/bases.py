"""Base LLMs: every run has one, and a name stands for one model.

Runs from one base share its quirks, so the model needs to know which runs do.
"""

from math import isnan

import numpy as np
import pandas as pd

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
    pairs = list(zip(_sizes(frame, "model_size"), _sizes(frame, "pretrain_size"), strict=True))
    label_of = {pair: _label(*pair) for pair in set(pairs)}  # few, where there are a million rows
    labels = [label_of[pair] for pair in pairs]
    given = frame["base"] if "base" in frame.columns else labels
    bases = [label if new else name for label, name, new in zip(labels, given, unnamed, strict=True)]
    return frame.assign(base=pd.Series(bases, index=frame.index, dtype="str"))


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


def _sizes(frame: pd.DataFrame, factor: str) -> list[float | None]:
    sizes = frame[factor].tolist() if factor in frame.columns else [np.nan] * len(frame)
    return [None if isnan(size) else size for size in sizes]


def _label(model_size: float | None, pretrain_size: float | None) -> str:
    model = "" if model_size is None else format_quantity(model_size, digits=None)
    pretrain = "" if pretrain_size is None else "@" + format_quantity(pretrain_size, digits=None)
    return model + pretrain or ONE_BASE
