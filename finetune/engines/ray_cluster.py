"""A Ray cluster as the engine sees it: submit a run, learn how far it is, learn how it ended."""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bayes_scaling.finetune.config.parts import Engine
from bayes_scaling.finetune.engines.attempts import Halvings, Outcome, attempt, load_execute
from bayes_scaling.finetune.engines.launching import several_processes
from bayes_scaling.finetune.engines.worker import limit_threads
from bayes_scaling.finetune.errors import EngineError, MissingExtraError
from bayes_scaling.finetune.ledger import clock
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunConfig

TELL_SECONDS = 1.0
ASK_SECONDS = 2.0
KNOCK_SECONDS = 10.0


class WorkerLostError(Exception):
    """The process or the machine that ran a run is gone."""


class Cluster:
    """A Ray cluster: the one this process is in, the one at an address, the one Ray finds, or a new one here.

    Parameters
    ----------
    engine : Engine
        Address, and what a run needs.
    execute : str
        What runs a run, ``module:function``; importable on every node.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    EngineError
        If there is no cluster at the address.
    """

    def __init__(self, engine: Engine, execute: str):
        self._ray = _ray()
        self._engine, self._execute = engine, execute
        self._is_joined = not self._ray.is_initialized()
        if self._is_joined:
            self._join(engine.address)
        self._task = self._ray.remote(_run)
        self._board = self._ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()
        self._gpus = int(self._ray.cluster_resources().get("GPU", 0))

    def size(self) -> int:
        """Runs at one time: as many as the study says, or as the cluster carries now."""
        engine = self._engine
        if engine.workers:
            return engine.workers
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        fitting = self._gpus if self._gpus else cores // engine.threads
        return max(1, fitting // engine.processes_per_run)

    def submit(self, config: RunConfig, kills: int = 0) -> Any:
        """Start a run, under which so many workers died, as soon as a node has room; a reference to its end."""
        needs = {"num_cpus": config.threads * config.processes, "num_gpus": config.processes if self._gpus else 0}
        task = self._task.options(**needs, max_retries=0, name=config.label)
        return task.remote(config.model_dump_json(), self._execute, self._board, (self._engine.retry_smaller, kills))

    def ended(self, references: list[Any], seconds: float) -> list[Any]:
        """Those that have ended, after waiting for one at most so long."""
        return list(self._ray.wait(references, timeout=seconds)[0])

    def outcome(self, reference: Any) -> Outcome:
        """How a run ended.

        Raises
        ------
        WorkerLostError
            If its process or machine was lost.
        EngineError
            If runs cannot be run on that node.
        """
        faults = self._ray.exceptions
        try:
            content = self._ray.get(reference)
        except (faults.RayTaskError, faults.RuntimeEnvSetupError) as error:
            raise EngineError(f"a node of the cluster cannot run runs: {_first_line(error)}") from error
        except faults.RayError as error:
            raise WorkerLostError(f"{type(error).__name__}: {_first_line(error)}") from error
        if "unable" in content:
            raise EngineError(f"a node of the cluster cannot run runs: {content['unable']}")
        return Outcome.of(content)

    def cancel(self, reference: Any) -> None:
        """End a run."""
        self._ray.cancel(reference, force=True)

    def progress(self) -> dict[str, Progress]:
        """How far each run is, by id; nothing where nobody knows."""
        try:
            seen: dict[str, str] = self._ray.get(self._board.all.remote(), timeout=ASK_SECONDS)
        except self._ray.exceptions.RayError:
            return {}
        return {run: Progress(**json.loads(text)) for run, text in seen.items()}

    def leave(self) -> None:
        """Leave the cluster if it was joined here; one that was started here ends."""
        if self._is_joined:
            self._ray.shutdown()

    def _join(self, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody unless the user wants it
        try:
            _knock(address)
            self._ray.init(address=address, log_to_driver=False)
        except Exception as error:  # what Ray raises of a cluster that does not come up is of no narrower class
            raise EngineError(
                f"no Ray cluster at engine.address {address!r} ({_first_line(error)}); start one with "
                "'ray start --head', or leave the address out to use this machine"
            ) from error


class Board:
    """Where running runs say how far they are. An actor of the cluster."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def say(self, run: str, text: str) -> None:
        """Take a run's word."""
        self._said[run] = text

    def all(self) -> dict[str, str]:
        """Every run's last word."""
        return self._said


def _run(config_text: str, execute: str, board: Any, halvings: tuple[int, int]) -> dict[str, Any]:
    """On a worker: run a run. No exception leaves here, it would be pickled."""
    config = RunConfig.model_validate_json(config_text)
    limit_threads(config.threads)
    try:
        function = several_processes(load_execute(execute), execute)
        return attempt(function, config, _telling(config.id, board), Halvings(*halvings)).content()
    except (EngineError, MissingExtraError) as error:
        return {"unable": str(error)}


def _telling(run: str, board: Any) -> Callable[[Progress], None]:
    last = clock.steady() - TELL_SECONDS

    def report(progress: Progress) -> None:
        nonlocal last
        now = clock.steady()
        if now - last >= TELL_SECONDS or progress.step == progress.steps:
            board.say.remote(run, json.dumps(asdict(progress)))
            last = now

    return report


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            "engine 'ray' needs Ray, which is not installed: pip install 'bayes_scaling[cluster]', "
            "or set engine.kind to local"
        ) from error
    return ray


def _knock(address: str | None) -> None:
    """Raise an OSError at once where nobody listens at ``host:port``; Ray would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
