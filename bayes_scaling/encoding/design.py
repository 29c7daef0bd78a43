"""Encode a design, the points to predict at, against the layout of a fit."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.arguments import shown
from bayes_scaling.encoding.families import design_families
from bayes_scaling.encoding.rows import encode_rows, records
from bayes_scaling.encoding.suitability import READERS
from bayes_scaling.errors import DesignError
from bayes_scaling.models.laws import Law
from bayes_scaling.models.layout import SHARED, Ints, Layout, RowArrays
from bayes_scaling.quantities import format_quantity, implausible
from bayes_scaling.runs import FACTORS
from bayes_scaling.runs.bases import alike, name_bases
from bayes_scaling.tables import as_floats, check_names

UNSEEN = -1
BASE_FACTORS = ("model_size", "pretrain_size")  # that a base LLM is told by, where it has no name


class EncodedDesign(NamedTuple):
    """Design rows as arrays.

    Attributes
    ----------
    frame : DataFrame, n rows
        The design with ``task`` and ``base`` filled in (and ``family``, where the fit pools over it).
    rows : RowArrays
    effect, common : int array, shape (n,)
        Index of the row's base effect and of its common part; -1 for a base LLM that the fit has not seen.
    """

    frame: pd.DataFrame
    rows: RowArrays
    effect: Ints
    common: Ints


def encode_design(layout: Layout, law: Law, runs: pd.DataFrame, design: pd.DataFrame) -> EncodedDesign:
    """Arrays of a design.

    Parameters
    ----------
    layout, law
        Of the fit.
    runs : DataFrame
        The fitted runs, for the base LLMs they name.
    design : DataFrame
        ``method``, ``finetune_size``, ``task`` (where the fit has several) and the factors of each method's law.
        ``base`` names the base LLM; without it, a row whose sizes are those of exactly one fitted base is on it,
        and any other row is on a new base. ``family`` names a new base's model family, where the fit has them;
        without it, the new base is of a new family. A factor that no fitted run has may be noted with one size, not
        varied.

    Raises
    ------
    DesignError
        If a column is missing, a cell was not fitted, or a size is not one the law can speak about.
    """
    frame = complete_design(layout, law, runs, design)
    sets = _once_each(frame, ["task", "method", *FACTORS], lambda row: _factor_set(layout, row))
    rows = encode_rows(layout, law, frame, sets.tolist())
    effect = _once_each(
        frame,
        ["task", "method", "base"],
        lambda row: layout.effect_index.get((_cell(layout, row), row["base"]), UNSEEN),
    )
    common = _once_each(
        frame, ["task", "base"], lambda row: layout.common_index.get((row["task"], row["base"]), UNSEEN)
    )
    return EncodedDesign(frame, rows, effect.astype(np.int64), common.astype(np.int64))


def complete_design(layout: Layout, law: Law, runs: pd.DataFrame, design: pd.DataFrame) -> pd.DataFrame:
    """A design with task and base in every row (and family, where the fit pools over it), its sizes checked.

    See :func:`encode_design` for parameters and errors.
    """
    frame = _complete(layout, law, design)
    _check_known(runs, frame)
    frame = _with_bases(runs, frame)
    return design_families(runs, frame) if layout.families.family else frame


def cells(layout: Layout, frame: pd.DataFrame) -> Ints:
    """Index of each row's (task, method), -1 where it was not fitted, shape (n,)."""
    task, tasks = pd.factorize(frame["task"], use_na_sentinel=False)
    method, methods = pd.factorize(frame["method"], use_na_sentinel=False)
    of_pair = [[layout.cell_index.get((t, m), UNSEEN) for m in methods] for t in tasks]
    return np.array(of_pair, np.int64)[task, method]


def _complete(layout: Layout, law: Law, design: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(design, pd.DataFrame) or design.empty:
        raise DesignError(f"design must be a DataFrame with at least one row, got {type(design).__name__}")
    frame = design.reset_index(drop=True)
    tasks = list(dict.fromkeys(layout.task))
    if "task" not in frame and len(tasks) == 1:
        frame = frame.assign(task=tasks[0])
    for column in ("task", "method", "finetune_size"):
        if column not in frame:
            raise DesignError(
                f"design has no column {column!r}; it has {', '.join(map(str, design.columns))}. Add it"
                + (f": one of {', '.join(map(repr, tasks))}" if column == "task" else "")
            )
    check_names(frame, ("task", "method", "base", "family"))
    for column in ("finetune_size", *(f for f in FACTORS if f in frame)):
        of_data = column == "finetune_size"
        frame[column] = check_sizes(frame[column], required=of_data, law=law if of_data else None)
    unfitted = np.flatnonzero(cells(layout, frame) == UNSEEN)
    if unfitted.size:
        task, method = (frame[column].iloc[unfitted[0]] for column in ("task", "method"))
        fitted = "; ".join(f"{t}: {m}" for t, m in layout.cell_index)
        known = not isinstance(task, str) or task in tasks
        hint = "" if known else ". An unseen task is predicted by a fit with JointLaw(pool=('task',))"
        raise DesignError(
            f"design: task {shown(task)}, method {shown(method)} was not fitted; fitted are {fitted}{hint}"
        )
    return frame


def _check_known(runs: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Raise a DesignError for a factor that the design varies and no fitted run has: its sizes would change nothing."""
    for factor in FACTORS:
        known = factor in runs and runs[factor].notna().any()
        if factor in frame and not known and frame[factor].nunique() > 1:
            lowest, highest = (format_quantity(float(size)) for size in (frame[factor].min(), frame[factor].max()))
            raise DesignError(
                f"design column {factor!r} goes from {lowest} to {highest}, and no fitted run has a {factor}: the fit "
                "cannot tell them apart. Leave the column out, or fit runs that vary it"
            )


def check_sizes(column: pd.Series, required: bool, law: Law | None = None) -> pd.Series:
    """A column of sizes as floats; a DesignError where one is no positive number (or missing, where required).

    Zero is a size too where a law is given that is finite there.
    """
    values = as_floats(column)
    zero = (values == 0).to_numpy() & (law is not None)
    if law is not None and zero.any() and not law.reads_zero:
        raise DesignError(
            f"design column {column.name!r}: row {np.flatnonzero(zero)[0]} is zero-shot (0), where the {law.name} law "
            f"is infinite; fit {READERS}, whose loss is finite there, or ask for one example and more"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & ((values > 0) | zero)) & (column.notna() | required))
    if bad.size:
        raise DesignError(
            f"design column {column.name!r}: {shown(column.iloc[bad[0]])} in row {bad[0]} is not a positive number; "
            "sizes are counts, such as 100000"
        )
    _check_counts(values)
    return values


def _check_counts(values: pd.Series) -> None:
    for size in (float(values.max()), float(values[values > 0].min())):  # what is implausible lies at an end
        why = implausible(str(values.name), size)
        if why:
            row = np.flatnonzero(values == size)[0]
            raise DesignError(f"design column {values.name!r}: {size!r} in row {row} is {why}")


def _once_each(frame: pd.DataFrame, columns: list[str], of_row: Callable[[dict[str, Any]], Any]) -> np.ndarray:
    """What ``of_row`` says of every row, asked once of rows that are alike in the columns."""
    number = alike(frame, columns)
    _, first = np.unique(number, return_index=True)
    some = frame[[name for name in columns if name in frame]].iloc[first]
    found = np.empty(len(some), object)
    for i, row in enumerate(records(some)):
        found[i] = of_row(row)
    return found[number]


def _with_bases(runs: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    known = runs.drop_duplicates(["task", "base"])

    def name_of(row: dict[str, Any]) -> str | None:
        given = row.get("base")
        return _base_of(known[known["task"] == row["task"]], row) if pd.isna(given) else str(given)

    found = _once_each(frame, ["task", "base", *BASE_FACTORS], name_of)
    return name_bases(frame.assign(base=pd.Series(found, index=frame.index, dtype="str")))


def _base_of(known: pd.DataFrame, row: dict[str, Any]) -> str | None:
    """Name of the one fitted base LLM that has the row's sizes, if there is exactly one."""
    same = np.ones(len(known), dtype=bool)
    for factor in BASE_FACTORS:
        size = row.get(factor)
        if factor in known and size is not None and not pd.isna(size):
            same &= (known[factor] == size).to_numpy()
    names = known.loc[same, "base"]
    return str(names.iloc[0]) if len(names) == 1 else None


def _factor_set(layout: Layout, row: dict[str, Any]) -> tuple[str, ...]:
    """The set of factors whose law covers the row: they are known, and the others are as in the fit."""
    cell = _cell(layout, row)
    sizes = {f: float(row[f]) for f in FACTORS if not pd.isna(row.get(f))}
    of_cell = [(s, fixed) for (c, s), fixed in zip(layout.factor_sets, layout.fixed_sizes, strict=True) if c == cell]
    reasons = {s: _mismatch(layout.terms_of_cell[cell], s, fixed, sizes) for s, fixed in of_cell}
    fitting = [s for s, reason in reasons.items() if reason is None]
    if fitting:
        return max(fitting, key=len)
    why = "; ".join(f"law of {SHARED.join(s) or 'D_f'}: {reason}" for s, reason in reasons.items())
    raise DesignError(f"design: task {row['task']!r}, method {row['method']!r} cannot be predicted there: {why}")


def _cell(layout: Layout, row: dict[str, Any]) -> int:
    return layout.cell_index[str(row["task"]), str(row["method"])]


def _mismatch(
    varied: dict[str, int], factors: tuple[str, ...], fixed: dict[str, float], sizes: dict[str, float]
) -> str | None:
    for factor in factors:
        if factor not in sizes:
            return f"{factor} is missing; add it to the design"
    for factor, size in sizes.items():
        if factor in factors or (factor not in varied and factor not in fixed):
            continue
        if factor not in fixed:
            return f"{factor} is unknown in its runs, so a given {factor} says nothing; leave it out"
        if not np.isclose(fixed[factor], size, rtol=1e-6):
            here = format_quantity(fixed[factor])
            return f"{factor} was {here} in all its runs, so it cannot speak about {format_quantity(size)}"
    return None
