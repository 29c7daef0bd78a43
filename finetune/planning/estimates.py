"""How long runs will take: from those that are finished, and from a few timed steps where none is.

A run's *work* is counted in examples: those it is trained on, and a third of those it is evaluated on, since an
evaluation has no backward pass. Seconds per unit of work belong to a base and a method; the task's texts set the
length.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import NamedTuple

from bayes_scaling.finetune.runs import RunConfig
from bayes_scaling.finetune.steps import looks_every, steps_of

FORWARD = 1 / 3
"""Share of a training step's time that its forward pass takes, which is all of an evaluation."""

Estimate = Callable[[RunConfig], float | None]
"""Seconds that a run will take, or None where nothing is known."""


class Timed(NamedTuple):
    """A finished run: its configuration, optimiser steps made, and seconds."""

    config: RunConfig
    steps: float
    seconds: float


def run_steps(config: RunConfig) -> int:
    """Optimiser steps of a run that is not stopped early."""
    return steps_of(config.training, config.finetune_size)[0]


def step_examples(config: RunConfig) -> int:
    """Examples in one optimiser step; at most D_f."""
    training = config.training
    return min(training.batch_size * training.gradient_accumulation, config.finetune_size)


def examples_trained(config: RunConfig) -> float:
    """Examples that a run is trained on, each as often as it is seen."""
    training = config.training
    whole = max(training.epochs * config.finetune_size, training.min_steps * step_examples(config))
    return min(whole, run_steps(config) * step_examples(config))


def work(config: RunConfig, steps: float | None = None) -> float:
    """Work of a run in examples trained on.

    Parameters
    ----------
    config
    steps
        Optimiser steps that it really made, where it was stopped early.
    """
    planned = run_steps(config)
    made = planned if steps is None else min(steps, planned)
    share = made / planned
    looks = share * planned / looks_every(config.training, planned)
    evaluated = looks * config.task.dev_examples
    if config.purpose == "measure":
        others = sum(task.test_examples for task, _ in config.zero_shot)
        evaluated += 2 * (config.task.test_examples + others)  # before finetuning and after
    return share * examples_trained(config) + FORWARD * evaluated


def from_finished(runs: Iterable[Timed]) -> Estimate:
    """Estimate by the median pace of finished runs of one base, method and task, or else of one base and method."""
    paces: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for run in runs:
        pace = run.seconds / work(run.config, run.steps)
        for key in _keys(run.config):
            paces[key].append(pace)
    known = {key: median(values) for key, values in paces.items()}

    def estimate(config: RunConfig) -> float | None:
        pace = next((known[key] for key in _keys(config) if key in known), None)
        return None if pace is None else pace * work(config)

    return estimate


def from_steps(seconds: Mapping[tuple[str, str], float], timed: Mapping[tuple[str, str], RunConfig]) -> Estimate:
    """Estimate by timed optimiser steps of (base, method).

    Parameters
    ----------
    seconds
        Of one step, by (base, method).
    timed
        The run whose steps were timed.
    """

    def estimate(config: RunConfig) -> float | None:
        key = (config.base.name, config.method.name)
        return seconds[key] / step_examples(timed[key]) * work(config) if key in seconds else None

    return estimate


def first_known(*estimates: Estimate) -> Estimate:
    """The first estimate that knows."""
    return lambda config: next((found for ask in estimates if (found := ask(config)) is not None), None)


def duration(seconds: float | None) -> str:
    """Seconds as people say them.

    Examples
    --------
    >>> [duration(s) for s in (None, 0.4, 42, 600, 9000, 200_000)]
    ['-', '1 s', '42 s', '10 min', '2.5 h', '2.3 days']
    """
    if seconds is None:
        return "-"
    if seconds < 99.5:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def _keys(config: RunConfig) -> tuple[tuple[str, ...], ...]:
    base, method = config.base.name, config.method.name
    return (base, method, config.task.name), (base, method)
