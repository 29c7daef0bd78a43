"""A study, run: first what tunes learning rates and what needs no tuning, then what waited for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayes_scaling.finetune import installed
from bayes_scaling.finetune.config import Engine, Study
from bayes_scaling.finetune.errors import MissingExtraError
from bayes_scaling.finetune.ledger import Ledger, Record
from bayes_scaling.finetune.planning import plan_text
from bayes_scaling.finetune.planning.history import read_records, tried
from bayes_scaling.finetune.planning.preparing import Prepared, prepare
from bayes_scaling.finetune.planning.spelling import Spelled, spell
from bayes_scaling.finetune.results.status import counted, failures_told

if TYPE_CHECKING:
    import pandas as pd

Show = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a study.

    Attributes
    ----------
    records
        Of its runs, in planned order.
    spelled
        Its runs as they are known now.
    study
        As it was read.
    """

    records: tuple[Record, ...]
    spelled: Spelled
    study: Study

    @property
    def table(self) -> "pd.DataFrame":
        """Runs by stage, task, method and status."""
        return counted(self.records)

    @property
    def unfinished(self) -> int:
        """Runs that have neither a loss nor a divergence: failed, given back, or waiting for a learning rate."""
        finished = sum(record.status in ("done", "diverged") for record in self.records)
        return len(self.records) - finished + len(self.spelled.waiting)

    @property
    def text(self) -> str:
        """How many are done, failed and diverged, and what to do next."""
        return "\n".join(_told(self))


def run_study(
    study: Study, *, engine: Engine | None = None, retry_failed: bool = False, show: Show | None = None
) -> Outcome:
    """Run what is missing of a study.

    Parameters
    ----------
    study
        From :func:`bayes_scaling.finetune.load_study`.
    engine
        Where and how many at a time; by default the study's.
    retry_failed
        Also run again what failed before.
    show
        Called with each line for people; by default progress bars.

    Returns
    -------
    Outcome
        Failed and diverged runs are in it; they raise nothing.

    Raises
    ------
    StudyError
        If the study breaks a rule (before anything runs), or every learning rate of a grid diverged.
    LedgerError
        If the ledger cannot be written; what was finished stays.
    """
    engine = engine or study.engine
    _check_engine(engine)
    prepared = prepare(study)
    spelled = _run_known(prepared, engine, show, retry_failed=retry_failed)
    if spelled.waiting:
        spelled = _run_known(prepared, engine, show, retry_failed=retry_failed)
    with Ledger(study.ledger_path, read_only=True) as ledger:
        return Outcome(tuple(ledger.records([run.id for run in spelled.runs])), spelled, study)


def known_runs(study: Study) -> Spelled:
    """The runs of a study as far as its ledger lets them be known; nothing is written.

    Raises
    ------
    StudyError
        If the study breaks a rule.
    LedgerError
        If its ledger cannot be read.
    """
    return spell(prepare(study), tried(read_records(study.ledger_path)))


def _run_known(prepared: Prepared, engine: Engine, show: Show | None, *, retry_failed: bool) -> Spelled:
    """Run every run whose learning rate is known by now."""
    from bayes_scaling.finetune.engines import run_planned

    path = prepared.study.ledger_path
    with Ledger(path) as ledger:
        spelled = spell(prepared, tried(ledger.records(purpose="tune")))
        ids = [run.id for run in spelled.runs]
        ledger.plan(spelled.runs)
        if retry_failed:
            ledger.retry_failed(ids)
        missing = [glance.id for glance in ledger.glances(ids) if glance.status in ("planned", "running")]
    if missing:
        run_planned(path, engine, show=show, ids=missing)
    return spelled


def _check_engine(engine: Engine) -> None:
    if engine.kind == "ray" and not installed.has("ray"):
        raise MissingExtraError(
            "engine 'ray' needs Ray, which is not installed: pip install 'bayes_scaling[cluster]', or use 'local'"
        )


def _told(outcome: Outcome) -> list[str]:
    states = [record.status for record in outcome.records]
    name = outcome.study.file.name
    lines = [
        f"Study {outcome.study.study!r}: {states.count('done')} runs done, {states.count('failed')} failed, "
        f"{states.count('diverged')} diverged, of {len(states) + len(outcome.spelled.waiting)}.",
        *plan_text.rates_told(outcome.spelled),
        *failures_told(outcome.records),
    ]
    if outcome.spelled.waiting:
        lines.append(f"{len(outcome.spelled.waiting)} wait for learning rates whose tuning is not finished.")
    if "failed" in states:
        lines.append(f"Next: mend what failed, then bayes-scaling finetune run {name} --retry-failed")
    elif outcome.unfinished:
        lines.append(f"Next: bayes-scaling finetune run {name} runs what is missing")
    else:
        lines.append(f"Next: bayes-scaling finetune export {name} -o runs.csv")
    return lines
