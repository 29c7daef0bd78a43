"""Ctrl-C during a fit that was asked to keep its finished draws.

The first one asks the chains to end, and raises nothing: inside JAX an exception can crash or hang the process. The
second one ends the fit as if nothing had been asked.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bayes_scaling.models.stopping import Stop

AT_WORK = set[Stop]()  # of the fits that keep their draws: to be asked by who would end the process on the spot


@contextmanager
def keeping() -> Iterator[Stop]:
    """Inside, Ctrl-C asks for an end; where Python's own handler is in force, as it is in scripts and notebooks.

    Yields
    ------
    Stop
        What the chains are to look at.
    """
    stop = Stop()
    AT_WORK.add(stop)
    try:
        with _asking(stop):
            yield stop
    finally:
        AT_WORK.discard(stop)


def asked_to_keep() -> bool:
    """Ask every fit that has draws to keep, once; whether there was one."""
    asked = [stop for stop in list(AT_WORK) if stop.has_draws and not stop.asked]
    for stop in asked:
        stop.ask()
    return bool(asked)


@contextmanager
def _asking(stop: Stop) -> Iterator[None]:
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def ask(number: int, frame: object) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.ask()

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
