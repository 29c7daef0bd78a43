"""The local engine: worker processes on this machine, one run each at a time, until nothing is left to run."""

import signal
import time
from collections.abc import Callable, Collection
from os import PathLike
from pathlib import Path

from bayes_scaling.finetune.config.parts import Engine
from bayes_scaling.finetune.engines.attempts import PATIENCE_SECONDS
from bayes_scaling.finetune.engines.crew import Crew, Worker
from bayes_scaling.finetune.engines.display import Display
from bayes_scaling.finetune.engines.machine import default_workers
from bayes_scaling.finetune.engines.stopping import Stopped, Stopper
from bayes_scaling.finetune.engines.worker import EXIT_LEDGER, EXIT_START, EXIT_STOPPED
from bayes_scaling.finetune.errors import EngineError, LedgerError
from bayes_scaling.finetune.ledger import STALE_SECONDS, Glance, Ledger

POLL_SECONDS = 0.5
MOST_IDLE_DEATHS = 3


def run_local(
    ledger_path: str | PathLike[str],
    engine: Engine,
    *,
    show: Callable[[str], None] | None = None,
    ids: Collection[str] | None = None,
    execute: str,
    stale_seconds: float = STALE_SECONDS,
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Run what is planned with worker processes here; see :func:`bayes_scaling.finetune.engines.run_planned`.

    Parameters
    ----------
    ledger_path, engine, show, ids, execute
        As there.
    stale_seconds : float
        Silence after which a run of another machine counts as dead.
    patience_seconds : float
        For how long a worker keeps the end of a run while the ledger's disk is full.

    Raises
    ------
    LedgerError, EngineError, KeyboardInterrupt
        As there.
    """
    size = engine.workers or default_workers(engine)
    path = Path(ledger_path)
    crew = Crew(path, engine, size, execute, ids=ids, patience_seconds=patience_seconds)
    with Ledger(path) as ledger, crew, Display(show) as display:
        foreman = Foreman(ledger, crew, display, ids, stale_seconds)
        with Stopper() as stopper:
            try:
                foreman.run(stopper)
            except Stopped:
                display.say("stopping the workers; their runs are planned again")
                foreman.stop()
                raise KeyboardInterrupt from None
            except BaseException:
                foreman.stop()
                raise


class Foreman:
    """Keeps a crew at work: as many workers as there is work for, none lost in silence."""

    def __init__(self, ledger: Ledger, crew: Crew, display: Display, ids: Collection[str] | None, stale_seconds: float):
        self._ledger, self._crew, self._display = ledger, crew, display
        self._ids, self._stale_seconds = ids, stale_seconds
        self._idle_deaths, self._is_waiting = 0, False

    def run(self, stopper: Stopper) -> None:
        """Until nothing is planned or running, or a signal came."""
        while not self._is_over(glances := self._look()):
            stopper.check()
            self._hire(glances)
            self._display.update(glances)
            time.sleep(POLL_SECONDS)
        self._display.update(glances)

    def stop(self) -> None:
        """Stop the workers; every run of theirs is planned again."""
        for worker in self._crew.stop():
            self._ledger.release_all(worker.owner)

    def _look(self) -> list[Glance]:
        """How the runs are, after what the dead held has been freed."""
        for note in self._crew.notes():
            self._display.say(note)
        gone = self._crew.leavers()
        glances = self._ledger.glances(self._ids)
        for worker in gone:
            self._farewell(worker, glances)
        own = [worker.owner for worker in self._crew.workers]  # theirs is freed with a farewell, once they are gone
        self._ledger.release_dead(self._stale_seconds, besides=own)
        return self._ledger.glances(self._ids)

    def _farewell(self, worker: Worker, glances: list[Glance]) -> None:
        status, words = worker.process.returncode, worker.last_words()
        if status == 0:
            return
        if status == EXIT_LEDGER:
            raise LedgerError(words.rpartition("\n")[2] or f"worker {worker.number + 1} cannot use the ledger")
        if status == EXIT_START:
            raise EngineError(words.rpartition("\n")[2] or f"worker {worker.number + 1} did not start")
        held = [glance for glance in glances if glance.owner == worker.owner]
        self._idle_deaths = 0 if held else self._idle_deaths + 1
        for glance in held:
            last = f": {words.splitlines()[-1]}" if words else ""
            self._ledger.release(glance.id, worker.owner, killed=True, reason=f"its worker {_cause(status)}{last}")
        at = f" at {held[0].label}; the run is planned again" if held else ""
        self._display.say(f"worker {worker.number + 1} {_cause(status)}{at}")
        if self._idle_deaths >= MOST_IDLE_DEATHS:
            raise EngineError(f"{MOST_IDLE_DEATHS} workers in a row {_cause(status)} before they began a run: {words}")

    def _hire(self, glances: list[Glance]) -> None:
        planned = sum(glance.status == "planned" for glance in glances)
        owners = {glance.owner for glance in glances if glance.status == "running"}
        idle = sum(worker.owner not in owners for worker in self._crew.workers)
        for _ in range(min(planned - idle, self._crew.size - len(self._crew.workers))):
            self._crew.start()
        if not planned and not self._crew.workers and not self._is_waiting:
            self._is_waiting = True
            self._display.say(f"waiting for {len(owners)} other process(es) on this ledger to end their runs")

    def _is_over(self, glances: list[Glance]) -> bool:
        return not self._crew.workers and not any(glance.status in ("planned", "running") for glance in glances)


def _cause(status: int) -> str:
    if status == EXIT_STOPPED:
        return "was stopped from outside"
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"was killed by {name}" + (" (out of memory?)" if -status == signal.SIGKILL else "")
