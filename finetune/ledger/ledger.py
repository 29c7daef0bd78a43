"""The ledger of runs: one self-describing record per run in an SQLite file that survives kill -9 and a full disk.

A run is planned, then running (owned by one process, which beats), then done, failed or diverged. Every change is
one transaction that begins by taking the file's write lock, so that two processes never get the same run, and is
on disk when the call returns. The file must lie on a disk of this machine or one with real locks: SQLite's WAL mode
does not work over most network file systems (on a cluster, the Ray engine's driver alone touches it).
"""

import json
import sqlite3
from collections.abc import Collection, Iterable
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import clock, queries, schema
from bayes_scaling.finetune.ledger.contents import beat_text, result_columns
from bayes_scaling.finetune.ledger.database import Database
from bayes_scaling.finetune.ledger.dead import Watch
from bayes_scaling.finetune.ledger.faults import LostRunError
from bayes_scaling.finetune.ledger.opening import open_to_read, open_to_write
from bayes_scaling.finetune.ledger.records import Glance, Record, config_to_run
from bayes_scaling.finetune.ledger.surroundings import Surroundings
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunConfig, RunResult

STALE_SECONDS = 600.0
MOST_KILLS = 3


class Ledger:
    """The ledger in a file.

    Parameters
    ----------
    path : str or path
        The file; made if it is not there.
    read_only : bool
        Only read: the file must be there; works on a full disk and where nothing can be written.

    Raises
    ------
    LedgerError
        If the path holds no ledger, a damaged one or one of another version, or cannot be opened.
    """

    def __init__(self, path: str | PathLike[str], *, read_only: bool = False):
        self.path = Path(path)
        self._database = Database(self.path, (open_to_read if read_only else open_to_write)(self.path))
        self._watch = Watch()

    def plan(self, configs: Iterable[RunConfig]) -> int:
        """Add the runs that are missing, in this order; runs that have not begun learn where things lie now.

        Returns
        -------
        int
            How many were missing.
        """
        rows = [_planned(config) for config in configs]
        with self._database.transaction() as connection:
            before = connection.total_changes
            connection.executemany(queries.INSERT, rows)
            added = connection.total_changes - before
            connection.executemany(queries.REFRESH, rows)
        return added

    def claim(self, owner: str, ids: Collection[str] | None = None) -> RunConfig | None:
        """The next planned run, now running and this owner's; None where there is none.

        Parameters
        ----------
        owner : str
            Who will run it (:func:`bayes_scaling.finetune.ledger.this_owner`).
        ids : collection of str, optional
            Only one of these.
        """
        while True:
            with self._database.transaction() as connection:
                found = connection.execute(queries.NEXT, {"ids": _listed(ids)}).fetchone()
                if found is None:
                    return None
                try:
                    config = config_to_run(found["id"], found["config"])
                except LedgerError as error:
                    connection.execute(queries.UNREADABLE, (clock.utc_text(), str(error), found["id"]))
                    continue
                connection.execute(queries.CLAIM, (owner, clock.utc_seconds(), clock.utc_text(), config.id))
                return config

    def beat(self, run: str, owner: str, progress: Progress | None = None) -> bool:
        """Tell that a run goes on, and how far it is; False where it is no longer this owner's and must be stopped."""
        with self._database.transaction() as connection:
            values = (clock.utc_seconds(), beat_text(progress), run, owner)
            return connection.execute(queries.BEAT, values).rowcount == 1

    def finish(
        self,
        run: str,
        owner: str,
        result: RunResult,
        *,
        wall_seconds: float,
        cost: float | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Record what a run gave; done or diverged, once and for all.

        Raises
        ------
        LostRunError
            If the run is not this owner's: another process has it, or it is finished.
        LedgerError
            If a number of a done run is not finite.
        """
        self._end(run, owner, result_columns(run, result) | _ending(wall_seconds, cost, surroundings))

    def fail(
        self,
        run: str,
        owner: str,
        error: str,
        *,
        traceback: str | None = None,
        wall_seconds: float | None = None,
        cost: float | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Record that a run failed, and why; it is run again on request (:meth:`retry_failed`).

        Raises
        ------
        LostRunError
            If the run is not this owner's.
        """
        told = {"status": "failed", "error": error, "traceback": traceback}
        self._end(run, owner, told | _ending(wall_seconds, cost, surroundings))

    def release(self, run: str, owner: str, *, killed: bool = False, reason: str = "its process was killed") -> bool:
        """Give a run back to be run again; where it was killed too often it fails instead.

        Returns
        -------
        bool
            False if the run is not the owner's.
        """
        with self._database.transaction() as connection:
            values = {"run": run, "owner": owner, "killed": killed, "most": MOST_KILLS}
            return connection.execute(queries.RELEASE, values | _death(reason)).rowcount == 1

    def release_all(self, owner: str) -> int:
        """Give back every run of an owner that stops."""
        running = self._database.rows("SELECT id FROM runs WHERE status = 'running' AND owner = ?", (owner,))
        return sum(self.release(row["id"], owner) for row in running)

    def release_dead(self, stale_seconds: float = STALE_SECONDS, besides: Collection[str] = ()) -> list[str]:
        """Free the runs whose process died: gone from this machine, or silent for too long on another.

        A run whose process died three times is failed, not tried for ever.

        Parameters
        ----------
        stale_seconds : float
            Silence of a process on another machine after which it counts as dead.
        besides : collection of str
            Owners that the caller looks after itself.

        Returns
        -------
        list of str
            Ids of the runs that were freed.
        """
        query = "SELECT id, owner, heartbeat FROM runs WHERE status = 'running'"
        rows = [tuple(row) for row in self._database.rows(query) if row["owner"] not in besides]
        dead = [(run, owner) for run, owner, beat in rows if self._watch.is_dead(run, owner, beat, stale_seconds)]
        return [run for run, owner in dead if self.release(run, owner, killed=True)]

    def retry_failed(self, ids: Collection[str] | None = None) -> int:
        """Plan the failed runs again; how many there were. Diverged runs would diverge again, they stay."""
        with self._database.transaction() as connection:
            return connection.execute(queries.RETRY, {"ids": _listed(ids)}).rowcount

    def records(
        self,
        ids: Collection[str] | None = None,
        *,
        status: str | None = None,
        study: str | None = None,
        purpose: str | None = None,
    ) -> list[Record]:
        """Everything about the runs that fit, in planned order."""
        wanted = {"ids": _listed(ids), "status": status, "study": study, "purpose": purpose}
        return [Record.of(row) for row in self._database.rows(queries.RECORDS, wanted)]

    def glances(self, ids: Collection[str] | None = None) -> list[Glance]:
        """The few things that a display needs, in planned order; cheap to ask often."""
        return [Glance.of(row) for row in self._database.rows(queries.GLANCES, {"ids": _listed(ids)})]

    def kills(self, run: str) -> int:
        """Times a run's process died under it since the last retry."""
        return sum(row["kills"] for row in self._database.rows("SELECT kills FROM runs WHERE id = ?", (run,)))

    def counts(self, ids: Collection[str] | None = None) -> dict[str, int]:
        """Number of runs by status, zeros too."""
        rows = self._database.rows(queries.COUNTS, {"ids": _listed(ids)})
        found = {row["status"]: row["runs"] for row in rows}
        return {status: found.get(status, 0) for status in schema.STATUSES}

    def close(self) -> None:
        """Close the file; the last one to close it folds the WAL in."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self, run: str, owner: str, columns: dict[str, Any]) -> None:
        columns = columns | {"finished": clock.utc_text()}
        names = ", ".join(f"{name} = :{name}" for name in columns)
        query = f"UPDATE runs SET {names}, {queries.FREED} WHERE id = :run AND owner = :owner AND status = 'running'"
        with self._database.transaction() as connection:
            if connection.execute(query, columns | {"run": run, "owner": owner}).rowcount != 1:
                raise LostRunError(f"run {run} is not {owner}'s to finish: {_fate(connection, run)}")


def _planned(config: RunConfig) -> dict[str, Any]:
    return {
        "id": config.id,
        "study": config.study,
        "purpose": config.purpose,
        "label": config.label,
        "seed": config.seed,
        "config": config.model_dump_json(),
        "created": clock.utc_text(),
    }


def _ending(wall_seconds: float | None, cost: float | None, around: Surroundings | None) -> dict[str, Any]:
    content = None if around is None else json.dumps(around.content())
    return {"wall_seconds": wall_seconds, "cost": cost, "surroundings": content}


def _death(reason: str) -> dict[str, str]:
    error = f"given up after {MOST_KILLS} tries that ended without a word; the last time {reason}"
    return {"error": error, "finished": clock.utc_text()}


def _listed(ids: Collection[str] | None) -> str | None:
    return None if ids is None else json.dumps(list(ids))


def _fate(connection: sqlite3.Connection, run: str) -> str:
    row = connection.execute("SELECT status, owner FROM runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        return "it is not in this ledger"
    return f"it is {row['status']}" + (f" by {row['owner']}" if row["owner"] else "")
