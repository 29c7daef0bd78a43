"""One attempt at a run: executed, timed, and its end told as data, whoever writes it into the ledger."""

import gc
import importlib
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.finetune.errors import EngineError, MissingExtraError
from bayes_scaling.finetune.ledger import Ledger, LedgerFullError, Surroundings, clock, surroundings
from bayes_scaling.finetune.ledger.contents import result_columns
from bayes_scaling.finetune.progress import Report
from bayes_scaling.finetune.runs import RunConfig, RunResult

Execute = Callable[[RunConfig, Report], RunResult]

TRACEBACK_CHARACTERS = 4000
PATIENCE_SECONDS = 600.0
"""For how long the end of a run is kept in memory and tried again while the ledger's disk is full."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: with a result, or with an error.

    Attributes
    ----------
    result
        What the run gave; None where it failed.
    error, traceback
        Of a failure.
    wall_seconds
        By a monotonic clock.
    surroundings
        What it ran on.
    """

    result: RunResult | None
    error: str | None
    traceback: str | None
    wall_seconds: float
    surroundings: Surroundings

    def content(self) -> dict[str, Any]:
        """Plain data, to be sent from one process to another."""
        return asdict(self)

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Outcome":
        """The outcome of :meth:`content`."""
        result = content["result"] and RunResult(**content["result"])
        return cls(**content | {"result": result, "surroundings": Surroundings(**content["surroundings"])})

    def record(
        self,
        ledger: Ledger,
        run: str,
        owner: str,
        *,
        price_per_hour: float | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Write the end of the run into the ledger, waiting for space where the disk is full: it may have cost hours.

        Raises
        ------
        LostRunError
            If the run is no longer this owner's.
        LedgerError
            If the ledger cannot be written.
        """
        cost = None if price_per_hour is None else price_per_hour * self.wall_seconds / 3600
        spent: dict[str, Any] = {"wall_seconds": self.wall_seconds, "cost": cost, "surroundings": self.surroundings}
        end, pause = clock.steady() + patience_seconds, min(10.0, patience_seconds / 20)
        while True:
            try:
                if self.result is not None:
                    ledger.finish(run, owner, self.result, **spent)
                else:
                    ledger.fail(run, owner, self.error or "no reason given", traceback=self.traceback, **spent)
                return
            except LedgerFullError as error:
                if clock.steady() >= end:
                    raise
                say(f"waiting for space to record a run: {error}")
                time.sleep(pause)


def attempt(execute: Execute, config: RunConfig, report: Report) -> Outcome:
    """Execute a run; what it raises becomes the outcome's error.

    Raises
    ------
    MissingExtraError
        If a library is missing: no run would succeed, none is to blame.
    """
    start = clock.steady()
    result, error, trace = None, None, None
    try:
        use_threads(config.threads)
        result = execute(config, report)
        result_columns(config.id, result)  # numbers that the ledger refuses are this run's failure
    except MissingExtraError:
        raise
    except (Exception, SystemExit) as fault:
        result, error, trace = None, reason(fault), _short_traceback(fault)
    seconds = clock.steady() - start
    outcome = Outcome(result, error, trace, seconds, surroundings(config.threads))
    _tidy()
    return outcome


def reason(fault: BaseException) -> str:
    """Why a run failed, in a line or a few: our own errors speak for themselves, others have their type's name."""
    text = str(fault).strip()
    if _is_out_of_memory(fault):
        return (
            f"out of memory ({type(fault).__name__}: {text or 'no details'}); lower training.batch_size and raise "
            "training.gradient_accumulation by the same factor, or set training.gradient_checkpointing"
        )
    return text if isinstance(fault, BayesScalingError) else f"{type(fault).__name__}: {text}"


def load_execute(name: str) -> Execute:
    """The function of a name.

    Parameters
    ----------
    name : str
        ``module:function``.

    Raises
    ------
    EngineError
        If there is no such function, or its module cannot be imported.
    """
    module, _, function = name.partition(":")
    try:
        found: Execute = getattr(importlib.import_module(module), function)
    except MissingExtraError:
        raise
    except Exception as error:
        raise EngineError(f"cannot load {name!r} to run runs with: {reason(error)}") from error
    return found


def use_threads(threads: int) -> None:
    """Give torch so many threads, if it has been imported; before, OMP_NUM_THREADS decides."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def _is_out_of_memory(fault: BaseException) -> bool:
    names = {kind.__name__ for kind in type(fault).__mro__}
    if names & {"MemoryError", "OutOfMemoryError"}:  # the second is torch's, which need not be imported for this
        return True
    said = str(fault).lower()
    return "RuntimeError" in names and ("out of memory" in said or "can't allocate memory" in said)


def _short_traceback(fault: BaseException) -> str:
    return "".join(traceback.format_exception(fault))[-TRACEBACK_CHARACTERS:]


def _tidy() -> None:
    """Leave the next run of this process no memory of this one."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
