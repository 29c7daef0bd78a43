"""The peak of a process's memory, as tests that watch it measure it in a process of its own."""

from pathlib import Path


def peak_megabytes() -> float:
    """MB at this process's peak. Linux only.

    ``getrusage``'s ``ru_maxrss`` will not do: a process started by a larger one is given its parent's peak.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000
