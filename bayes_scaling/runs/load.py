"""A file or a DataFrame in, a canonical runs table out."""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path

import pandas as pd

from bayes_scaling.arguments import shown
from bayes_scaling.errors import RunsError
from bayes_scaling.runs.bases import check_bases, name_bases
from bayes_scaling.runs.checks import (
    check_any_rows,
    check_repeats,
    check_several_rows,
    check_values,
    drop_repeats,
)
from bayes_scaling.runs.columns import check_columns, rename_columns
from bayes_scaling.runs.convert import convert
from bayes_scaling.runs.loss_kinds import warn_of_kind
from bayes_scaling.runs.messages import rule_error
from bayes_scaling.runs.readers import read_table
from bayes_scaling.runs.schema import NAMES
from bayes_scaling.tables import check_runs


def load_runs(source: str | os.PathLike[str] | pd.DataFrame, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a runs table: one row per finished finetuning run.

    Parameters
    ----------
    source : str, path or DataFrame
        A CSV, TSV, JSON lines or Parquet file, or a table. It is never changed.
    columns : mapping of str to str, optional
        Canonical name to the name in the source, such as ``{"loss": "eval_loss"}``.

    Returns
    -------
    DataFrame
        Canonical columns first, then the others untouched. Text is ``str``; sizes (in units), ``loss`` and
        ``loss_se`` (in nats per target token, or what ``metric`` names) are float64; ``seed`` is Int64.
        ``base`` is always there; of the other optional columns, those that the source has.

    Raises
    ------
    RunsError
        The source cannot be read, or breaks a rule of the runs table.

    Warns
    -----
    UserWarning
        Rows that repeat another in setting, seed and loss were dropped; or the loss looks like a score or a perplexity,
        by its ``metric`` or, without one, by a median above 13.

    Examples
    --------
    >>> table = pd.DataFrame({"model_size": ["1B", "2B"], "finetune_size": "10k", "nll": [2.1, 1.9]})
    >>> runs = load_runs(table.assign(task="sum", method="lora"), columns={"loss": "nll"})
    >>> runs[["base", "model_size", "finetune_size", "loss"]]
      base    model_size  finetune_size  loss
    0   1B  1.000000e+09        10000.0   2.1
    1   2B  2.000000e+09        10000.0   1.9
    """
    own_names = _own_names(columns)
    if isinstance(source, pd.DataFrame):
        frame = source
    elif isinstance(source, str | os.PathLike):
        frame = read_table(Path(source), [own_names.get(name, name) for name in NAMES])
    else:
        raise RunsError(f"source is a {type(source).__name__}: give the path of a file, or a pandas DataFrame")
    runs = _canonical(rename_columns(frame, own_names))
    warn_of_kind(runs)
    return runs


def _own_names(columns: object) -> dict[str, str]:
    """The mapping of ``columns=`` as a dict; a RunsError where it is none."""
    if columns is None:
        return {}
    own_names = dict(columns) if isinstance(columns, Mapping) else {}
    if not isinstance(columns, Mapping) or not all(isinstance(own, Hashable) for own in own_names.values()):
        raise rule_error(
            f"columns={shown(columns)}: it is no mapping of names to names",
            "columns= maps canonical names to your own",
            "write it like columns={'loss': 'eval_loss'}",
        )
    return own_names


def validate_runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Check a table that has the canonical names, and return it in canonical form.

    A table that this returned comes back as it is.

    Parameters
    ----------
    frame : DataFrame
        Runs under canonical names. It is never changed.

    Returns
    -------
    DataFrame
        As from ``load_runs``.

    Raises
    ------
    RunsError
        The table breaks a rule of the runs table.

    Warns
    -----
    UserWarning
        Rows that repeat another in setting, seed and loss were dropped.
    """
    return _canonical(frame)


def _canonical(frame: pd.DataFrame) -> pd.DataFrame:
    check_runs(frame)
    check_columns(frame)
    check_any_rows(frame)
    runs = convert(frame)
    check_values(runs)
    runs = name_bases(runs)
    check_bases(runs)
    check_repeats(runs)
    runs = drop_repeats(runs)
    check_several_rows(runs)
    return _in_order(runs)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    canonical = [name for name in NAMES if name in frame.columns]
    others = [name for name in frame.columns if name not in NAMES]
    return frame[[*canonical, *others]].reset_index(drop=True)
