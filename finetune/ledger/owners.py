"""Who runs a run: a process, named so that anybody can tell later whether it still lives.

An owner is ``host:pid:start``. The start keeps a recycled pid from passing for the process that had it, across
reboots too; the host names the pid namespace where the kernel has one, since a pid says nothing outside its own.
"""

import hashlib
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

State = Literal["alive", "gone", "elsewhere"]


def this_owner() -> str:
    """The owner that this process is."""
    return f"{host()}:{os.getpid()}:{process_start(os.getpid()) or 'unknown'}"


def state(owner: str) -> State:
    """Whether an owner lives: ``elsewhere`` where that cannot be seen from here."""
    its_host, _, process = owner.partition(":")
    pid, _, start = process.partition(":")
    if its_host != host() or not pid.isdigit():
        return "elsewhere"
    return "alive" if process_start(int(pid)) == start else "gone"


@cache
def host() -> str:
    """This machine's name, with what tells it from another of that name, and its pid namespace."""
    parts = [socket.gethostname().replace(":", "-")]
    with suppress(OSError):
        parts.append(hashlib.sha256(Path("/etc/machine-id").read_bytes()).hexdigest()[:8])
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid").strip("pid:[]"))
    return "/".join(parts)


def process_start(pid: int) -> str | None:
    """What tells a process from a later one of its pid; None where there is none, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return _start_without_proc(pid)
    return None if fields[0] in "ZX" else f"{_boot()}-{fields[19]}"


def _start_without_proc(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        return "boot"
