"""SQLite's errors, told in the ledger's words: what happened to which file, what is safe, what to do."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayes_scaling.finetune.errors import LedgerError

BUSY_SECONDS = 60.0
FULL_BYTES = 1 << 20
"""A disk with less than this left counts as full when a write to it fails."""


class LedgerFullError(LedgerError):
    """The disk of the ledger is full; what was committed is safe."""


class LostRunError(LedgerError):
    """A run is not (or no longer) this owner's: it was taken away, or is finished already."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into a LedgerError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _in_our_words(path, error) from error
    except PermissionError as error:
        raise LedgerError(
            f"cannot open {str(path)!r}: {error.strerror}; you need the right to read the file and to enter every "
            "folder above it (chmod; ask their owner)"
        ) from error
    except OSError as error:
        raise LedgerError(f"cannot open {str(path)!r}: {error.strerror or error}") from error


def code_of(error: sqlite3.Error) -> str:
    """SQLite's name of an error, such as SQLITE_BUSY."""
    return str(getattr(error, "sqlite_errorname", None) or "")


def damaged(path: Path, fault: str) -> LedgerError:
    """The error for a damaged file."""
    return LedgerError(
        f"{str(path)!r} is damaged ({' '.join(fault.split())}); restore a copy together with its '-wal' file, "
        f"or recover what is readable with: sqlite3 {path.name} .recover"
    )


def _in_our_words(path: Path, error: sqlite3.Error) -> LedgerError:
    code = code_of(error)
    if code == "SQLITE_FULL" or (code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and _is_full(path)):
        return LedgerFullError(
            f"no space left for {str(path)!r}: nothing of this change was written, all that was committed before is "
            "safe and readable. Free some space on its disk and run again; only what is missing is run"
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LedgerError(f"{str(path)!r} was locked by another process for {BUSY_SECONDS:g} s; find and end that one")
    if code == "SQLITE_NOTADB":
        return LedgerError(f"{str(path)!r} is not a ledger (no SQLite file); name another file")
    if code.startswith("SQLITE_CORRUPT"):
        return damaged(path, str(error))
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return LedgerError(f"cannot write {str(path)!r}: {error}; make the file and its folder writable")
    return LedgerError(f"{str(path)!r}: {error} ({code or type(error).__name__})")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < FULL_BYTES
    except OSError:
        return False
