"""The rules of a runs table, each a small function that raises ``RunsError`` or returns.

They run on a table whose columns have their canonical names and types.
"""

import warnings

import numpy as np
import pandas as pd

from bayes_scaling.quantities import LARGEST, implausible
from bayes_scaling.runs.messages import first_rows, rows_error, rule_error
from bayes_scaling.runs.schema import COLUMNS, FACTORS, SETTING

_SIZES = (*FACTORS, "finetune_size")


def check_values(frame: pd.DataFrame) -> None:
    """Raise a ``RunsError`` at the first column with a cell that breaks its rule."""
    check_filled(frame)
    for name in (*_SIZES, "loss", "loss_se"):
        if name in frame.columns:
            check_finite(frame, name)
    for name in (*FACTORS, "loss"):
        if name in frame.columns:
            check_positive(frame, name)
    check_finetune_size(frame)
    check_counts(frame)
    check_standard_errors(frame)
    check_one_metric(frame)


def check_any_rows(frame: pd.DataFrame) -> None:
    """Raise where the table has no rows."""
    if frame.empty:
        raise rule_error(
            "the runs table is empty: it has columns but no rows",
            "a runs table has one row per finished finetuning run",
            "check the file or the filter that it came from",
        )


def check_several_rows(frame: pd.DataFrame) -> None:
    """Raise where the table has a single row."""
    if len(frame) == 1:
        raise rule_error(
            f"the runs table has one row:\n{first_rows(frame, 'loss')}",
            "a law is fitted to several runs, best to three or more sizes of each factor",
            "add runs, at other values of 'finetune_size' first",
        )


def check_filled(frame: pd.DataFrame) -> None:
    """Raise where a required column, or a metric that is given at all, has an empty cell."""
    for column in COLUMNS:
        if column.name not in frame.columns or not (column.required or column.name == "metric"):
            continue
        empty = frame[column.name].isna().to_numpy()
        if empty.any():
            rule = f"{column.name} ({column.meaning}) is given in every row"
            raise rows_error(frame, empty, column.name, "empty", rule, "fill the cells in or drop the rows")


def check_finite(frame: pd.DataFrame, name: str) -> None:
    """Raise where a number is infinite; an empty cell passes."""
    bad = np.isinf(frame[name].to_numpy())
    if bad.any():
        todo = "drop the runs that diverged, or measure them again"
        raise rows_error(frame, bad, name, "not finite", f"{name} is a finite number", todo)


def check_positive(frame: pd.DataFrame, name: str) -> None:
    """Raise where a number is zero or negative; an empty cell passes."""
    bad = (frame[name] <= 0).to_numpy()
    if bad.any():
        todo = "correct the values" if name in _SIZES else "give the loss itself, not its logarithm or a difference"
        rule = f"{name} is above zero, since a law takes its logarithm"
        raise rows_error(frame, bad, name, "zero or negative", rule, f"{todo}, or drop the rows")


def check_finetune_size(frame: pd.DataFrame) -> None:
    """Raise where D_f is negative; zero is a run before any finetuning, which some laws read."""
    bad = (frame["finetune_size"] < 0).to_numpy()
    if bad.any():
        rule = "finetune_size is the number of finetuning examples: above zero, or 0 for the LLM as it was (zero-shot)"
        raise rows_error(frame, bad, "finetune_size", "negative", rule, "correct the values, or drop the rows")


def check_counts(frame: pd.DataFrame) -> None:
    """Raise where a size is larger than any count, or a D_f less than one example; an empty cell passes."""
    for name in (name for name in _SIZES if name in frame.columns):
        sizes = frame[name].to_numpy()
        bad = (sizes > LARGEST) | ((name == "finetune_size") & (sizes > 0) & (sizes < 1))
        if bad.any():
            problem = str(implausible(name, float(sizes[bad][0])))
            todo = "write the count, such as 1.5B parameters or 100k examples, or drop the rows"
            raise rows_error(frame, bad, name, problem.partition(":")[0], problem.partition(": ")[2], todo)


def check_standard_errors(frame: pd.DataFrame) -> None:
    """Raise where a standard error is negative; an empty cell (unknown) passes."""
    if "loss_se" not in frame.columns:
        return
    bad = (frame["loss_se"] < 0).to_numpy()
    if bad.any():
        rule = "a standard error is zero or more, or empty where it is unknown"
        raise rows_error(frame, bad, "loss_se", "negative", rule, "correct the values or leave the cells empty")


def check_one_metric(frame: pd.DataFrame) -> None:
    """Raise where the losses are of more than one kind."""
    if "metric" not in frame.columns or frame["metric"].nunique() == 1:
        return
    raise rule_error(
        f"column 'metric': it has {frame['metric'].nunique()} values, first rows of each:\n"
        f"{first_rows(frame.drop_duplicates('metric'), 'metric')}",
        "one table holds one kind of loss, so that losses compare",
        f"keep one: runs[runs['metric'] == {frame['metric'].iloc[0]!r}]",
    )


def check_repeats(frame: pd.DataFrame) -> None:
    """Raise where two runs of one setting disagree in their loss and no seed tells them apart."""
    keys = _keys(frame)
    distinct = frame.drop_duplicates([*keys, "loss"])
    rows = distinct[distinct.duplicated(keys, keep=False)].sort_values(keys, kind="stable")
    if len(rows):
        raise rows_error(
            rows,
            np.ones(len(rows), dtype=bool),
            "loss",
            "at odds with a run of the same setting" + (" and seed" if "seed" in keys else ""),
            "one setting has one loss, or one for each value of 'seed'",
            "number repeated runs in a 'seed' column; if another choice differs (such as a learning rate), "
            "put it into the method's name or keep the best run",
        )


def drop_repeats(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with exact repeats of a run dropped, the first kept, and warn how many went."""
    repeats = frame.duplicated([*_keys(frame), "loss"])
    if repeats.any():
        warnings.warn(
            f"{repeats.sum()} of {len(frame)} runs repeat another in setting, seed and loss, "
            f"and were dropped, first rows:\n{first_rows(frame[repeats], 'loss')}\n"
            "if they are separate runs, tell them apart in a 'seed' column",
            UserWarning,
            stacklevel=4,  # the line that called load_runs or validate_runs
        )
    return frame[~repeats]


def _keys(frame: pd.DataFrame) -> list[str]:
    return [name for name in (*SETTING, "seed") if name in frame.columns]
