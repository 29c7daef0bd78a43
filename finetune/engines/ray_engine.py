"""The Ray engine: the same runs on a Ray cluster. The driver alone touches the ledger; workers get a run as data."""

import time
from collections.abc import Callable, Collection
from os import PathLike
from typing import Any

from bayes_scaling.finetune.config.parts import Engine
from bayes_scaling.finetune.engines.display import Display
from bayes_scaling.finetune.engines.heart import BEAT_SECONDS
from bayes_scaling.finetune.engines.ray_cluster import Cluster, WorkerLostError
from bayes_scaling.finetune.engines.stopping import Stopped, Stopper
from bayes_scaling.finetune.ledger import STALE_SECONDS, Ledger, LostRunError, clock, this_owner
from bayes_scaling.finetune.runs import RunConfig

POLL_SECONDS = 0.5


def run_ray(
    ledger_path: str | PathLike[str],
    engine: Engine,
    *,
    show: Callable[[str], None] | None = None,
    ids: Collection[str] | None = None,
    execute: str,
    stale_seconds: float = STALE_SECONDS,
) -> None:
    """Run what is planned on a Ray cluster; see :func:`bayes_scaling.finetune.engines.run_planned`.

    Parameters
    ----------
    ledger_path, engine, show, ids, execute
        As there. Bases and tasks must lie at the same paths on every node.
    stale_seconds : float
        Silence after which a run of another machine's engine counts as dead.

    Raises
    ------
    MissingExtraError, LedgerError, EngineError, KeyboardInterrupt
        As there.
    """
    with Ledger(ledger_path) as ledger, Display(show) as display:
        cluster = Cluster(engine, execute)
        driver = Driver(ledger, cluster, display, ids, engine.price_per_hour)
        try:
            with Stopper() as stopper:
                driver.run(stopper, stale_seconds)
        except Stopped:
            display.say("stopping; what runs is planned again")
            raise KeyboardInterrupt from None
        finally:
            try:
                driver.stop()
            finally:
                cluster.leave()


class Driver:
    """Claims runs, submits them, beats for them and writes how they ended."""

    def __init__(
        self,
        ledger: Ledger,
        cluster: Cluster,
        display: Display,
        ids: Collection[str] | None,
        price_per_hour: float | None,
    ):
        self._ledger, self._cluster, self._display = ledger, cluster, display
        self._ids, self._price, self._owner = ids, price_per_hour, this_owner()
        self._submitted: dict[Any, RunConfig] = {}
        self._beaten = clock.steady()

    def run(self, stopper: Stopper, stale_seconds: float) -> None:
        """Until nothing is planned or running, or a signal came (raised here: inside Ray it would break Ray)."""
        while True:
            stopper.check()
            self._ledger.release_dead(stale_seconds)
            self._submit()
            glances = self._ledger.glances(self._ids)
            self._display.update(glances)
            if not any(glance.status in ("planned", "running") for glance in glances):
                return
            self._wait()
            self._beat()

    def stop(self) -> None:
        """End what still runs; every run of it is planned again."""
        for reference in self._submitted:
            self._cluster.cancel(reference)
        if self._submitted:
            self._ledger.release_all(self._owner)

    def _submit(self) -> None:
        for _ in range(self._cluster.size() - len(self._submitted)):
            config = self._ledger.claim(self._owner, self._ids)
            if config is None:
                return
            self._submitted[self._cluster.submit(config, self._ledger.kills(config.id))] = config

    def _wait(self) -> None:
        if not self._submitted:  # what runs is another process's
            time.sleep(POLL_SECONDS)
            return
        for reference in self._cluster.ended(list(self._submitted), POLL_SECONDS):
            self._end(reference, self._submitted[reference])
            del self._submitted[reference]

    def _end(self, reference: Any, config: RunConfig) -> None:
        try:
            outcome = self._cluster.outcome(reference)
            outcome.record(self._ledger, config.id, self._owner, price_per_hour=self._price, say=self._display.say)
        except WorkerLostError as error:
            self._ledger.release(config.id, self._owner, killed=True, reason=f"its worker was lost ({error})")
            self._display.say(f"a worker was lost at {config.label} ({error}); the run is planned again")
        except LostRunError:
            self._display.say(f"run {config.id} was given to another process; its end here is dropped")

    def _beat(self) -> None:
        if clock.steady() - self._beaten < BEAT_SECONDS:
            return
        progress = self._cluster.progress()
        for reference, config in list(self._submitted.items()):
            if not self._ledger.beat(config.id, self._owner, progress.get(config.id)):
                self._cluster.cancel(reference)
                del self._submitted[reference]
        self._beaten = clock.steady()
