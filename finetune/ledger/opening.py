"""Opening a ledger's file, whatever is found there."""

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import schema
from bayes_scaling.finetune.ledger.faults import BUSY_SECONDS, code_of, damaged, told


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection that reads and writes; a file that is not there is made.

    Raises
    ------
    LedgerError
        If the path holds something else, a damaged ledger or one of another version, or cannot be reached or written.
    """
    _check_place(path)
    if not path.exists() and not path.parent.is_dir():
        raise LedgerError(f"cannot make {str(path)!r}: {str(path.parent)!r} is not a folder; make it first")
    with told(path):
        connection = _connected(path, "rw" if path.exists() else "rwc")
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that reads, on a full disk and in a folder that cannot be written to as well.

    Raises
    ------
    LedgerError
        If there is no such file, or it holds something else, or is damaged, or cannot be reached.
    """
    _check_place(path)
    if not path.exists():
        raise LedgerError(f"{str(path)!r}: there is no such ledger; 'bayes-scaling finetune run STUDY.yaml' makes it")
    with told(path):
        try:
            return _readable(_connected(path, "rw"), path)  # "ro" would leave the files of WAL behind
        except sqlite3.OperationalError as error:
            if not code_of(error).startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise
            return _copied_to_memory(path)


def _copied_to_memory(path: Path) -> sqlite3.Connection:
    """WAL needs a small file beside the ledger even to read it; where none can be made, a copy is read."""
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with tempfile.TemporaryDirectory(dir=_roomy()) as folder:
        copy = Path(folder) / "copy"
        shutil.copyfile(path, copy)
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists():
            shutil.copyfile(wal, copy.with_name("copy-wal"))
        source = _connected(copy, "rw")
        try:
            source.backup(memory)
        finally:
            source.close()
    return _readable(memory, path)


def _roomy() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _readable(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        connection.row_factory = sqlite3.Row
        if _is_new(connection, path):
            raise LedgerError(f"{str(path)!r} is empty; 'bayes-scaling finetune run STUDY.yaml' plans runs in it")
        _check_whole(connection, path)
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_place(path: Path) -> None:
    # stat, not is_dir: whether that answers or raises for a folder one may not enter depends on Python's version
    with told(path), suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(path.stat().st_mode):
            raise LedgerError(f"{str(path)!r} is a folder; a ledger is one file, name it")


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    is_new = _is_new(connection, path)  # looked at before anything is changed in a stranger's file
    if not is_new:
        _check_whole(connection, path)
    _until_unlocked(lambda: connection.execute("PRAGMA journal_mode = WAL"))
    connection.execute("PRAGMA synchronous = FULL")
    if is_new:
        _create(connection, path)


def _create(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_new(connection, path):  # nobody was faster
            connection.execute(schema.CREATE)
            connection.execute(schema.INDEX)
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION}")
            connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    application, version, tables = _marks(connection)
    if (application, version, tables) == (0, 0, 0):
        return True
    if application != schema.APPLICATION:
        raise LedgerError(f"{str(path)!r} is an SQLite database of something else, not a ledger; name another file")
    if version != schema.VERSION:
        raise LedgerError(
            f"{str(path)!r} has ledger version {version}, this program reads version {schema.VERSION}; "
            "use the version of bayes_scaling that wrote it, or start a new ledger"
        )
    return False


def _marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Application, version and number of tables, all at one moment."""
    is_own = not connection.in_transaction
    if is_own:
        connection.execute("BEGIN")
    try:
        queries = ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version")
        tables, application, version = (int(connection.execute(query).fetchone()[0]) for query in queries)
        return application, version, tables
    finally:
        if is_own:
            connection.execute("COMMIT")


def _check_whole(connection: sqlite3.Connection, path: Path) -> None:
    fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise damaged(path, fault)


def _until_unlocked(change: Callable[[], object]) -> None:
    """Turning WAL on does not wait for a lock by itself."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            change()
            return
        except sqlite3.OperationalError as error:
            if not code_of(error).startswith("SQLITE_BUSY") or time.monotonic() > end:
                raise
            time.sleep(0.05)
