"""The D_f examples of a run: nested for one seed, different for another."""

import hashlib
from collections.abc import Sequence

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.tasks.examples import Example


def subset(train: Sequence[Example], size: int, seed: int) -> tuple[Example, ...]:
    """Draw D_f examples.

    Parameters
    ----------
    train : sequence of Example
        The training examples in their fixed order, as :func:`load_task` gives them.
    size : int
        D_f.
    seed : int
        Each seed is an order of all training examples of its own; the subset is its first ``size``. So a smaller
        D_f lies inside a larger one.

    Returns
    -------
    tuple of Example
        Of length ``size``.

    Raises
    ------
    StudyError
        If there are fewer examples than asked.
    """
    if not 0 < size <= len(train):
        raise StudyError(
            f"finetune_sizes: D_f {size:,} cannot be drawn from the {len(train):,} training examples; "
            f"use D_f from 1 to {len(train):,}, or give more text"
        )
    key = f"subset {seed}".encode()
    places = sorted(range(len(train)), key=lambda place: _rank(key, train[place], place))
    return tuple(train[place] for place in places[:size])


def _rank(key: bytes, one: Example, place: int) -> tuple[bytes, int]:
    return hashlib.sha256(key + one.digest).digest(), place
