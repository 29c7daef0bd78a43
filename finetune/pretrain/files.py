"""Files and folders that appear whole or not at all, and a lock on a folder."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from bayes_scaling.finetune.errors import StudyError

PART = ".part"


def write_file(target: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, sync it and rename it to its target.

    Raises
    ------
    StudyError
        If it cannot be written; the target is as it was.
    """
    temporary = target.parent / f".{target.name}.{uuid4().hex}{PART}"
    with _told(target, temporary):
        write(temporary)
        _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)


def write_folder(target: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary folder, sync all of it and rename it to its target, which must not exist.

    Raises
    ------
    StudyError
        If it cannot be written; there is no target then.
    """
    temporary = target.parent / f".{target.name}.{uuid4().hex}{PART}"
    with _told(target, temporary):
        temporary.mkdir()
        write(temporary)
        for file in sorted(temporary.rglob("*")):
            _sync(file)
        _sync(temporary)
        os.rename(temporary, target)
        _sync(target.parent)


def write_json(target: Path, content: Any) -> None:
    """Write JSON for people and programs."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(target, lambda file: file.write_text(text, encoding="utf-8"))


def sweep(folder: Path) -> None:
    """Remove what killed processes left half written."""
    for left in folder.glob(f".*{PART}"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises
    ------
    StudyError
        If that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"cannot make the folder {str(folder)!r}: {error.strerror or error}; change 'output'"
        ) from error


@contextmanager
def locked(file: Path, patience: float = 60.0) -> Iterator[None]:
    """Hold the only lock on a file; the system lets go of it when a process ends, however it ends.

    Raises
    ------
    StudyError
        If another process holds it for longer than ``patience`` seconds.
    """
    with file.open("a") as handle:
        end = time.monotonic() + patience
        while not _try_lock(handle.fileno()):
            if time.monotonic() > end:
                raise StudyError(
                    f"{str(file.parent)!r}: another process is pretraining there (it holds {file.name!r}); wait for it"
                )
            time.sleep(0.1)
        yield


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _told(target: Path, temporary: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError) or "No space left" in str(error):  # safetensors has an error of its own
            reason = getattr(error, "strerror", None) or error
            raise StudyError(
                f"cannot write {str(target)!r}: {reason}. What was there is as it was; make space or make the folder "
                "writable, and run the ladder again: it goes on where it was"
            ) from error
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
