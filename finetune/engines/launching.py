"""A run of several processes: started by torchrun, its result and its word on how far it is read from files."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bayes_scaling.finetune.engines.attempts import Execute
from bayes_scaling.finetune.errors import EngineError
from bayes_scaling.finetune.ledger import this_owner
from bayes_scaling.finetune.progress import Progress, Report
from bayes_scaling.finetune.runs import RunConfig, RunResult

POLL_SECONDS = 0.5
STOP_SECONDS = 20.0
SHOWN_CHARACTERS = 2000


def several_processes(execute: Execute, name: str) -> Execute:
    """Run a run of one process here, and one of several through torchrun.

    Parameters
    ----------
    execute : callable
        Runs a run.
    name : str
        The same, as ``module:function``, for the processes of torchrun.
    """

    def dispatch(config: RunConfig, report: Report) -> RunResult:
        return execute(config, report) if config.processes == 1 else launch(config, report, name)

    return dispatch


def launch(config: RunConfig, report: Report, execute: str) -> RunResult:
    """Run a run in ``config.processes`` processes of torchrun on this machine.

    Raises
    ------
    EngineError
        If a process fails; the error is that of the first process that said why.
    """
    with tempfile.TemporaryDirectory(prefix="bayes_scaling_run_") as place:
        folder = Path(place)
        (folder / "config.json").write_text(config.model_dump_json(), encoding="utf-8")
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                _command(config, folder, execute),
                stdout=log,
                stderr=log,
                env=_environment(config),
                start_new_session=True,
            )
            try:
                _follow(process, folder / "progress.json", report)
            finally:
                _end(process)
        return _result(config, folder, process.returncode)


def _command(config: RunConfig, folder: Path, execute: str) -> list[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={config.processes}"]
    run = [
        "-m",
        "bayes_scaling.finetune.engines.distributed_run",
        str(folder / "config.json"),
        str(folder / "result.json"),
    ]
    return [*torchrun, *run, "--execute", execute, "--owner", this_owner()]


def _environment(config: RunConfig) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": str(config.threads), "PYTHONSAFEPATH": "1"}


def _follow(process: subprocess.Popen[bytes], progress: Path, report: Report) -> None:
    last = ""
    while True:
        try:
            process.wait(POLL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            text = progress.read_text(encoding="utf-8") if progress.exists() else ""
        if text != last:
            report(Progress(**json.loads(text)))
            last = text


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()  # torchrun passes it on to its processes
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _result(config: RunConfig, folder: Path, status: int) -> RunResult:
    result, errors = folder / "result.json", sorted(folder.glob("result.json.error.*"), key=lambda p: p.stat().st_mtime)
    if status == 0 and result.exists():
        return RunResult(**json.loads(result.read_text(encoding="utf-8")))
    if errors:
        raise EngineError(errors[0].read_text(encoding="utf-8"))
    log = (folder / "log").read_text(encoding="utf-8", errors="replace")[-SHOWN_CHARACTERS:].strip()
    raise EngineError(f"torchrun with {config.processes} processes ended with status {status} and no result: {log}")
