"""Peak memory of a run: of the GPU where there is one, else of the process."""

import resource
import sys
from pathlib import Path

import torch


def reset_peak() -> None:
    """Start a new peak. On Linux the kernel forgets the process's old one; elsewhere it stays."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_bytes() -> int:
    """Bytes at the peak since :func:`reset_peak`."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
