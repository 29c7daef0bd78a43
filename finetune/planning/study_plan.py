"""A study before it runs: how many runs, how large, how long, and what is already done. Writes nothing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bayes_scaling.finetune.config import Study
from bayes_scaling.finetune.ledger import Record
from bayes_scaling.finetune.planning import estimates, plan_text
from bayes_scaling.finetune.planning.history import read_records, timed, tried
from bayes_scaling.finetune.planning.preparing import Prepared, prepare
from bayes_scaling.finetune.planning.spelling import Spelled, representatives, spell
from bayes_scaling.finetune.planning.target_tokens import TokenCounter
from bayes_scaling.finetune.runs import RunConfig

if TYPE_CHECKING:
    import pandas as pd

Say = Callable[[int, int], None]
"""Told of the progress: how many of how many."""


@dataclass(frozen=True)
class Plan:
    """What a study would run.

    Attributes
    ----------
    study
        As it was read.
    runs
        One row per run: ``run`` (id; empty while its learning rate is being tuned), ``stage`` (tune, measure),
        ``task``, ``base``, ``method``, ``pet_size``, ``finetune_size``, ``seed``, ``learning_rate``,
        ``trainable_parameters``, ``steps`` (at most), ``tokens`` (target tokens, at most), ``seconds`` (measured where
        done, else estimated, of one worker; NaN where nothing is known) and ``status`` (waiting, planned, running,
        done, failed, diverged).
    workers
        Runs at one time.
    spelled
        The configurations.
    notes
        What a person should know before starting.
    """

    study: Study
    runs: "pd.DataFrame"
    workers: int
    spelled: Spelled
    notes: tuple[str, ...]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row per stage, task, method and PET size: runs, sizes, target tokens, seconds, and runs by status."""
        return plan_text.summary(self.runs)

    @property
    def shown(self) -> "pd.DataFrame":
        """The table as people read it."""
        return plan_text.shown(self.table)

    @property
    def text(self) -> str:
        """What the table comes to, in words."""
        return plan_text.told(self)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is done, on all workers; None where a run's time is not known."""
        left = self.runs[~self.runs["status"].isin(["done", "diverged", "failed"])]["seconds"]
        return None if left.isna().any() else float(left.sum()) / min(self.workers, max(len(left), 1))


def plan(study: Study, *, calibrate: bool = True, say: Say | None = None) -> Plan:
    """Look at everything that a study needs, and say what running it comes to.

    Parameters
    ----------
    study
        From :func:`bayes_scaling.finetune.load_study`.
    calibrate
        Time a few optimiser steps of each (base, method) of which no run is finished; minutes for large bases.
    say
        Told of the progress of that.

    Returns
    -------
    Plan
        Nothing is written, and no ledger is made.

    Raises
    ------
    StudyError
        If the study breaks a rule.
    """
    from bayes_scaling.finetune.engines.machine import default_workers

    prepared = prepare(study)
    records = read_records(study.ledger_path)
    spelled = spell(prepared, tried(records))
    waiting = representatives(prepared, spelled)
    known = estimates.from_finished(timed(records))
    unfinished = _unfinished((*spelled.runs, *waiting), records)
    if calibrate:
        known = estimates.first_known(known, calibrated([run for run in unfinished if known(run) is None], say))
    rows = _rows(prepared, spelled, waiting, records, known)
    workers = study.engine.workers or default_workers(study.engine)
    return Plan(study, rows, workers, spelled, plan_text.notes(prepared, spelled, records))


def calibrated(runs: Iterable[RunConfig], say: Say | None = None) -> estimates.Estimate:
    """Time a few optimiser steps of each (base, method), in its smallest run that fills a step, largest PET size."""
    from bayes_scaling.finetune.training.calibrate import seconds_per_step

    groups: dict[tuple[str, str], list[RunConfig]] = {}
    for run in runs:
        groups.setdefault((run.base.name, run.method.name), []).append(run)
    timed_runs = {key: max(some, key=_fit_to_time) for key, some in groups.items()}
    seconds = {}
    for number, (key, run) in enumerate(timed_runs.items()):
        if say is not None:
            say(number, len(timed_runs))
        seconds[key] = seconds_per_step(run)
    return estimates.from_steps(seconds, timed_runs)


def _fit_to_time(run: RunConfig) -> tuple[int, int, int]:
    return estimates.step_examples(run), run.pet_size or 0, -run.finetune_size


def _unfinished(runs: Iterable[RunConfig], records: list[Record]) -> list[RunConfig]:
    done = {record.id for record in records if record.status in ("done", "diverged")}
    return [run for run in runs if run.id not in done]


def _rows(
    prepared: Prepared,
    spelled: Spelled,
    waiting: tuple[RunConfig, ...],
    records: list[Record],
    estimate: estimates.Estimate,
) -> "pd.DataFrame":
    import pandas as pd

    by_id = {record.id: record for record in records}
    tokens, trained = TokenCounter(prepared), _Trained()
    rows = [
        {
            "run": run.id if is_known else None,
            "stage": run.purpose,
            "task": run.task.name,
            "base": run.base.name,
            "method": run.method.name,
            "pet_size": run.pet_size,
            "finetune_size": run.finetune_size,
            "seed": run.seed,
            "learning_rate": run.training.learning_rate if is_known else None,
            "trainable_parameters": trained.count(run),
            "steps": estimates.run_steps(run),
            "tokens": tokens.a_target(run) * estimates.examples_trained(run),
            **_state(run, by_id if is_known else {}, estimate, "planned" if is_known else "waiting"),
        }
        for is_known, some in ((True, spelled.runs), (False, waiting))
        for run in some
    ]
    table = pd.DataFrame(rows).astype({"pet_size": "Int64"})
    numbers = ("learning_rate", "trainable_parameters", "tokens", "seconds")
    return table.astype(dict.fromkeys(numbers, "float64"))


def _state(
    run: RunConfig, records: Mapping[str, Record], estimate: estimates.Estimate, otherwise: str
) -> dict[str, object]:
    """Status, and seconds: measured where it is finished, else estimated."""
    record = records.get(run.id)
    finished = record is not None and record.status in ("done", "diverged")
    seconds = record.wall_seconds if record is not None and finished else estimate(run)
    return {"seconds": seconds, "status": otherwise if record is None else record.status}


class _Trained:
    """Trainable parameters, counted once per base, method and PET size."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int | None], int] = {}

    def count(self, run: RunConfig) -> int:
        """Parameters that a run trains."""
        from bayes_scaling.finetune.methods import trainable_parameters

        key = (run.base.name, run.method.name, run.pet_size)
        if key not in self._known:
            self._known[key] = trainable_parameters(run)
        return self._known[key]
