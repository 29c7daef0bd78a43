"""A study spelled out: one full configuration for every run, tuned learning rates filled in.

First the runs that try learning rates, then, for every (task, method) whose tries are finished, the runs that
measure losses for the table, at the learning rate with the lowest dev loss.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bayes_scaling.finetune.config import Generation, Task, Training
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.planning.grid import Cell, cells, trials, trials_of
from bayes_scaling.finetune.planning.preparing import Prepared
from bayes_scaling.finetune.planning.tuning import Rate, Tried, chosen
from bayes_scaling.finetune.runs import Purpose, RunConfig

GENERATED = ("rouge_l", "chrf", "bleurt")
LOSS_ONLY = ("loss",)


@dataclass(frozen=True)
class Spelled:
    """The runs of a study, as far as they are known.

    Attributes
    ----------
    tuning
        Runs that try learning rates.
    measuring
        Runs for the runs table whose learning rate is known.
    waiting
        Runs for the runs table whose learning rate is being tuned.
    rates
        The tuned learning rates by (task, method).
    """

    tuning: tuple[RunConfig, ...]
    measuring: tuple[RunConfig, ...]
    waiting: tuple[Cell, ...]
    rates: Mapping[tuple[str, str], Rate]

    @property
    def runs(self) -> tuple[RunConfig, ...]:
        """All runs whose configuration is known, tuning first."""
        return self.tuning + self.measuring


def spell(prepared: Prepared, tried: Mapping[str, Tried]) -> Spelled:
    """Spell out a study's runs.

    Parameters
    ----------
    prepared
        The study, checked.
    tried
        What the ledger knows of tuning runs, by run id; may hold other runs too.

    Raises
    ------
    StudyError
        If all learning rates of a grid diverged, or two runs have one identity.
    """
    study = prepared.study
    points = cells(study)
    tuning = tuple(_config(prepared, trial.cell, "tune", trial.learning_rate) for trial in trials(study))
    tuned = {pair: _rate(prepared, *pair, tried) for pair in dict.fromkeys((cell.task, cell.method) for cell in points)}
    known = {pair: rate for pair, rate in tuned.items() if rate is not None}
    measuring = tuple(_measuring(prepared, cell, known) for cell in points if (cell.task, cell.method) in known)
    waiting = tuple(cell for cell in points if (cell.task, cell.method) not in known)
    _check_identities((*tuning, *measuring))
    return Spelled(tuning, measuring, waiting, {pair: rate for pair, rate in known.items() if rate.at_edge is not None})


def representatives(prepared: Prepared, spelled: Spelled) -> tuple[RunConfig, ...]:
    """A configuration for each run that waits, at the middle learning rate of its grid: for counts and times only."""
    return tuple(_config(prepared, cell, "measure", _middle(prepared, cell)) for cell in spelled.waiting)


def _middle(prepared: Prepared, cell: Cell) -> float:
    rates = [trial.learning_rate for trial in trials_of(prepared.study, cell.task, cell.method)]
    return rates[len(rates) // 2]


def _rate(prepared: Prepared, task: str, method: str, tried: Mapping[str, Tried]) -> Rate | None:
    """The learning rate of a (task, method), or None while it is being tuned."""
    grid = trials_of(prepared.study, task, method)
    if not grid:
        rate = prepared.study.training_of(prepared.study.method(method)).learning_rate
        return Rate(float(rate), None)  # type: ignore[arg-type]  # a number, since there is no grid
    ids = {trial.learning_rate: _config(prepared, trial.cell, "tune", trial.learning_rate).id for trial in grid}
    return chosen(f"task {task!r}, method {method!r}", {value: tried.get(run) for value, run in ids.items()})


def _measuring(prepared: Prepared, cell: Cell, rates: Mapping[tuple[str, str], Rate]) -> RunConfig:
    rate = rates[cell.task, cell.method]
    return _config(prepared, cell, "measure", rate.value, rate.at_edge)


def _config(
    prepared: Prepared, cell: Cell, purpose: Purpose, learning_rate: float, at_edge: bool | None = None
) -> RunConfig:
    study, facts = prepared.study, prepared.facts[cell.base]
    method = study.method(cell.method)
    measured = purpose == "measure"
    metrics = study.metrics if measured else LOSS_ONLY
    forgetting, forgetting_fingerprint = prepared.forgetting if measured and prepared.forgetting else (None, None)
    return RunConfig(
        study=study.study,
        purpose=purpose,
        base=prepared.bases[cell.base],
        base_fingerprint=facts.fingerprint,
        model_size=facts.model_size,
        pretrain_size=facts.pretrain_size,
        task=prepared.tasks[cell.task],
        task_fingerprint=prepared.data[cell.task].fingerprint,
        method=method,
        pet_size=cell.pet_size,
        finetune_size=cell.finetune_size,
        seed=cell.seed,
        training=_training(prepared, cell, learning_rate),
        learning_rate_at_edge=at_edge,
        metrics=metrics,
        bleurt_checkpoint=_bleurt(prepared) if measured else None,
        generation=study.generation if set(metrics) & set(GENERATED) else Generation(),
        zero_shot=_others(prepared, cell.task) if measured and study.zero_shot else (),
        forgetting=forgetting,
        forgetting_fingerprint=forgetting_fingerprint,
        processes=study.engine.processes_per_run,
        threads=study.engine.threads,
    )


def _training(prepared: Prepared, cell: Cell, learning_rate: float) -> Training:
    training = prepared.study.training_of(prepared.study.method(cell.method))
    return training.model_copy(update={"learning_rate": learning_rate})


def _bleurt(prepared: Prepared) -> str | None:
    checkpoint = prepared.study.bleurt_checkpoint
    return None if checkpoint is None else str((prepared.study.folder / checkpoint).resolve())


def _others(prepared: Prepared, task: str) -> tuple[tuple[Task, str], ...]:
    return tuple((other, prepared.data[name].fingerprint) for name, other in prepared.tasks.items() if name != task)


def _check_identities(runs: Iterable[RunConfig]) -> None:
    seen: dict[str, RunConfig] = {}
    for run in runs:
        twin = seen.setdefault(run.id, run)
        if twin is not run:
            raise StudyError(
                f"two runs have one identity: {run.label}; and {twin.label}; give them different settings, or name "
                "one of them only"
            )
