"""A plan as a table and as words."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bayes_scaling.finetune.ledger import Record
from bayes_scaling.finetune.planning.estimates import duration
from bayes_scaling.finetune.planning.grid import unused
from bayes_scaling.finetune.planning.preparing import Prepared
from bayes_scaling.finetune.planning.spelling import Spelled
from bayes_scaling.text import format_number, listing

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.finetune.planning.study_plan import Plan

GROUP = ["stage", "task", "method", "pet_size"]
STATUSES = ("waiting", "planned", "running", "done", "failed", "diverged")


def summary(runs: "pd.DataFrame") -> "pd.DataFrame":
    """One row per stage, task, method and PET size.

    Parameters
    ----------
    runs
        One row per run, as in :class:`bayes_scaling.finetune.planning.study_plan.Plan`.
    """
    counts = runs.assign(**{status: (runs["status"] == status).astype(int) for status in STATUSES})
    groups = counts.groupby(GROUP, sort=False, dropna=False)
    table = groups.agg(
        runs=("status", "size"),
        bases=("base", "nunique"),
        trainable_low=("trainable_parameters", "min"),
        trainable_high=("trainable_parameters", "max"),
        tokens=("tokens", "sum"),
    )
    table["seconds"] = groups["seconds"].sum().where(groups["seconds"].count() == groups.size())
    return table.join(groups[list(STATUSES)].sum()).reset_index()


def shown(table: "pd.DataFrame") -> "pd.DataFrame":
    """The summary as people read it: ranges in one cell, times in words, columns of zeros left out."""
    import pandas as pd

    low, high = table["trainable_low"], table["trainable_high"]
    seconds = [None if pd.isna(value) else float(value) for value in table["seconds"]]
    narrow = table[GROUP].assign(
        pet_size=["-" if pd.isna(size) else str(size) for size in table["pet_size"]],
        bases=table["bases"],
        trainable=[_range(a, b) for a, b in zip(low, high, strict=True)],
        runs=table["runs"],
        tokens=[format_number(value) for value in table["tokens"]],
        time=[duration(value) for value in seconds],
    )
    return narrow.assign(**{status: table[status] for status in STATUSES if table[status].any()})


def told(plan: "Plan") -> str:
    """What a plan comes to, in words."""
    runs = plan.runs
    counts = runs["status"].value_counts()
    stages = runs["stage"].value_counts()
    tuning = f": {stages['tune']} to tune learning rates, {stages['measure']} to measure" if "tune" in stages else ""
    states = listing([f"{counts[status]} {status}" for status in STATUSES if status in counts])
    left = runs[~runs["status"].isin(["done", "diverged", "failed"])]
    lines = [
        f"Study {plan.study.study!r}: {len(runs)} runs{tuning}. Now {states}.",
        f"At most {format_number(float(runs['tokens'].sum()))} target tokens to train on in all"
        + (f"; {format_number(float(left['tokens'].sum()))} are left, {_time(plan)}." if len(left) else "."),
        "Tokens are estimated from a sample; runs that stop early need less.",
    ]
    return "\n".join([*lines, *plan.notes])


def notes(prepared: Prepared, spelled: Spelled, records: Iterable[Record]) -> tuple[str, ...]:
    """What a person should know before starting."""
    left_out = [f"task {name!r}: {note}." for name, data in prepared.data.items() for note in data.notes]
    idle = [f"No grid uses {listing(list(unused(prepared.study)))}."] if unused(prepared.study) else []
    return (*left_out, *idle, *_no_pretraining(prepared), *rates_told(spelled), *_others(spelled, records))


def rates_told(spelled: Spelled) -> tuple[str, ...]:
    """The tuned learning rates, with a warning for those at the edge of their grid."""
    return tuple(
        f"Learning rate of {method} on {task}: {rate.value:g}"
        + (", at the EDGE of its grid: a better one may lie outside, widen the grid." if rate.at_edge else ".")
        for (task, method), rate in spelled.rates.items()
    )


def _no_pretraining(prepared: Prepared) -> list[str]:
    unknown = [name for name, fact in prepared.facts.items() if fact.pretrain_size is None]
    if not unknown or len(unknown) == len(prepared.facts):
        return []
    return [f"No pretrain_size is known of {listing(unknown)}: their runs say nothing about that factor."]


def _others(spelled: Spelled, records: Iterable[Record]) -> list[str]:
    ids = {run.id for run in spelled.runs}
    others = sum(record.id not in ids for record in records)
    some = f"{others} run{'s' * (others != 1)} of the ledger {'are' if others != 1 else 'is'}"
    return [f"{some} not in this study file (any more): kept, not run and not exported."] if others else []


def _time(plan: "Plan") -> str:
    if plan.seconds_left is None:
        return "time not known (plan with --calibrate to estimate it)"
    workers = f"{plan.workers} worker{'s' * (plan.workers != 1)}"
    return f"about {duration(plan.seconds_left)} with {workers}"


def _range(low: float, high: float) -> str:
    return format_number(low) if low == high else f"{format_number(low)} to {format_number(high)}"
