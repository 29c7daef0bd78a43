"""What a ledger already knows: what became of the tried learning rates, and how long finished runs took."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import Ledger, Record
from bayes_scaling.finetune.planning.estimates import Timed
from bayes_scaling.finetune.planning.tuning import Tried
from bayes_scaling.finetune.runs import RunConfig


def read_records(ledger_path: str | PathLike[str]) -> list[Record]:
    """Every record of a ledger; none where there is no ledger yet. Nothing is written.

    Raises
    ------
    LedgerError
        If the file is there and is no ledger that can be read.
    """
    if not Path(ledger_path).exists():
        return []
    with Ledger(ledger_path, read_only=True) as ledger:
        return ledger.records()


def tried(records: Iterable[Record]) -> dict[str, Tried]:
    """Status and dev loss of every run that tries a learning rate, by run id."""
    tuning = (record for record in records if record.purpose == "tune")
    return {record.id: Tried(record.status, record.measures.get("dev_loss")) for record in tuning}


def timed(records: Iterable[Record]) -> list[Timed]:
    """How long the finished runs took, without those that another version of the package wrote unreadably."""
    done = [(readable(record), record) for record in records if record.status == "done" and record.wall_seconds]
    return [
        Timed(config, record.measures.get("steps", 0.0), record.wall_seconds or 0.0)
        for config, record in done
        if config is not None
    ]


def readable(record: Record) -> RunConfig | None:
    """A record's configuration, or None where another version of the package wrote it."""
    try:
        return record.config
    except LedgerError:
        return None
