"""What of this machine a worker gets: how many workers there are, and which GPUs each of them sees."""

import os
import re
import subprocess

from bayes_scaling.finetune.config.parts import Engine

SMI_SECONDS = 20


def default_workers(engine: Engine) -> int:
    """Workers that this machine carries: by its GPUs if it has any, else by its cores."""
    gpus = visible_gpus()
    if gpus:
        return max(1, len(gpus) // engine.processes_per_run)
    return max(1, usable_cores() // (engine.threads * engine.processes_per_run))


def usable_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Names by which CUDA knows the GPUs (or MIG slices) that this process sees; torch is not imported for it."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        listed = [name.strip() for name in given.split(",") if name.strip()]
        return [] if "-1" in listed else listed
    return listed_gpus(_smi())


def listed_gpus(listing: str) -> list[str]:
    """GPUs in the output of ``nvidia-smi -L``: a GPU that is cut into MIG slices stands for its slices."""
    gpus: list[str] = []
    for line in listing.splitlines():
        found = re.search(r"UUID: ((GPU|MIG)-[^)\s]+)", line)
        if found and found[2] == "MIG" and gpus and gpus[-1].startswith("GPU-"):
            gpus[-1] = found[1]
        elif found:
            gpus.append(found[1])
    return gpus


def gpus_of(worker: int, processes: int, gpus: list[str]) -> list[str]:
    """The GPUs of one worker, as many as a run has processes; workers share where there are too few.

    Parameters
    ----------
    worker : int
        Its number, from 0.
    processes : int
        Processes of a run.
    gpus : list of str
        All of them.
    """
    if not gpus:
        return []
    first = worker * processes
    return list(dict.fromkeys(gpus[(first + number) % len(gpus)] for number in range(processes)))


def _smi() -> str:
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=SMI_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
