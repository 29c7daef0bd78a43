"""What happens to a process that is interrupted or killed, and to what it was writing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayes_scaling.cli.interrupts import INTERRUPTED, LINE
from bayes_scaling.models.nuts import BLOCK, Kernel, NutsSettings, run_nuts

PROMPT = 5.0  # seconds that a busy machine may take to end a process


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
    _, told = process.communicate(timeout=60)
    return process.returncode, told.splitlines(), time.perf_counter() - sent


# --- Ctrl-C


# Bug: raised while XLA traces, compiles or samples, KeyboardInterrupt crashed the process (SIGSEGV), hung it for a
# minute, or waited for every chain to end
@pytest.mark.numbers
@pytest.mark.parametrize("seconds", [0.3, 2.5], ids=["tracing", "compiling or sampling"])
@pytest.mark.parametrize("command", [("fit", "zhang2024_en_zh", "-o"), ("demo", "-o")], ids=["fit", "demo"])
def test_ctrl_c_ends_a_command_at_once_with_one_line(command: tuple[str, ...], seconds: float, tmp_path: Path) -> None:
    with started("-m", "bayes_scaling", *command, tmp_path / "out.nc") as process:
        assert "Fitting" in process.stderr.readline()
        time.sleep(seconds)
        assert process.poll() is None, "the fit ended before it could be interrupted"
        code, lines, took = interrupted(process)
    assert (code, lines) == (INTERRUPTED, [LINE.decode().strip()])
    assert took < PROMPT
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


WRITING = """
import sys, time
from pathlib import Path
from bayes_scaling.cli.interrupts import ctrl_c_ends, ctrl_c_raises
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


@pytest.mark.parametrize(
    ("block", "code", "said", "content"),
    [
        ("if True:", INTERRUPTED, LINE.decode().strip(), "the old file"),
        ("with ctrl_c_raises():", 0, "put in order", "half of it"),
    ],
    ids=["ends", "raises"],
)
def test_ctrl_c_leaves_no_half_written_file(block: str, code: int, said: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("the old file")
    with started("-c", WRITING.format(block=block), path) as process:
        assert process.stdout.readline() == "writing\n"
        found, lines, took = interrupted(process)
    assert (found, lines) == (code, [said]) and took < PROMPT
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"file": content}


def test_a_shell_that_has_ctrl_c_ignored_is_heeded(tmp_path: Path) -> None:
    """As under nohup, or behind ``&`` in a script; the command ends as if nothing had come."""
    script = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + WRITING.format(block="if True:")
    with started("-c", script.replace("sleep(60)", "sleep(0.5)"), tmp_path / "file") as process:
        assert process.stdout.readline() == "writing\n"
        code, lines, _ = interrupted(process)
    assert (code, lines) == (0, []) and (tmp_path / "file").read_text() == "half of it"


def test_no_chain_goes_on_after_an_interruption() -> None:
    """What a notebook sees. Chains that are not told advance by 120 blocks before the error comes out."""
    blocks = 0

    def advance(state: Any, told: Any, target: float) -> tuple[Any, dict[str, np.ndarray]]:
        nonlocal blocks
        blocks += 1
        time.sleep(0.005)
        return state, {"z": np.zeros((BLOCK, 1)), "z_grad": np.zeros((BLOCK, 1)), "n_steps": np.ones(BLOCK)}

    def progress(done: int, total: int) -> None:
        if done == 10 * BLOCK:  # in one chain
            raise KeyboardInterrupt

    kernel = Kernel(lambda key, place, told: place, advance)
    with pytest.raises(KeyboardInterrupt):
        run_nuts(kernel, None, np.zeros((4, 1)), NutsSettings(), 0, progress)
    assert blocks < 30
