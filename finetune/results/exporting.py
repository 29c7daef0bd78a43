"""Runs tables as files: CSV, Parquet or JSON lines, whole or not at all; censored rows beside them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.results.export import censored, measured
from bayes_scaling.whole_file import whole_file

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5


@dataclass(frozen=True)
class Exported:
    """What was written, and what it does not hold.

    Attributes
    ----------
    path
        The runs table, ready for :func:`bayes_scaling.load_runs`.
    censored_path
        The rows of diverged runs, where there are any.
    text
        What was written where, and every run without a row, counted.
    """

    path: Path
    censored_path: Path | None
    text: str


def check_target(path: str | PathLike[str]) -> Path:
    """The file to write to.

    Raises
    ------
    StudyError
        If its ending is of no kind that is written, or its folder is not there.
    """
    target = Path(path)
    if target.suffix.lower() not in _WRITERS:
        kinds = ", ".join(_WRITERS)
        raise StudyError(f"--output {str(path)!r} ends in {target.suffix!r}; name a file that ends in one of {kinds}")
    if target.is_dir() or not target.parent.is_dir():
        why = "it is a folder" if target.is_dir() else f"there is no folder {str(target.parent)!r}"
        raise StudyError(f"--output {str(path)!r}: {why}; name a file in a folder that exists, such as runs.csv")
    return target


def write_runs(table: "pd.DataFrame", path: str | PathLike[str]) -> Exported:
    """Write an exported table: measured rows to ``path``, censored ones to ``NAME.censored.SUFFIX`` beside it.

    Parameters
    ----------
    table
        From :func:`bayes_scaling.finetune.results.export.export_runs`.
    path
        A .csv, .tsv, .jsonl, .ndjson or .parquet file; it appears whole or not at all.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    target = check_target(path)
    beside = target.with_suffix(f".censored{target.suffix}")
    lost, kept = censored(table), measured(table)
    try:
        if len(lost):
            _write(lost, beside)
        else:
            beside.unlink(missing_ok=True)  # of an earlier export, untrue by now
        _write(kept, target)
    except OSError as error:
        raise StudyError(
            f"cannot write {str(target)!r}: {error.strerror or error}; choose a folder that is writable and has space"
        ) from error
    return Exported(target, beside if len(lost) else None, _told(table, kept, lost, target, beside))


def summary(table: "pd.DataFrame") -> "pd.DataFrame":
    """An exported table by task and method: runs with a loss, how many diverged, the range of losses in nats."""
    groups = table.groupby(["task", "method"], sort=False)
    found = groups.agg(
        runs=("loss", "count"), diverged=("censored", "sum"), lowest_loss=("loss", "min"), highest_loss=("loss", "max")
    )
    return found.reset_index()


def _told(table: "pd.DataFrame", kept: "pd.DataFrame", lost: "pd.DataFrame", target: Path, beside: Path) -> str:
    lines = [f"{len(kept)} measured {_runs(len(kept))} in {target}: bayes-scaling check {target}"]
    if len(lost):
        lines.append(
            f"WARNING: {len(lost)} {_runs(len(lost))} diverged and {'has' if len(lost) == 1 else 'have'} no loss. They "
            f"are censored: not in {target.name}, but in {beside}: {_where(lost)}. A law fitted without them knows "
            "nothing of it; lower the learning rate there and run again."
        )
    if flagged := int(kept["learning_rate_at_edge"].fillna(False).sum()):
        lines.append(
            f"{flagged} {_runs(flagged)} with a learning rate at the edge of its grid (learning_rate_at_edge)."
        )
    if "hit_step_cap" in kept and (capped := int(kept["hit_step_cap"].fillna(False).sum())):
        lines.append(f"{capped} {_runs(capped)} cut by max_steps (hit_step_cap): their losses look like a floor.")
    return "\n".join(lines + _missing(table))


def _missing(table: "pd.DataFrame") -> list[str]:
    counts = table.attrs
    said = {
        "failed": "failed and have no row; see bayes-scaling finetune status",
        "unfinished": "are not finished and have no row",
        "superseded": "were left out for a newer run of the same setting with other settings of training or texts",
        "elsewhere": "in the ledger are not in this study file any more and were left out",
    }
    return [f"{counts[key]} {_runs(counts[key])} {what}." for key, what in said.items() if counts.get(key)]


def _where(lost: "pd.DataFrame") -> str:
    settings: dict[str, dict[float, None]] = {}
    columns = (lost[name] for name in ("task", "method", "base", "finetune_size"))
    for task, method, base, size in zip(*columns, strict=True):
        settings.setdefault(f"{task}, {method} on {base}", {})[size] = None
    shown = [
        f"{where} at D_f {', '.join(f'{size:,.0f}' for size in sizes)}"
        for where, sizes in list(settings.items())[:SHOWN]
    ]
    more = len(settings) - len(shown)
    return "; ".join(shown + ([f"and {more} more settings"] if more else []))


def _runs(number: int) -> str:
    return "run" if number == 1 else "runs"


def _write(table: "pd.DataFrame", target: Path) -> None:
    with whole_file(target) as part:
        _WRITERS[target.suffix.lower()](table, part)


def _write_json_lines(table: "pd.DataFrame", path: Path) -> None:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    lines = [json.dumps({str(name): _plain(cell) for name, cell in row.items()}, allow_nan=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(cell: Any) -> Any:
    return cell.item() if hasattr(cell, "item") else cell


_WRITERS: dict[str, Callable[["pd.DataFrame", Path], None]] = {
    ".csv": lambda table, path: table.to_csv(path, index=False),
    ".tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    ".parquet": lambda table, path: table.to_parquet(path, index=False),
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
}
