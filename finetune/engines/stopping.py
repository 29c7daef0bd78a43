"""Stopping a process between two steps of its work: signals that wait until they may interrupt."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """The process was asked to stop. No ``Exception``: code that survives a run's errors must not survive this."""


class Stopper:
    """Turns SIGTERM and SIGINT into :class:`Stopped`, at once where it may interrupt, else at the next such place.

    A second signal ends the process on the spot. Outside the main thread, where Python handles no signals, it
    does nothing.
    """

    def __init__(self) -> None:
        self.is_stopped = False
        self._may_interrupt = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def may_interrupt(self) -> Iterator[None]:
        """Inside, a signal raises :class:`Stopped` wherever the main thread is."""
        self._may_interrupt = True
        try:
            self.check()
            yield
        finally:
            self._may_interrupt = False

    def check(self) -> None:
        """Raise if a signal has come.

        Raises
        ------
        Stopped
            Then.
        """
        if self.is_stopped:
            raise Stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.is_stopped:
            os._exit(128 + number)
        self.is_stopped = True
        if self._may_interrupt:
            raise Stopped
