"""From the ledger to the runs table that laws are fitted to; nothing is dropped in silence."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.runs import RunConfig, canonical

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.finetune.ledger import Record

METRIC = "nats per target token"
CANONICAL = (
    "task",
    "method",
    "base",
    "model_size",
    "pretrain_size",
    "pet_size",
    "finetune_size",
    "loss",
    "seed",
    "metric",
)
"""Columns of a runs table, in the order that :func:`bayes_scaling.load_runs` gives them. There is no ``loss_se``:
a task's runs share one test set, whose error is one for all of them, while ``loss_se`` is of independent errors."""

FACTORS = ("model_size", "pretrain_size", "pet_size")
OWN = ("run", "study", "status", "censored", "learning_rate", "learning_rate_at_edge")
MEASURED = (
    "test_loss_se",
    "hit_step_cap",
    "stopped_early",
    "dev_loss",
    "base_loss",
    "perplexity",
    "bits_per_byte",
    "rouge_l",
    "chrf",
    "bleurt",
    "steps",
    "best_step",
    "batch_halvings",
    "trainable_parameters",
    "total_parameters",
)
SPENT = ("tokens", "wall_s", "peak_memory", "cost")
FLAGS = ("hit_step_cap", "stopped_early")


def export_runs(ledger_path: str | PathLike[str], runs: Iterable[RunConfig] | None = None) -> "pd.DataFrame":
    """The runs table of a ledger: one row per measuring run that is finished.

    A diverged run is a censored row: its loss is NaN and ``censored`` is true, since a fit to the others alone
    would flatter settings that often diverge. :func:`write_runs` puts such rows into a file of their own.

    Parameters
    ----------
    ledger_path
        The ledger of a study.
    runs
        The runs to export, as the study has them now. By default all of the ledger; then, of runs that differ
        only in settings (an older learning rate, say), the one planned last.

    Returns
    -------
    DataFrame
        The canonical columns, then everything else that was measured. ``attrs``: ``unfinished`` and ``failed`` count
        runs without a row, ``superseded`` those left out for a newer one, ``elsewhere`` those that are not in ``runs``.

    Raises
    ------
    LedgerError
        If there is no such ledger.
    """
    from bayes_scaling.finetune.ledger import Ledger

    with Ledger(ledger_path, read_only=True) as ledger:
        found = ledger.records(purpose="measure")
    wanted, left_out = _wanted(found, runs)
    finished = [record for record in wanted if record.status in ("done", "diverged")]
    edges = {run.id: run.learning_rate_at_edge for run in runs or ()}
    table = _table([_row(record, edges) for record in finished])
    failed = sum(record.status == "failed" for record in wanted)
    counts = {"failed": failed, "unfinished": len(wanted) - len(finished) - failed}
    table.attrs.update(counts | left_out)
    return table


def measured(table: "pd.DataFrame") -> "pd.DataFrame":
    """The rows with a loss: what a law can be fitted to."""
    return table[~table["censored"]].reset_index(drop=True)


def censored(table: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of diverged runs."""
    return table[table["censored"]].reset_index(drop=True)


def _wanted(found: list["Record"], runs: Iterable[RunConfig] | None) -> tuple[list["Record"], dict[str, int]]:
    if runs is not None:
        ids = {run.id for run in runs}
        wanted = [record for record in found if record.id in ids]
        return wanted, {"superseded": 0, "elsewhere": len(found) - len(wanted)}
    newest = {_setting(record): record for record in found}  # in the order of planning: the last one stays
    return list(newest.values()), {"superseded": len(found) - len(newest), "elsewhere": 0}


def _setting(record: "Record") -> str:
    """What the runs table tells runs apart by."""
    config = record.config_content
    return canonical([config["task"]["name"], config["base"]["name"], config["method"]["name"], *_sizes(config)])


def _sizes(config: Mapping[str, Any]) -> tuple[Any, ...]:
    return config["pet_size"], config["finetune_size"], config["seed"]


def _row(record: "Record", edges: Mapping[str, bool | None]) -> dict[str, Any]:
    config, measures = record.config_content, dict(record.measures)
    diverged = record.status == "diverged" or "loss" not in measures
    loss, error = measures.pop("loss", None), measures.pop("loss_se", None)
    return {
        "task": config["task"]["name"],
        "method": config["method"]["name"],
        "base": config["base"]["name"],
        **{name: config[name] for name in (*FACTORS, "finetune_size", "seed")},
        "loss": None if diverged else loss,
        "test_loss_se": None if diverged else error,
        "metric": METRIC,
        "run": record.id,
        "study": record.study,
        "status": record.status,
        "censored": diverged,
        "learning_rate": config["training"]["learning_rate"],
        "learning_rate_at_edge": edges.get(record.id, config["learning_rate_at_edge"]),
        **measures,
        "tokens": record.tokens if record.tokens is not None else measures.get("tokens"),
        "wall_s": record.wall_seconds,
        "peak_memory": record.peak_memory,
        "cost": record.cost,
    }


def _table(rows: list[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    names = {name for row in rows for name in row}
    known = (*CANONICAL, *OWN, *MEASURED, *SPENT)
    order = [*known, *sorted(names - set(known))]
    table = pd.DataFrame(rows, columns=order)
    numbers = [name for name in order if name not in ("task", "method", "base", "metric", *OWN, "seed", *FLAGS)]
    table = table.astype(dict.fromkeys(numbers, "float64") | {"seed": "Int64", "censored": "bool"})
    table = table.astype({"learning_rate": "float64", "learning_rate_at_edge": "boolean"})
    table = table.assign(**{name: table[name].astype("Float64").astype("boolean") for name in FLAGS})
    empty = [name for name in order if name not in (*CANONICAL, *OWN) and table[name].isna().all()]
    unknown = [name for name in FACTORS if table[name].isna().all()]
    return table.drop(columns=[*empty, *unknown])


def check_finished(table: "pd.DataFrame", ledger_path: str | PathLike[str]) -> None:
    """Raise a StudyError where no run has a row yet."""
    if table.empty:
        waiting = f"{table.attrs['failed']} failed, {table.attrs['unfinished']} are not finished"
        raise StudyError(
            f"{str(Path(ledger_path))!r} has no finished run to export ({waiting}); run the study first: "
            "bayes-scaling finetune run STUDY.yaml"
        )
