"""Encode a validated runs table as the arrays that the joint model reads."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_scaling.encoding.base_slopes import base_slopes
from bayes_scaling.encoding.factor_sets import FactorSet, cell_factors, factor_sets
from bayes_scaling.encoding.families import base_families
from bayes_scaling.encoding.rows import encode_rows, log_examples
from bayes_scaling.encoding.suitability import Ceiling, check_law, log_ceilings
from bayes_scaling.errors import RunsError
from bayes_scaling.models import drift
from bayes_scaling.models.ceiling import steepness, unbounded
from bayes_scaling.models.laws import Law
from bayes_scaling.models.layout import SHARED, Layout, Problem, RowArrays
from bayes_scaling.models.noise import Noise
from bayes_scaling.runs import FACTORS, check_factor_varies

Cell = tuple[str, str]


def encode_runs(
    runs: pd.DataFrame,
    law: Law,
    factors: Sequence[str] | None = None,
    sharing: str = "auto",
    ceiling: Ceiling = None,
    *,
    families: bool = False,
    noise: Noise = "log loss",
) -> Problem:
    """Arrays of the runs and the layout of their parameters.

    Parameters
    ----------
    runs : DataFrame
        A validated runs table.
    law : Law
    factors : sequence of str, optional
        Factors to scale by; by default all that vary. Empty for a law of D_f alone.
    sharing : {"auto", "separate", "product"}
        How several varied factors share the amplitude, see :mod:`bayes_scaling.encoding.factor_sets`.
    ceiling : float or mapping of task to float, optional
        Loss that no expected loss exceeds, see :mod:`bayes_scaling.models.ceiling`.
    families : bool
        Whether base LLMs have model families, which the runs then name.
    noise : {"log loss", "loss"}
        See :mod:`bayes_scaling.models.noise`.

    Raises
    ------
    RunsError
        If no factor (or a requested one) varies, a row lacks its factor's value or its family, or D_f is 0 in a row and
        the law is infinite there.
    ModelError
        If the law, the factors, the sharing or the ceiling do not suit the runs.
    """
    check_law(runs, law)
    factors = () if law.of_data_only else factors
    _check_varied(runs, factors)
    log_ceiling = log_ceilings(runs, ceiling)
    cells = list(dict.fromkeys(zip(runs["task"], runs["method"], strict=True)))
    sets: list[FactorSet] = [()] * len(runs)
    of_cell: list[FactorSet] = []
    for task, method in cells:
        where = np.flatnonzero((runs["task"] == task) & (runs["method"] == method))
        cell = runs.iloc[where]
        of_cell.append(cell_factors(cell, factors))
        for position, found in zip(where, factor_sets(cell, of_cell[-1], sharing), strict=True):
            sets[position] = found
    of_row = np.array([log_ceiling.get(task, np.inf) for task in runs["task"]])
    levels = unbounded(runs["loss"].to_numpy(np.float64), of_row)
    of_cells = np.array([log_ceiling.get(task, np.inf) for task, _ in cells])
    layout = _layout(runs.assign(loss=levels), law, cells, of_cell, sets, of_cells)
    layout = replace(layout, noise_of_loss=noise == "loss", log_ceiling=of_cells if log_ceiling else layout.log_ceiling)
    if families:
        commons = list(zip(layout.task_of_common, layout.base_of_common, strict=True))
        layout = replace(layout, families=base_families(runs, commons))
    rows = encode_rows(layout, law, runs, sets)
    effect = np.array([layout.effect_index[int(c), b] for c, b in zip(rows.cell, runs["base"], strict=True)])
    layout = replace(layout, slopes=base_slopes(layout, effect, runs["finetune_size"].to_numpy(np.float64)))
    loss = runs["loss"].to_numpy(np.float64)
    se = runs["loss_se"].fillna(0.0).to_numpy(np.float64) if "loss_se" in runs else np.zeros(len(runs))
    return Problem(layout, rows, effect, loss, se / loss, _mean_rows(rows, effect, layout.n_effects))


def _check_varied(runs: pd.DataFrame, factors: Sequence[str] | None) -> None:
    for factor in factors or ():
        check_factor_varies(runs, factor)
    if factors is None:
        present = [f for f in FACTORS if f in runs]
        groups = [group for _, group in runs.groupby(["task", "method"], sort=False)]
        if any(group[f].nunique() > 1 for group in groups for f in present):
            return
        if present:
            check_factor_varies(runs, present[0])
        raise RunsError(
            f"no factor varies: none of {', '.join(FACTORS)} takes two values in any (task, method) group\n"
            "the rule: the joint law needs runs at two or more sizes of a factor\n"
            "what to do: add runs at a second size, or fit D_f alone with JointLaw(factors=())"
        )


def _layout(
    runs: pd.DataFrame,
    law: Law,
    cells: list[Cell],
    of_cell: list[FactorSet],
    sets: list[FactorSet],
    log_ceiling: np.ndarray,
) -> Layout:
    terms = [(c, f) for c, factors in enumerate(of_cell) for f in factors]
    cell_of_row = [cells.index(pair) for pair in zip(runs["task"], runs["method"], strict=True)]
    used = list(dict.fromkeys(sorted(zip(cell_of_row, sets, strict=True), key=lambda pair: pair[0])))
    amplitudes = [(c, (f,)) for c, f in terms] if law.amplitude_per_factor else used
    effects = list(dict.fromkeys(zip(cell_of_row, runs["base"], strict=True)))
    commons = list(dict.fromkeys((cells[c][0], base) for c, base in effects))
    by_cell = runs.groupby(cell_of_row, sort=True)["loss"]
    log_d = log_examples(runs["finetune_size"].to_numpy(np.float64))
    finetuned = (runs["finetune_size"] > 0).to_numpy()
    log_d0 = np.array([log_d[finetuned & (np.array(cell_of_row) == c)].mean() for c in range(len(cells))])
    return Layout(
        task=tuple(task for task, _ in cells),
        method=tuple(method for _, method in cells),
        sharing=tuple(_sharing(factors, [s for c, s in used if c == i]) for i, factors in enumerate(of_cell)),
        cell_of_term=_ints(c for c, _ in terms),
        factor_of_term=tuple(f for _, f in terms),
        cell_of_amplitude=_ints(c for c, _ in amplitudes),
        factor_of_amplitude=tuple(SHARED.join(s) for _, s in amplitudes),
        factor_sets=tuple(used),
        fixed_sizes=tuple(_fixed_sizes(runs, cell_of_row, sets, key) for key in used),
        log_x0=np.array([_log_centre(runs, cell_of_row, sets, c, f) for c, f in terms]),
        log_d0=log_d0,
        loss_median=by_cell.median().to_numpy(),
        loss_min=by_cell.min().to_numpy(),
        cell_of_effect=_ints(c for c, _ in effects),
        common_of_effect=_ints(commons.index((cells[c][0], base)) for c, base in effects),
        base_of_effect=tuple(base for _, base in effects),
        task_of_common=tuple(task for task, _ in commons),
        base_of_common=tuple(base for _, base in commons),
        drift=drift.make(
            _ints(cell_of_row), log_d - log_d0[cell_of_row], steepness(by_cell.median().to_numpy(), log_ceiling)
        ),
    )


def _ints(values: object) -> np.ndarray:
    return np.array(list(values), dtype=np.int64)  # type: ignore[call-overload]


def _sharing(factors: FactorSet, sets: list[FactorSet]) -> str:
    if not factors:
        return "finetuning data only"
    return "product" if any(len(s) > 1 for s in sets) else "one factor at a time"


def _fixed_sizes(
    runs: pd.DataFrame, cell_of_row: list[int], sets: list[FactorSet], key: tuple[int, FactorSet]
) -> dict[str, float]:
    """Sizes that are one and the same in all rows of a factor set; unknown ones are left out."""
    rows = runs[[pair == key for pair in zip(cell_of_row, sets, strict=True)]]
    found = {f: rows[f].dropna().unique() for f in FACTORS if f in runs and f not in key[1]}
    return {f: float(values[0]) for f, values in found.items() if len(values) == 1}


def _log_centre(runs: pd.DataFrame, cell_of_row: list[int], sets: list[FactorSet], c: int, factor: str) -> float:
    rows = [i == c and factor in s for i, s in zip(cell_of_row, sets, strict=True)]
    return float(np.log(runs.loc[rows, factor]).mean())


def _mean_rows(rows: RowArrays, effect: np.ndarray, n: int) -> RowArrays:
    """The mean row of each base effect: its first row's indices with the mean of all its logs."""
    first = np.array([np.flatnonzero(effect == h)[0] for h in range(n)])
    mean = RowArrays(*(field[first] for field in rows))
    count = np.bincount(effect, minlength=n)
    log_d = np.bincount(effect, rows.log_d, minlength=n) / count
    zero_shot = mean.zero_shot * 0.0  # the mean row has an example or more
    columns = [np.bincount(effect, column, minlength=n) / count for column in rows.log_x.T]
    log_x = np.stack(columns, axis=1) if columns else mean.log_x
    felt = np.stack([np.bincount(effect, column, minlength=n) / count for column in rows.drift.T], axis=1)
    return mean._replace(log_d=log_d, log_x=log_x * mean.active, drift=felt, zero_shot=zero_shot)
