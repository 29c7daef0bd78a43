"""Ctrl-C on the command line: one line and the shells' exit code, at once.

Python raises KeyboardInterrupt where the main thread happens to be. In JAX that is a bad place: raised while XLA calls
back it can crash the process or hang it, and it waits for XLA to compile, which takes ten seconds and more. So a thread
that the signal itself wakes ends the process.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bayes_scaling.interruption import AT_WORK, asked_to_keep
from bayes_scaling.whole_file import UNFINISHED

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
NOTHING_KEPT = b"Interrupted before every chain had finished draws: nothing is saved; the same command starts anew.\n"
LINE = b"Interrupted: what was not saved is lost; the same command starts anew.\n"
SHOW_CURSOR = b"\n\x1b[?25h"  # which a bar of progress hides


@contextmanager
def ctrl_c_ends() -> Iterator[None]:
    """Inside, Ctrl-C ends the process on the spot, with :data:`INTERRUPTED`; not where the shell has it ignored.

    A fit that has draws to keep, where that was asked, is told to end instead; the next Ctrl-C ends the process.
    To be entered in the main thread.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    signals, woken = socket.socketpair()
    woken.setblocking(False)
    before = signal.signal(signal.SIGINT, _ignore), signal.set_wakeup_fd(woken.fileno())
    threading.Thread(target=_watch, args=(signals,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before[1])
        signal.signal(signal.SIGINT, before[0])
        woken.close()


@contextmanager
def ctrl_c_raises() -> Iterator[None]:
    """Inside :func:`ctrl_c_ends`, a block that puts things in order itself when Ctrl-C raises KeyboardInterrupt."""
    if signal.getsignal(signal.SIGINT) is not _ignore:  # the caller is no command line
        yield
        return
    before = signal.set_wakeup_fd(-1), signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[1])
        signal.set_wakeup_fd(before[0])


def _ignore(number: int, frame: object) -> None:
    """Python's own part in a signal that a thread acts on."""


def _watch(signals: socket.socket) -> None:
    with signals:
        while numbers := signals.recv(64):
            if signal.SIGINT in numbers and not asked_to_keep():
                _end(NOTHING_KEPT if any(not stop.has_draws for stop in AT_WORK) else LINE)


def _end(line: bytes) -> None:
    for part in list(UNFINISHED):
        with suppress(OSError):
            part.unlink(missing_ok=True)
    os.write(2, (SHOW_CURSOR if os.isatty(2) else b"") + line)
    os._exit(INTERRUPTED)
