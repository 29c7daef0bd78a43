"""What a run ran on: versions, hardware, commit.

An allow-list: no environment variable, no name of a person or host.
"""

import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("bayes_scaling", "torch", "transformers", "peft", "accelerate", "datasets", "tokenizers")
GIT_SECONDS = 10


@dataclass(frozen=True)
class Surroundings:
    """What a run ran on.

    Attributes
    ----------
    versions
        Of Python and of the libraries that decide a run's numbers; None for one that is not installed.
    hardware
        ``system``, ``machine``, ``cpu``, ``cores``, ``threads``, ``memory`` (bytes), ``gpus`` (names).
    git
        ``commit`` and ``dirty`` of the code, where it is tracked by git.
    """

    versions: dict[str, str | None] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    git: dict[str, Any] | None = None

    def content(self) -> dict[str, Any]:
        """As JSON would hold it."""
        return asdict(self)


def surroundings(threads: int | None = None) -> Surroundings:
    """What this process runs on.

    Parameters
    ----------
    threads : int, optional
        CPU threads of a run.
    """
    return Surroundings(versions(), hardware(threads), commit())


@cache
def versions() -> dict[str, str | None]:
    """Versions by library, of what is installed; nothing is imported."""
    return {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES}


def hardware(threads: int | None = None) -> dict[str, Any]:
    """CPU, memory and GPUs of this machine."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory": _memory(),
        "gpus": _gpus(),
    }


@cache
def commit(file: Path = Path(__file__)) -> dict[str, Any] | None:
    """Commit of the code and whether a tracked file differs from it; None where git does not track the file."""
    file = file.resolve()
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None
    head, changes = _git(file.parent, "rev-parse", "HEAD"), _git(file.parent, "status", "--porcelain", "-uno")
    return None if head is None or changes is None else {"commit": head, "dirty": bool(changes)}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _gpus() -> list[str]:
    torch = sys.modules.get("torch")  # a run has imported it; asking is no reason to
    if torch is None or not torch.cuda.is_available():
        return []
    return [str(torch.cuda.get_device_name(number)) for number in range(torch.cuda.device_count())]


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
