"""Which metric of a tool is the loss: ``NAME``, an error ``1 - NAME`` of a score, or ``log NAME`` of a perplexity."""

import math
from typing import Literal, NamedTuple, get_args

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.importers.recorded import ToolRun
from bayes_scaling.runs.loss_kinds import SCORE
from bayes_scaling.runs.messages import closest, listing

At = Literal["last", "best"]


class Reading(NamedTuple):
    """How the loss is read: ``how`` is "", "1 - " or "log "."""

    how: str
    metric: str

    @property
    def text(self) -> str:
        """As it was written."""
        return self.how + self.metric


class Found(NamedTuple):
    """A loss with its standard error, which is None where the tool knows none."""

    loss: float
    se: float | None


def reading(text: str) -> Reading:
    """Return what ``loss=`` asks for.

    Examples
    --------
    >>> reading("1 - eval/accuracy")
    Reading(how='1 - ', metric='eval/accuracy')
    """
    text = text.strip()
    how = next((how for how in ("1 - ", "log ") if text.startswith(how)), "")
    return Reading(how, text.removeprefix(how).strip())


def check_at(at: str, runs: list[ToolRun]) -> None:
    """Raise where ``at`` is unknown, or asks for more than the files keep."""
    if at not in get_args(At):
        raise RunsError(f"at={at!r}: it is 'last' (where training ended) or 'best' (the lowest of the run)")
    short = [run.name for run in runs if not run.has_history]
    if at == "best" and short:
        raise RunsError(
            f"at='best': the file keeps the last value of a metric only (run {short[0]!r}); export the runs' history, "
            "or leave at= out"
        )


def check_direction(asked: Reading, runs: list[ToolRun]) -> None:
    """Raise where a score, better when higher, would be taken for a loss."""
    higher = any(asked.metric in run.scores for run in runs) or SCORE.search(asked.metric)
    if higher and asked.how != "1 - ":
        raise RunsError(
            f"loss={asked.text!r}: {asked.metric!r} is better when higher, and a loss is better when lower; "
            f"write loss='1 - {asked.metric}' for a score between 0 and 1, or make an error of it yourself"
        )


def loss_of(run: ToolRun, asked: Reading, at: At) -> Found | None:
    """Return the loss of one run, or None where the run has no finite value of the metric.

    Raises
    ------
    RunsError
        A score is not between 0 and 1, or a perplexity is not above 1.
    """
    values = list(run.metrics.get(asked.metric, ()))
    if not values or not math.isfinite(values[-1]):
        return None
    losses = [_value(value, asked, run.name) for value in values if math.isfinite(value)]
    se = run.standard_errors.get(asked.metric)
    if se is not None and asked.how == "log ":
        se /= values[-1]
    return Found(min(losses) if at == "best" else losses[-1], se)


def nothing_found(runs: list[ToolRun], asked: Reading | None) -> RunsError:
    """Return the error for runs of which none has the loss."""
    metrics = sorted({name for run in runs for name in run.metrics})
    if asked is None:
        return RunsError(f"loss is missing: the file does not say which metric is the loss; {_choose(metrics)}")
    nearest = closest(asked.metric, metrics)
    hint = f"did you mean {nearest!r}? " if nearest and nearest != asked.metric else ""
    return RunsError(f"loss={asked.text!r}: no run has a finite value of {asked.metric!r}; {hint}{_choose(metrics)}")


def _choose(metrics: list[str]) -> str:
    return (
        "name one with loss=NAME, as loss='1 - NAME' if it is a score between 0 and 1, or as loss='log NAME' if it is "
        f"a perplexity; there are {listing(metrics)}"
    )


def _value(value: float, asked: Reading, run: str) -> float:
    if asked.how == "1 - ":
        if not 0 <= value <= 1:
            raise RunsError(
                f"loss={asked.text!r}: {asked.metric!r} of run {run!r} is {value:g}, not between 0 and 1; divide it by "
                "its largest possible value first"
            )
        return 1 - value
    if asked.how == "log ":
        if not value > 1:
            raise RunsError(
                f"loss={asked.text!r}: {asked.metric!r} of run {run!r} is {value:g}, and a perplexity is above 1; "
                f"write loss={asked.metric!r} if it is a loss in nats already"
            )
        return math.log(value)
    return value
