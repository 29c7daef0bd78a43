"""Which factors scale which run: one at a time as in the paper, or all together.

Rows of a cell (task, method) are grouped by the factors whose values are known. Inside a group, the factors that
vary belong to the rows' law. Several can vary together (product: one amplitude), or in slices that each move one
factor away from a centre that was never measured (separate: an amplitude for each, E and beta shared).
"""

from collections.abc import Sequence

import pandas as pd

from bayes_scaling.arguments import check_option, shown
from bayes_scaling.errors import ModelError, RunsError
from bayes_scaling.runs import FACTORS, varied_factors
from bayes_scaling.runs.messages import rows_error

FactorSet = tuple[str, ...]
SHARINGS = ("auto", "separate", "product")


def cell_factors(cell: pd.DataFrame, requested: Sequence[str] | None) -> FactorSet:
    """Factors of one cell: those that vary there, and are requested.

    Raises
    ------
    ModelError
        If a factor varies in the cell but is not among the requested ones.
    """
    varied = varied_factors(cell)
    if requested is None:
        return varied
    left_out = [factor for factor in varied if factor not in requested]
    if left_out:
        task, method = cell["task"].iloc[0], cell["method"].iloc[0]
        raise ModelError(
            f"factors={tuple(requested)!r} leaves out {left_out[0]!r}, which takes "
            f"{cell[left_out[0]].nunique()} values in task {task!r}, method {method!r}: its effect would be read as "
            f"noise. Add it to factors=, or fit the runs of one {left_out[0]} at a time"
        )
    return tuple(factor for factor in varied if factor in requested)


def factor_sets(cell: pd.DataFrame, factors: FactorSet, sharing: str) -> list[FactorSet]:
    """The factors in each row's law, one entry a row.

    Raises
    ------
    RunsError
        If a row has no known value for any factor that varies in its cell.
    ModelError
        If ``sharing="separate"`` is asked for runs that move several factors at once.
    """
    sets: list[FactorSet] = [()] * len(cell)
    if not factors:
        return sets
    known = cell[list(factors)].notna()
    for pattern, group in cell.groupby([known[f].to_numpy() for f in factors], sort=False):
        varied = tuple(f for f, is_known in zip(factors, pattern, strict=True) if is_known and group[f].nunique() > 1)
        if not varied:
            raise _no_factor(cell, group, factors)
        for position, found in zip(cell.index.get_indexer(group.index), _split(group, varied, sharing), strict=True):
            sets[position] = found
    return sets


def _split(group: pd.DataFrame, varied: FactorSet, sharing: str) -> list[FactorSet]:
    centre = {f: group[f].mode().max() for f in varied}
    moved = [tuple(f for f in varied if row[f] != centre[f]) for _, row in group.iterrows()]
    one_at_a_time = all(len(m) <= 1 for m in moved)
    centre_measured = any(len(m) == 0 for m in moved)
    if sharing == "separate" and not one_at_a_time:
        raise ModelError(
            f"sharing='separate' needs runs that move one factor at a time, but {', '.join(varied)} move together in "
            f"task {group['task'].iloc[0]!r}, method {group['method'].iloc[0]!r}; use sharing='product' or 'auto'"
        )
    slices = one_at_a_time and (sharing == "separate" or (sharing == "auto" and not centre_measured))
    if len(varied) == 1 or not slices:
        return [varied] * len(group)
    return [m or varied[:1] for m in moved]


def _no_factor(cell: pd.DataFrame, group: pd.DataFrame, factors: FactorSet) -> RunsError:
    rows = cell.index.isin(group.index)
    missing = [f for f in factors if bool(group[f].isna().all())]
    column = (missing or list(factors))[0]
    return rows_error(
        cell,
        rows,
        column,
        f"without a value that places them on a law of {', '.join(factors)}",
        "where a factor varies in a (task, method) group, its runs either have its value or vary another factor",
        f"fill in {column!r} for these runs, or leave them out",
    )


def check_requested(requested: Sequence[str] | None, sharing: str) -> None:
    """Raise a ModelError for factors or a sharing that do not exist."""
    if requested is not None and not isinstance(requested, tuple | list):
        raise ModelError(f"factors={shown(requested)}: give a tuple of {', '.join(map(repr, FACTORS))}, or none: ()")
    unknown = [f for f in requested or () if f not in FACTORS]
    if unknown:
        raise ModelError(f"factors: {shown(unknown[0])} is no factor; the factors are {', '.join(map(repr, FACTORS))}")
    check_option("sharing", sharing, SHARINGS)
