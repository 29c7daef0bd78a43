"""The heartbeat of a run: a thread that tells the ledger that the run goes on, and the run that it was taken away."""

import os
import signal
import sys
import threading
from types import TracebackType
from typing import Self

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import Ledger
from bayes_scaling.finetune.progress import Progress

BEAT_SECONDS = 2.0
NOTE = "note: "
"""Begins a line of a worker that its engine shows to people."""


class Taken(BaseException):
    """The run was given to another owner (this process was silent too long); raised inside the run to end it."""


class Heart:
    """Beats for one run while it runs.

    Parameters
    ----------
    ledger : Ledger
        Where.
    run, owner : str
        Whose run.
    seconds : float
        Between beats.
    parent : int, optional
        Process that started this one; if it is gone this process stops, as on SIGTERM.
    """

    def __init__(
        self, ledger: Ledger, run: str, owner: str, *, seconds: float = BEAT_SECONDS, parent: int | None = None
    ):
        self._ledger, self._run, self._owner = ledger, run, owner
        self._seconds, self._parent = seconds, parent
        self._progress: Progress | None = None
        self._is_taken = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heart of {run}", daemon=True)

    def report(self, progress: Progress) -> None:
        """Take the run's word on how far it is; it reaches the ledger with the next beat.

        Raises
        ------
        Taken
            If the run is no longer this owner's.
        """
        if self._is_taken:
            raise Taken
        self._progress = progress

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._end.wait(self._seconds):
            if is_orphan(self._parent):
                os.kill(os.getpid(), signal.SIGTERM)
                return
            try:
                self._is_taken = not self._ledger.beat(self._run, self._owner, self._progress)
            except LedgerError as error:  # a full disk, say: the run goes on, its end will be written or told
                note(f"heartbeat of run {self._run} not written: {error}")
            if self._is_taken:
                return


def note(text: str) -> None:
    """Say something that a person should know."""
    print(f"{NOTE}{text}", file=sys.stderr, flush=True)


def is_orphan(parent: int | None) -> bool:
    """Whether the process that started this one is gone."""
    return parent is not None and os.getppid() != parent
