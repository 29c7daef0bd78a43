"""Processes of a ladder: one per size, started, listened to, ended."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from bayes_scaling.finetune.pretrain.ladder import Ladder
from bayes_scaling.finetune.pretrain.progress import SizeProgress
from bayes_scaling.finetune.pretrain.sizes import Size
from bayes_scaling.finetune.pretrain.tokens import TokenisedCorpus

WORKER = "bayes_scaling.finetune.pretrain.worker"
LOG_TAIL = 600


@dataclass(frozen=True)
class Job:
    """One size and the numbers of tokens that it is still to be pretrained on."""

    ladder: Ladder
    size: Size
    tokens: tuple[int, ...]
    corpus: TokenisedCorpus
    state: Path

    def message(self, device: str) -> str:
        """The job as one line of JSON."""
        content: dict[str, Any] = {
            "ladder": self.ladder.model_dump(mode="json"),
            "file": str(self.ladder.file),
            "size": self.size.name,
            "tokens": self.tokens,
            "corpus": asdict(self.corpus) | {"folder": str(self.corpus.folder)},
            "state": str(self.state),
            "device": device,
            "parent": os.getpid(),
        }
        return json.dumps(content) + "\n"

    @property
    def steps(self) -> int:
        """Steps of the optimiser when nothing of the size is there yet: the longest trunk and every leg."""
        stages = [self.ladder.stages(tokens) for tokens in self.tokens]
        return max(stage.trunk for stage in stages) + sum(stage.leg for stage in stages)


def run_jobs(jobs: list[Job], at_once: int, devices: list[str], show: Callable[[str], None]) -> list[str]:
    """Run jobs, some at one time, each on a device; what went wrong, a text for each failed job."""
    free: SimpleQueue[str] = SimpleQueue()
    for number in range(at_once):
        free.put(devices[number % len(devices)])
    crew = _Crew(free, show)
    with ThreadPoolExecutor(at_once) as pool:
        futures: list[Future[str | None]] = [pool.submit(crew.run, job) for job in jobs]
        try:
            told = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            crew.stop()
            raise
    return [text for text in told if text is not None]


class _Crew:
    """Runs jobs from several threads and can stop them all."""

    def __init__(self, free: "SimpleQueue[str]", show: Callable[[str], None]) -> None:
        self._free, self._show = free, show
        self._lock = Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, job: Job) -> str | None:
        """Run one job to its end; what went wrong, or None."""
        device = self._free.get()
        log = job.state / f"{job.size.name}.log"
        try:
            with log.open("w", encoding="utf-8") as errors:
                process = _start(job, device, errors)
                with self._lock:
                    self._running.add(process)
                error = self._listen(job, process)
        finally:
            self._free.put(device)
        if error is None and process.returncode != 0:
            error = _death(job, process.returncode, log)
        return error

    def stop(self) -> None:
        """End every process that runs."""
        with self._lock:
            for process in self._running:
                process.kill()

    def _listen(self, job: Job, process: "subprocess.Popen[str]") -> str | None:
        progress = SizeProgress(job.size.name, job.steps, job.ladder.batch.tokens, self._say)
        error = None
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                error = event.get("error") or error
                progress.hear(event)
        return error

    def _say(self, line: str) -> None:
        with self._lock:
            self._show(line)


def _start(job: Job, device: str, errors: Any) -> "subprocess.Popen[str]":
    threads = str(job.ladder.threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "false",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(job.message(device))
    process.stdin.flush()
    return process


def _death(job: Job, code: int, log: Path) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    said = " ".join(log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].split())
    more = f", its last words: {said}" if said else ""
    return f"size {job.size.name!r}: its process {how} (out of memory?); run again, it goes on where it was{more}"
