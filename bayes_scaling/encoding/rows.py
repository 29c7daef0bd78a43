"""Encode table rows, of runs or of a design, for a law: indices and centred logs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.models import drift
from bayes_scaling.models.laws import Law
from bayes_scaling.models.layout import Floats, Layout, RowArrays
from bayes_scaling.runs import FACTORS


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Every row as a dict by column name; of a table without columns too, whose rows pandas 2 leaves out."""
    rows = frame.to_dict("records") if len(frame.columns) else [{} for _ in range(len(frame))]
    return [{str(name): value for name, value in row.items()} for row in rows]


def encode_rows(layout: Layout, law: Law, frame: pd.DataFrame, sets: Sequence[tuple[str, ...]]) -> RowArrays:
    """Rows of a table as a law reads them.

    Parameters
    ----------
    layout : Layout
    law : Law
    frame : DataFrame, n rows
        Has ``task``, ``method``, ``finetune_size`` and the factors that its rows use.
    sets : sequence of n tuples
        The factors in each row's law.
    """
    cell = np.array([layout.cell_index[pair] for pair in zip(frame["task"], frame["method"], strict=True)])
    n, used = len(frame), [f for f in FACTORS if f in layout.factor_of_term]
    term, active = np.zeros((n, len(used)), np.int64), np.zeros((n, len(used)))
    log_x = np.zeros((n, len(used)))
    for column, factor in enumerate(used):
        rows = np.array([factor in s for s in sets], dtype=bool)
        terms = np.array([layout.terms_of_cell[c][factor] for c in cell[rows]], np.int64)
        term[rows, column], active[rows, column] = terms, 1.0
        if rows.any():
            log_x[rows, column] = np.log(frame.loc[rows, factor].to_numpy(np.float64)) - layout.log_x0[terms]
    sizes = frame["finetune_size"].to_numpy(np.float64)
    log_d = log_examples(sizes) - layout.log_d0[cell]
    amplitude = _amplitudes(layout, law, cell, term, sets)
    felt = drift.basis(layout.drift, cell, log_d)
    log_ceiling = layout.log_ceiling[cell][:, None] if layout.log_ceiling.size else np.zeros((n, 0))
    log_median = layout.log_median[cell][:, None] if layout.noise_of_loss else np.zeros((n, 0))
    return RowArrays(cell, term, active, amplitude, log_x, log_d, felt, _zero_shot(sizes), log_ceiling, log_median)


def log_examples(sizes: Floats) -> Floats:
    """Log of D_f; of a zero-shot run that of one example.

    A law that reads D_f = 0 reads it exactly. Everything else that goes by log D_f, such as the drift, takes a
    zero-shot run for one with a single example: it is as far from the measured sizes as a count can be.
    """
    return np.asarray(np.log(np.where(sizes > 0, sizes, 1.0)))


def _zero_shot(sizes: Floats) -> Floats:
    zero = sizes == 0
    return np.asarray(zero[:, None] if zero.any() else np.zeros((sizes.size, 0)), dtype=np.float64)


def _amplitudes(
    layout: Layout, law: Law, cell: np.ndarray, term: np.ndarray, sets: Sequence[tuple[str, ...]]
) -> np.ndarray:
    if law.amplitude_per_factor:
        return term  # the additive law's amplitudes are its terms
    index = {key: j for j, key in enumerate(layout.factor_sets)}
    return np.array([[index[int(c), s]] for c, s in zip(cell, sets, strict=True)], np.int64)
