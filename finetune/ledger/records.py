"""What the ledger says of a run: a self-describing record, or the few columns that a display needs."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunConfig

Status = Literal["planned", "running", "done", "failed", "diverged"]


@dataclass(frozen=True)
class Glance:
    """What a display needs to know of a run, cheap to read often."""

    id: str
    label: str
    status: Status
    owner: str | None
    attempts: int
    progress: Progress | None
    wall_seconds: float | None
    loss: float | None
    error: str | None

    @classmethod
    def of(cls, row: sqlite3.Row) -> "Glance":
        """A row of :data:`bayes_scaling.finetune.ledger.queries.GLANCES`."""
        return cls(**dict(row) | {"progress": progress_of(row["progress"])})


@dataclass(frozen=True)
class Record:
    """Everything the ledger holds about a run.

    Attributes
    ----------
    id, study, purpose, label, seed
        Of the run's configuration.
    config_content
        The full configuration, as JSON holds it; :attr:`config` is the object.
    status
        ``planned``, ``running``, ``done``, ``failed`` or ``diverged``.
    attempts, kills
        Times it was started, and times its process died under it since the last retry.
    owner, heartbeat, progress
        Who runs it (``host:pid:start``), the owner's last sign of life (UTC seconds) and how far it is.
    created, started, finished
        UTC, ISO 8601; a clock set back shows in them, not in ``wall_seconds``.
    trainer_config, measures, history
        Of :class:`bayes_scaling.finetune.runs.RunResult`; a number in history that is not finite is None.
    versions, hardware, git
        What it ran on.
    wall_seconds, peak_memory, tokens, cost
        Seconds by a monotonic clock, bytes, target tokens trained on, price in the study's unit.
    error, traceback
        Of a failed run.
    """

    id: str
    study: str
    purpose: str
    label: str
    seed: int
    config_content: dict[str, Any]
    status: Status
    attempts: int
    kills: int
    owner: str | None
    heartbeat: float | None
    progress: Progress | None
    created: str
    started: str | None
    finished: str | None
    trainer_config: dict[str, Any] | None
    measures: dict[str, float]
    history: list[dict[str, float | None]]
    versions: dict[str, str | None]
    hardware: dict[str, Any]
    git: dict[str, Any] | None
    wall_seconds: float | None
    peak_memory: int | None
    tokens: float | None
    cost: float | None
    error: str | None
    traceback: str | None

    @property
    def config(self) -> RunConfig:
        """The run's configuration.

        Raises
        ------
        LedgerError
            If another version of this package wrote it and it cannot be read any more.
        """
        return read_config(self.id, self.config_content)

    @classmethod
    def of(cls, row: sqlite3.Row) -> "Record":
        """A row of the table."""
        content = dict(row)
        content.pop("position")
        around = json.loads(content.pop("surroundings") or "{}")
        return cls(
            config_content=json.loads(content.pop("config")),
            progress=progress_of(content.pop("progress")),
            trainer_config=json.loads(content.pop("trainer_config") or "null"),
            measures=json.loads(content.pop("measures") or "{}"),
            history=json.loads(content.pop("history") or "[]"),
            versions=around.get("versions", {}),
            hardware=around.get("hardware", {}),
            git=around.get("git"),
            **content,
        )


def progress_of(text: str | None) -> Progress | None:
    """A beat's progress as the ledger holds it."""
    return None if text is None else Progress(**json.loads(text))


def read_config(run: str, content: Any) -> RunConfig:
    """The configuration of a run, from what JSON holds.

    Raises
    ------
    LedgerError
        If this version of the package cannot read it.
    """
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        fault = " ".join(str(error.errors(include_url=False)[0]["msg"]).split())
        raise LedgerError(f"run {run} was planned by another version ({fault}); plan the study again") from None


def config_to_run(run: str, text: str) -> RunConfig:
    """The configuration of a run that is about to start.

    Raises
    ------
    LedgerError
        If it would not give that run's numbers with this version of the package.
    """
    config = read_config(run, json.loads(text))
    if config.id != run:
        raise LedgerError(f"run {run} was planned by another version (now {config.id}); plan the study again")
    return config
