"""Worker processes on this machine: started, watched, replaced when one dies, stopped together."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bayes_scaling.finetune.config.parts import Engine
from bayes_scaling.finetune.engines.attempts import PATIENCE_SECONDS
from bayes_scaling.finetune.engines.heart import NOTE
from bayes_scaling.finetune.engines.machine import gpus_of, visible_gpus
from bayes_scaling.finetune.engines.worker import THREAD_VARIABLES
from bayes_scaling.finetune.ledger import clock
from bayes_scaling.finetune.ledger.owners import host, process_start

STOP_SECONDS = 20.0
KEPT_LINES = 40


@dataclass
class Worker:
    """A worker process; its last words are kept for when it dies."""

    number: int
    process: "subprocess.Popen[str]"
    owner: str
    words: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    notes: deque[str] = field(default_factory=deque)

    def listen(self) -> None:
        """Keep what it says, from now on."""
        self._ear = threading.Thread(target=self._hear, daemon=True)
        self._ear.start()

    def last_words(self) -> str:
        """The last it said."""
        self._ear.join(1.0)
        return "\n".join(self.words).strip()

    def _hear(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.words.append(line.rstrip())
                if line.startswith(NOTE):
                    self.notes.append(line.removeprefix(NOTE).rstrip())


class Crew:
    """The workers of one engine on one ledger.

    Parameters
    ----------
    ledger_path : Path
        The ledger.
    engine : Engine
        Threads, processes per run and price.
    size : int
        Workers at one time.
    execute : str
        What runs a run, ``module:function``.
    ids : collection of str, optional
        The only runs to run.
    patience_seconds : float
        For how long a worker keeps the end of a run while the ledger's disk is full.
    """

    def __init__(
        self,
        ledger_path: Path,
        engine: Engine,
        size: int,
        execute: str,
        *,
        ids: Collection[str] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ):
        self.size, self.workers, self._patience = size, list[Worker](), patience_seconds
        self._ledger_path, self._engine, self._execute, self._ids = ledger_path, engine, execute, ids
        self._gpus, self._noted = visible_gpus(), set[str]()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="bayes_scaling_crew_")
        if self._ids is not None:
            self._ids_file.write_text("\n".join(self._ids), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> Worker:
        """Start one more worker."""
        number = min(set(range(self.size + 1)) - {worker.number for worker in self.workers})
        process = subprocess.Popen(
            self._command(),
            env=self._environment(number),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C on the terminal comes to the engine, which stops its workers
        )
        worker = Worker(number, process, f"{host()}:{process.pid}:{process_start(process.pid)}")
        worker.listen()
        self.workers.append(worker)
        return worker

    def leavers(self) -> list[Worker]:
        """Workers that have ended since the last call; they are no longer of the crew."""
        gone = [worker for worker in self.workers if worker.process.poll() is not None]
        self.workers = [worker for worker in self.workers if worker not in gone]
        return gone

    def notes(self) -> list[str]:
        """What the workers want people to know, each thing once."""
        said = [worker.notes.popleft() for worker in self.workers for _ in range(len(worker.notes))]
        new = [note for note in dict.fromkeys(said) if note not in self._noted]
        self._noted.update(new)
        return new

    def stop(self) -> list[Worker]:
        """Let every worker give its run back and end; kill those that do not. Returns those that were there."""
        stopped, self.workers = self.workers, []
        for worker in stopped:
            worker.process.terminate()
        end = clock.steady() + STOP_SECONDS
        while clock.steady() < end and any(worker.process.poll() is None for worker in stopped):
            time.sleep(0.05)
        for worker in stopped:
            _kill_group(worker.process)
        return stopped

    @property
    def _ids_file(self) -> Path:
        return Path(self._folder.name) / "ids"

    def _command(self) -> list[str]:
        engine = self._engine
        command = [sys.executable, "-m", "bayes_scaling.finetune.engines.worker", str(self._ledger_path.resolve())]
        command += ["--threads", str(engine.threads), "--execute", self._execute, "--parent", str(os.getpid())]
        command += ["--patience", str(self._patience), "--halvings", str(engine.retry_smaller)]
        command += [] if engine.price_per_hour is None else ["--price", str(engine.price_per_hour)]
        return command + ([] if self._ids is None else ["--ids", str(self._ids_file)])

    def _environment(self, number: int) -> dict[str, str]:
        own = {name: str(self._engine.threads) for name in THREAD_VARIABLES}
        own["PYTHONSAFEPATH"] = "1"  # a file in the current folder named like a library is not that library
        gpus = gpus_of(number, self._engine.processes_per_run, self._gpus)
        return os.environ | own | ({"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {})


def _kill_group(process: "subprocess.Popen[str]") -> None:
    """Kill what is left of a worker and of the processes it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
