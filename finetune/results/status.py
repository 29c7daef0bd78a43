"""How a study stands, from its ledger alone: counts, running runs with their last sign of life, failures, time left."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

from bayes_scaling.finetune.ledger import Ledger, Record
from bayes_scaling.finetune.ledger.owners import state
from bayes_scaling.finetune.planning.estimates import duration, from_finished
from bayes_scaling.finetune.planning.history import readable, timed

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("planned", "running", "done", "failed", "diverged")
SHOWN = 12
REASON = 160
"""Characters of a failure's reason."""


@dataclass(frozen=True)
class Standing:
    """How the runs of a ledger stand.

    Attributes
    ----------
    records
        All of them, in planned order.
    now
        When the ledger was read, UTC seconds.
    """

    records: tuple[Record, ...]
    now: float

    @property
    def table(self) -> "pd.DataFrame":
        """Runs by stage, task, method and status."""
        return counted(self.records)

    @property
    def unfinished(self) -> int:
        """Runs that are planned or running."""
        return sum(record.status in ("planned", "running") for record in self.records)

    @property
    def text(self) -> str:
        """What runs, what failed and why, and the time left."""
        lines = [_counts(self.records), *running_told(self.records, self.now), *failures_told(self.records)]
        return "\n".join([*lines, *_left_told(self)])

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the planned and running runs are finished, at as many at a time as run now; None if unknown."""
        estimate = from_finished(timed(self.records))
        seconds: list[float] = []
        for record in self.records:
            if record.status in ("planned", "running"):
                config = readable(record)
                whole = None if config is None else estimate(config)
                if whole is None:
                    return None
                seconds.append(whole * (1 - _share(record)))
        at_once = max(sum(record.status == "running" for record in self.records), 1)
        return sum(seconds) / at_once


def standing(ledger_path: str | PathLike[str]) -> Standing:
    """Read how a study stands; nothing is written, and runs go on.

    Parameters
    ----------
    ledger_path
        The study's ledger.

    Raises
    ------
    LedgerError
        If there is no such ledger.
    """
    with Ledger(ledger_path, read_only=True) as ledger:
        return Standing(tuple(ledger.records()), time.time())


def counted(records: Iterable[Record]) -> "pd.DataFrame":
    """Runs by stage, task, method and status."""
    import pandas as pd

    found = [(record.purpose, *_names(record), record.status) for record in records]
    frame = pd.DataFrame(found, columns=["stage", "task", "method", "status"])
    counts = frame.assign(runs=1, **{status: (frame["status"] == status).astype(int) for status in STATUSES})
    return counts.groupby(["stage", "task", "method"], sort=False)[["runs", *STATUSES]].sum().reset_index()


def running_told(records: Iterable[Record], now: float) -> list[str]:
    """A line for every running run: how far it is, and its last sign of life."""
    running = [record for record in records if record.status == "running"]
    lines = [f"Running: {record.label}: {_progress(record)}, {_sign_of_life(record, now)}." for record in running]
    return _at_most(lines, "running")


def failures_told(records: Iterable[Record]) -> list[str]:
    """A line for every failed run: its reason, and how often it was tried."""
    failed = [record for record in records if record.status == "failed"]
    lines = [f"Failed: {record.label}: {_reason(record)} (tried {_times(record.attempts)})." for record in failed]
    return _at_most(lines, "failed")


def _names(record: Record) -> tuple[str, str]:
    return record.config_content["task"]["name"], record.config_content["method"]["name"]


def _counts(records: tuple[Record, ...]) -> str:
    states: list[str] = [record.status for record in records]
    parts = [f"{states.count(status)} {status}" for status in STATUSES]
    return f"{len(records)} runs: {', '.join(parts)}."


def _share(record: Record) -> float:
    progress = record.progress
    return 0.0 if progress is None or progress.steps <= 0 else min(progress.step / progress.steps, 1.0)


def _progress(record: Record) -> str:
    progress = record.progress
    if progress is None:
        return "starting"
    dev = "" if progress.dev_loss is None else f", dev loss {progress.dev_loss:.3f}"
    return f"step {progress.step:,} of {progress.steps:,} ({100 * _share(record):.0f} %){dev}"


def _sign_of_life(record: Record, now: float) -> str:
    if record.owner is not None and state(record.owner) == "gone":
        return "its process is GONE (the next 'run' does it again)"
    if record.heartbeat is None:
        return "no sign of life yet"
    return f"last sign of life {duration(max(now - record.heartbeat, 0.0))} ago"


def _reason(record: Record) -> str:
    reason = " ".join((record.error or "no reason is known").split())
    return reason if len(reason) <= REASON else reason[: REASON - 3] + "..."


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _at_most(lines: list[str], what: str) -> list[str]:
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"and {len(lines) - SHOWN} more {what}."]


def _left_told(standing: Standing) -> list[str]:
    if not standing.unfinished:
        return ["Nothing is left to run in this ledger."]
    left = standing.seconds_left
    if left is None:
        return ["The time left is known when a run of each base and method is finished."]
    return [f"About {duration(left)} left."]
