"""Processes that are interrupted or killed while they work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

# A process that stays in the middle of a file
WRITING = """
import sys, time
from pathlib import Path
from bayes_scaling.cli.interrupts import ctrl_c_ends, ctrl_c_raises
from bayes_scaling.models.stopping import NothingDrawn, Stop
from bayes_scaling.whole_file import whole_file
with ctrl_c_ends(), whole_file(Path(sys.argv[1])) as part:
    part.write_text("half of it")
    try:
        {block}
            print("writing", flush=True)
            time.sleep(60)
    except KeyboardInterrupt:
        print("put in order", file=sys.stderr)
"""


@contextmanager
def started(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this Python that ends with the block."""
    command = [sys.executable, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: subprocess.Popen[str]) -> tuple[int, list[str], float]:
    """Exit code, last lines on stderr and seconds, from SIGINT on."""
    process.send_signal(signal.SIGINT)
    sent = time.perf_counter()
    _, told = process.communicate(timeout=300)
    return process.returncode, told.splitlines(), time.perf_counter() - sent
