"""A worker: takes planned runs from a ledger one after the other, runs them and writes how they ended.

``python -m bayes_scaling.finetune.engines.worker LEDGER --threads 1`` is one; the local engine starts several. Killed
in whatever way, it loses the run it was at and nothing else.
"""

import argparse
import faulthandler
import os
import sys
from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.finetune.engines import EXECUTE
from bayes_scaling.finetune.engines.attempts import PATIENCE_SECONDS, Execute, Halvings, attempt, load_execute
from bayes_scaling.finetune.engines.heart import BEAT_SECONDS, Heart, Taken, is_orphan, note
from bayes_scaling.finetune.engines.launching import several_processes
from bayes_scaling.finetune.engines.stopping import Stopped, Stopper
from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import Ledger, LostRunError, this_owner
from bayes_scaling.finetune.runs import RunConfig

EXIT_STOPPED, EXIT_LEDGER, EXIT_START = 143, 3, 4

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def work(
    ledger_path: str | PathLike[str],
    execute: Execute,
    *,
    ids: Collection[str] | None = None,
    beat_seconds: float = BEAT_SECONDS,
    price_per_hour: float | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    halvings: int = 0,
    parent: int | None = None,
) -> int:
    """Run planned runs until there are none left.

    Parameters
    ----------
    ledger_path : str or path
        The ledger.
    execute : callable
        Runs one run: ``(RunConfig, Report) -> RunResult``; what it raises is recorded as the run's failure.
    ids : collection of str, optional
        Only these runs.
    beat_seconds : float
        Between heartbeats.
    price_per_hour : float, optional
        The ledger's cost is wall time times this.
    patience_seconds : float
        How long to wait for space on a full disk before a run's end is given up.
    halvings : int
        How often a run that is out of memory halves its batch; that a worker was killed under it counts as one.
    parent : int, optional
        Stop when this parent process is gone.

    Returns
    -------
    int
        How many runs ended here, failed and diverged ones too.

    Raises
    ------
    LedgerError
        If the ledger cannot be read or written.
    MissingExtraError
        If a library for running is not installed.
    Stopped
        On SIGTERM or SIGINT; the run it was at is planned again.
    """
    owner, ended = this_owner(), 0
    recording: dict[str, Any] = {"price_per_hour": price_per_hour, "patience_seconds": patience_seconds, "say": note}
    with Stopper() as stopper, Ledger(ledger_path) as ledger:
        while True:
            stopper.check()
            config = None if is_orphan(parent) else ledger.claim(owner, ids)
            if config is None:
                return ended
            allowed = Halvings(halvings, ledger.kills(config.id) if halvings else 0)
            heart = Heart(ledger, config.id, owner, seconds=beat_seconds, parent=parent)
            try:
                with heart:
                    with stopper.may_interrupt():
                        outcome = attempt(execute, config, heart.report, allowed)
                    outcome.record(ledger, config.id, owner, **recording)
                ended += 1
            except (Taken, LostRunError):
                note(f"run {config.id} was given to another process; its end here is dropped")
            except BaseException:
                _give_back(ledger, config, owner)
                raise


def _give_back(ledger: Ledger, config: RunConfig, owner: str) -> None:
    try:
        ledger.release(config.id, owner)
    except LedgerError as error:  # whoever comes next sees that this process is gone
        note(f"run {config.id} could not be given back: {error}")


def main(arguments: list[str] | None = None) -> int:
    """The worker's command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bayes_scaling.finetune.engines.worker", description="Run planned runs."
    )
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of a run")
    parser.add_argument("--execute", default=EXECUTE, help="what runs a run, as module:function")
    parser.add_argument("--ids", type=Path, help="file with the ids of the only runs to run, one a line")
    parser.add_argument("--beat", type=float, default=BEAT_SECONDS, help="seconds between heartbeats")
    parser.add_argument("--price", type=float, help="price per hour")
    parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS, help="seconds to wait on a full disk")
    parser.add_argument("--halvings", type=int, default=0, help="how often a run out of memory halves its batch")
    parser.add_argument("--parent", type=int, help="stop when this parent process is gone")
    given = parser.parse_args(arguments)
    faulthandler.enable()
    limit_threads(given.threads)
    try:
        work(
            given.ledger,
            several_processes(load_execute(given.execute), given.execute),
            ids=given.ids and given.ids.read_text(encoding="utf-8").split(),
            beat_seconds=given.beat,
            price_per_hour=given.price,
            patience_seconds=given.patience,
            halvings=given.halvings,
            parent=given.parent,
        )
    except Stopped:
        return EXIT_STOPPED
    except BayesScalingError as error:
        print(error, file=sys.stderr, flush=True)
        return EXIT_LEDGER if isinstance(error, LedgerError) else EXIT_START
    return 0


def limit_threads(threads: int) -> None:
    """Set the thread limits that libraries read when they are imported."""
    os.environ.update({name: str(threads) for name in THREAD_VARIABLES} | {"TOKENIZERS_PARALLELISM": "false"})


if __name__ == "__main__":
    sys.exit(main())
