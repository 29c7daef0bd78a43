"""One attempt at a run: executed, timed, and its end told as data, whoever writes it into the ledger."""

import gc
import importlib
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.finetune.engines.heart import note
from bayes_scaling.finetune.engines.smaller import at_a_time, smaller
from bayes_scaling.finetune.errors import EngineError, MissingExtraError
from bayes_scaling.finetune.ledger import Ledger, LedgerFullError, Surroundings, clock, surroundings
from bayes_scaling.finetune.ledger.contents import result_columns
from bayes_scaling.finetune.progress import Report
from bayes_scaling.finetune.runs import RunConfig, RunResult

Execute = Callable[[RunConfig, Report], RunResult]

TRACEBACK_CHARACTERS = 4000
PATIENCE_SECONDS = 600.0
"""For how long the end of a run is kept in memory and tried again while the ledger's disk is full."""


ADVICE = (
    "; lower training.batch_size and raise training.gradient_accumulation by the same factor, set engine.retry_smaller "
    "to have that done, or set training.gradient_checkpointing"
)
OUT_OF_MEMORY = "out of memory ("
"""Begins the reason of a run that was."""


class Halvings(NamedTuple):
    """How often a run that is out of memory may halve its batch, and how often it did before this attempt."""

    most: int = 0
    begun: int = 0


NO_HALVINGS = Halvings()


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


def attempt(execute: Execute, config: RunConfig, report: Report, halvings: Halvings = NO_HALVINGS) -> Outcome:
    """Execute a run; what it raises becomes the outcome's error.

    Out of memory, it is executed again in smaller batches, as often as ``halvings`` allow; the measure
    ``batch_halvings`` of its result tells.

    Raises
    ------
    MissingExtraError
        If a library is missing: no run would succeed, none is to blame.
    """
    start = clock.steady()
    result, error, trace = None, None, None
    try:
        use_threads(config.threads)
        result = _execute(execute, config, report, halvings)
        result_columns(config.id, result)  # numbers that the ledger refuses are this run's failure
    except MissingExtraError:
        raise
    except (Exception, SystemExit) as fault:
        result, error, trace = None, reason(fault), _short_traceback(fault)
    seconds = clock.steady() - start
    outcome = Outcome(result, error, trace, seconds, surroundings(config.threads))
    _tidy()
    return outcome


def _execute(execute: Execute, config: RunConfig, report: Report, halvings: Halvings) -> RunResult:
    halved = min(halvings)
    while True:
        now = smaller(config, halved)
        try:
            result = execute(now, report)
            return replace(result, measures=result.measures | {"batch_halvings": float(halved)}) if halved else result
        except Exception as fault:
            if halvings.most == 0 or not _is_out_of_memory(fault):
                raise
            if halved >= halvings.most or at_a_time(now) == 1:
                raise EngineError(_at_an_end(fault, now, halvings.most)) from fault
        halved += 1
        _tidy()  # the fault, which holds what the run held, is gone by now
        batch = at_a_time(smaller(config, halved))
        note(f"{config.label}: out of memory; again with {batch} at a time, and as many in a step")


def _at_an_end(fault: Exception, config: RunConfig, most: int) -> str:
    batch, others = at_a_time(config), "set training.gradient_checkpointing, shorten the texts or take a smaller base"
    if batch == 1:
        return f"{_details(fault)} with one example at a time, which cannot be halved; {others}"
    more = f"raise engine.retry_smaller ({most}), or {others}"
    return f"{_details(fault)} with {batch} examples at a time, halved as often as was asked for; {more}"


def reason(fault: BaseException) -> str:
    """Why a run failed, in a line or a few: our own errors speak for themselves, others have their type's name."""
    text = str(fault).strip()
    if _is_out_of_memory(fault):
        return text if text.startswith(OUT_OF_MEMORY) else f"{_details(fault)}{ADVICE}"
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


def _details(fault: BaseException) -> str:
    text = str(fault).strip()
    told = text.partition(ADVICE)[0] if text.startswith(OUT_OF_MEMORY) else None
    return told or f"{OUT_OF_MEMORY}{type(fault).__name__}: {text or 'no details'})"


def _is_out_of_memory(fault: BaseException) -> bool:
    if isinstance(fault, EngineError):  # of a run of several processes: what one of them said, or torchrun of it
        return str(fault).startswith(OUT_OF_MEMORY) or "SIGKILL" in str(fault)
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
