"""The choice of a learning rate: the one with the lowest dev loss of those tried, and whether it sits at the edge."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from bayes_scaling.finetune.errors import StudyError


class Rate(NamedTuple):
    """A learning rate.

    Attributes
    ----------
    value
        What runs are trained with.
    at_edge
        Whether it is the smallest or largest one tried, so that a better one may lie outside; None if not tuned.
    """

    value: float
    at_edge: bool | None


class Tried(NamedTuple):
    """What the ledger knows of a run that tries a learning rate.

    Attributes
    ----------
    status
        planned, running, done, failed or diverged.
    dev_loss
        Its lowest dev loss, nats per target token; None where it has none.
    """

    status: str
    dev_loss: float | None


def chosen(where: str, tries: Mapping[float, Tried | None]) -> Rate | None:
    """The learning rate with the lowest dev loss, the smaller one of two that tie.

    Parameters
    ----------
    where
        Task and method, for the message.
    tries
        Every learning rate of the grid, with what is known of its run.

    Returns
    -------
    Rate or None
        None while a run is not finished; a failed one is not (retry it).

    Raises
    ------
    StudyError
        If every learning rate diverged.
    """
    losses = {rate: _loss(tried) for rate, tried in sorted(tries.items())}
    finished = {rate: loss for rate, loss in losses.items() if loss is not None}
    if len(finished) < len(losses):
        return None
    best = min(finished, key=finished.__getitem__)
    if math.isinf(finished[best]):
        raise StudyError(
            f"{where}: training diverged at every learning rate of the grid {[float(rate) for rate in finished]}; "
            "add smaller ones to 'learning_rate.grid'"
        )
    return Rate(best, best in (min(finished), max(finished)))


def _loss(tried: Tried | None) -> float | None:
    """Dev loss of a finished run, infinite where it diverged; None for a run that is not finished."""
    if tried is None or tried.status not in ("done", "diverged"):
        return None
    if tried.status == "diverged" or tried.dev_loss is None or math.isnan(tried.dev_loss):
        return math.inf
    return tried.dev_loss
