"""Engines: they run what is planned in a ledger, on this machine or on a Ray cluster."""

from collections.abc import Callable, Collection
from os import PathLike

from bayes_scaling.finetune.config.parts import Engine

EXECUTE = "bayes_scaling.finetune.one_run:execute"
"""What runs one run, as module:function; it is named, not passed, since workers are other processes."""


def run_planned(
    ledger_path: str | PathLike[str],
    engine: Engine,
    *,
    show: Callable[[str], None] | None = None,
    ids: Collection[str] | None = None,
    execute: str = EXECUTE,
) -> None:
    """Run everything planned in a ledger until nothing is planned or running any more.

    A run of a worker that was killed goes back to planned and is done again; runs of another process on the same
    ledger are waited for, and taken over if that process dies. Failed and diverged runs are in the ledger, they
    raise nothing.

    Parameters
    ----------
    ledger_path : str or path
        The ledger.
    engine : Engine
        Where and how many at a time.
    show : callable, optional
        Called with each line for people; by default progress bars on a terminal and lines on stderr elsewhere.
    ids : collection of str, optional
        Only these runs.
    execute : str
        What runs one run: ``module:function`` of ``(RunConfig, Report) -> RunResult``.

    Raises
    ------
    LedgerError
        If the ledger cannot be read or written (a full disk, say); what was finished stays.
    EngineError
        If workers cannot be started, or the Ray cluster cannot be reached.
    MissingExtraError
        If the engine is ``ray`` and Ray is not installed.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, after every worker has given its run back.
    """
    if engine.kind == "ray":
        from bayes_scaling.finetune.engines.ray_engine import run_ray

        run_ray(ledger_path, engine, show=show, ids=ids, execute=execute)
    else:
        from bayes_scaling.finetune.engines.local import run_local

        run_local(ledger_path, engine, show=show, ids=ids, execute=execute)
