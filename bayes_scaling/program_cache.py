"""Compiled programs are kept between processes: most of the time of a first fit is the compiler's.

JAX's own persistent cache, in the user's cache folder (``~/.cache/bayes_scaling`` on Linux), of at most 1 GiB: the
programs that were not used for longest go first. Programs that the caller compiles in the same process are kept
there too. ``BAYES_SCALING_CACHE`` names another folder, or is ``off``; a caller who has given JAX a cache, or
switched its cache off, is left alone.
"""

import os
import platform
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import platformdirs

VARIABLE, OFF = "BAYES_SCALING_CACHE", "off"
MOST_BYTES = 2**30
QUICKEST = 0.1  # seconds of compilation that are worth a file
OTHERS_MAY_WRITE = 0o022


@lru_cache(maxsize=1)
def keep_programs() -> None:
    """Give JAX a folder for compiled programs, where it has none and there is one that only the user can write to."""
    given: Any = jax.config  # its attributes are made as JAX is imported
    if given.jax_compilation_cache_dir or not given.jax_enable_compilation_cache:
        return
    folder = _folder()
    if folder is None or not _is_own(folder):
        return
    jax.config.update("jax_compilation_cache_max_size", MOST_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", QUICKEST)
    jax.config.update("jax_compilation_cache_dir", str(folder))


def _folder() -> Path | None:
    given = os.environ.get(VARIABLE)
    if given == OFF:
        return None
    root = Path(given) if given else platformdirs.user_cache_path("bayes_scaling", appauthor=False)
    return root / f"programs-{_machine()}"


def _machine() -> str:
    """What a program is compiled for: home folders are shared by machines whose instructions differ."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        told = [f"flags {platform.processor()}"]
    flags = next((line for line in told if line.lower().startswith(("flags", "features"))), "")
    return sha256(f"{platform.machine()} {flags}".encode()).hexdigest()[:16]


def _is_own(folder: Path) -> bool:
    """Whether it is there, writable, and written to by nobody else: JAX runs what it finds."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = folder.stat()
    except OSError:
        return False
    if hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & OTHERS_MAY_WRITE):
        return False
    return os.access(folder, os.W_OK | os.X_OK)
