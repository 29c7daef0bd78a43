"""``import_runs``: the files of a tool in, a runs table out."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd

from bayes_scaling.errors import BayesScalingError, RunsError
from bayes_scaling.runs.importers import lm_eval, mlflow, peft, trainer, wandb
from bayes_scaling.runs.importers.arguments import check_arguments
from bayes_scaling.runs.importers.loss_of import At, Reading, check_at, check_direction, loss_of, nothing_found, reading
from bayes_scaling.runs.importers.naming import columns_of, files
from bayes_scaling.runs.importers.recorded import ToolRun
from bayes_scaling.runs.importers.table import Added, check_added, check_known, left_out, row_of, table_of
from bayes_scaling.runs.messages import closest, listing

Kind = Literal["trainer", "wandb", "mlflow", "lm_eval", "peft"]


class _Tool(NamedTuple):
    read: Callable[[Path], list[ToolRun]]
    loss: str | None
    nats: bool  # the loss that it has by default is in nats per target token


_TOOLS = {
    "trainer": _Tool(trainer.read, trainer.LOSS, True),
    "wandb": _Tool(wandb.read, wandb.LOSS, True),
    "mlflow": _Tool(mlflow.read, mlflow.LOSS, True),
    "lm_eval": _Tool(lm_eval.read, None, False),
    "peft": _Tool(peft.read, peft.LOSS, False),
}


def import_runs(
    source: str | os.PathLike[str],
    kind: Kind,
    *,
    loss: str | None = None,
    at: At = "last",
    columns: Mapping[str, str] | None = None,
    names: str | None = None,
    unfinished: bool = False,
    **given: object,
) -> pd.DataFrame:
    """Read finished runs that another tool recorded.

    Parameters
    ----------
    source : str or path
        A file of the tool; for ``mlflow`` also a folder. Several files by a pattern, such as
        ``runs/{method}-n{finetune_size}/trainer_state.json``, in which ``{column}`` stands for a column of the runs
        table that paths say, and ``*`` for anything.
    kind : {"trainer", "wandb", "mlflow", "lm_eval", "peft"}
        ``trainer``: a ``trainer_state.json`` of transformers' Trainer, with the ``adapter_config.json`` beside it.
        ``wandb``: a CSV file exported by Weights & Biases (table of runs, chart, or ``run.history()``).
        ``mlflow``: a file store (``mlruns``) or the CSV file of ``search_runs``.
        ``lm_eval``: a results file of lm-evaluation-harness. ``peft``: a result of peft's method_comparison.
    loss : str, optional
        The tool's name of the loss; ``"1 - NAME"`` for a score between 0 and 1, ``"log NAME"`` for a perplexity. By
        default ``eval_loss`` (``eval/loss`` of ``wandb``), and ``1 - test accuracy`` of ``peft``; ``lm_eval`` has none.
    at : {"last", "best"}
        Which evaluation of a run counts: its last, or its lowest (``load_best_model_at_end``). The lowest of several
        looks at one set is a little too low.
    columns : mapping of str to str, optional
        Canonical name to the tool's name of a configuration entry or metric, such as
        ``{"finetune_size": "train_examples"}``.
    names : str, optional
        Pattern of the runs' names, such as ``"{method}-n{finetune_size}"``.
    unfinished : bool
        Also take runs that stopped before their end. A run that was cut short did not see its ``finetune_size``.
    **given
        Columns that all runs share and files do not say, such as ``task="sum", model_size="1.5B"``.

    Returns
    -------
    DataFrame
        A runs table as from ``load_runs``, and ``run``, the tool's name of each run. ``metric`` says what the loss is
        where it is not the tool's default in nats. Tables of several calls may be concatenated and given to
        ``load_runs``, whose checks of whole tables (repeated settings) are not made here.

    Raises
    ------
    RunsError
        A file cannot be read, is of another kind, or has no such metric; a needed column is said nowhere, or twice; a
        score would be taken for a loss.

    Warns
    -----
    UserWarning
        Runs were left out: unfinished, or without a finite value of the loss.

    Notes
    -----
    ``model_size`` is never read from a file: tools count all parameters, and the law wants those without embeddings.

    Examples
    --------
    >>> source = "out/{method}-n{finetune_size}/trainer_state.json"
    >>> bs.import_runs(source, "trainer", task="sum")  # doctest: +SKIP
    >>> bs.import_runs("wandb.csv", "wandb", columns={"finetune_size": "n_train"}, task="sum")  # doctest: +SKIP
    """
    check_arguments(source, kind, {"loss": loss, "at": at, "names": names}, columns, unfinished, given)
    tool = _tool(kind)
    text = loss or tool.loss
    asked = None if text is None else reading(text)
    source = os.fspath(source)
    added = Added(columns or {}, given, tuple(filter(None, (source if not Path(source).exists() else "", names))))
    check_added(added)
    runs = [_named(run, said, names) for path, said in files(source) for run in _read(tool, path)]
    runs = _finished(runs, unfinished)
    if asked is None:
        raise nothing_found(runs, None)
    check_direction(asked, runs)
    check_at(at, runs)
    check_known(runs, added)
    rows = _rows(runs, asked, at, added)
    metric = {} if tool.nats and asked.text == tool.loss else {"metric": asked.text}
    return table_of([{**metric, **row} for row in rows])


def _tool(kind: str) -> _Tool:
    if kind not in _TOOLS:
        nearest = closest(kind, _TOOLS)
        hint = f"did you mean {nearest!r}? " if nearest else ""
        raise RunsError(f"kind={kind!r} is no tool that is read: {hint}The kinds are {listing(get_args(Kind))}")
    return _TOOLS[kind]


def _read(tool: _Tool, path: Path) -> list[ToolRun]:
    """The runs of one file; what a reader did not find where it always was is told as such."""
    try:
        return tool.read(path)
    except BayesScalingError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise RunsError(
            f"source {str(path)!r} is damaged, or of a version of its tool that is not known "
            f"({type(error).__name__}: {error}); export it again, or make the runs table yourself and use load_runs"
        ) from error


def _named(run: ToolRun, said: dict[str, str], pattern: str | None) -> ToolRun:
    """The run with what its path and its name say."""
    found = {} if pattern is None else columns_of(run.name, pattern)
    if found is None:
        raise RunsError(
            f"names={pattern!r}: run {run.name!r} does not match; change the pattern, or leave it out of the file"
        )
    return run._replace(known={**run.known, **said, **found})


def _finished(runs: list[ToolRun], unfinished: bool) -> list[ToolRun]:
    names = [f"{run.name} ({run.unfinished})" for run in runs if run.unfinished]
    if unfinished or not names:
        return runs
    if len(names) == len(runs):
        raise RunsError(
            f"source: no run is finished: {listing(names[:3])}; a runs table has finished runs, whose learning rate "
            "has come down and which saw their finetune_size; take them nevertheless with unfinished=True"
        )
    left_out("since they are not finished", names, len(runs), "take them with unfinished=True")
    return [run for run in runs if not run.unfinished]


def _rows(runs: list[ToolRun], asked: Reading, at: At, added: Added) -> list[dict[str, object]]:
    found = [(run, loss_of(run, asked, at)) for run in runs]
    rows = [row_of(run, added) | {"loss": it.loss} | _se(it.se, added) for run, it in found if it is not None]
    if not rows:
        raise nothing_found(runs, asked)
    without = [run.name for run, it in found if it is None]
    left_out(
        f"since they have no finite value of {asked.metric!r}", without, len(runs), "measure them again if you can"
    )
    return rows


def _se(se: float | None, added: Added) -> dict[str, object]:
    return {} if "loss_se" in (*added.given, *added.columns) else {"loss_se": se}
