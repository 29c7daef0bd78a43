"""Changes of slope beyond the measured D_f, a part of them common to the methods of a task.

Methods that are finetuned on the same examples bend together: what the examples past the last measured size hold is the
same for all. So a change of slope there is ``sqrt(SHARE)`` of one that the methods share and ``sqrt(1 - SHARE)`` of one
of their own. A method's own bands do not depend on it, what one method is ahead of another does. The walk that is
shared has its places in log D_f itself, so that methods measured up to different D_f share it where both have left
their data; and whether the law breaks (the tails) is shared whole.
"""

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from bayes_scaling.models import drift
from bayes_scaling.models.layout import Floats

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

SHARE = 0.8  # of the variance; see docs/decisions.md
STEPS = 4  # of the common walk, between two changes of slope


def changes_beyond(posterior: "Posterior", cell: int, side: float, count: int) -> Floats:
    """Changes of slope beyond one end of a cell's measured D_f, shape (S, count).

    See :func:`bayes_scaling.models.drift.beyond`; they depend on the posterior's seed and the names of task and method
    only, and the first are the same however many are asked for.
    """
    task, method = posterior.layout.task[cell], posterior.layout.method[cell]
    draws = posterior.family("E").shape[0]
    of_task, of_cell = (
        np.random.default_rng([posterior.seed, crc32(f"drift\0{name}\0{side:+.0f}".encode())])
        for name in (task, f"{task}\0{method}")
    )
    tails = np.sqrt(drift.BEYOND_DF / of_task.chisquare(drift.BEYOND_DF, draws))
    first = _steps_past_the_nearest(posterior, cell, side)
    walk = of_task.standard_normal((first + STEPS * count, draws))[first:]
    common = walk.reshape(count, STEPS, draws).sum(axis=1) / np.sqrt(STEPS)
    own = of_cell.standard_normal((count, draws))
    return np.asarray((tails * (np.sqrt(SHARE) * common + np.sqrt(1.0 - SHARE) * own)).T)


def _steps_past_the_nearest(posterior: "Posterior", cell: int, side: float) -> int:
    """Steps of the common walk from where the task's first method leaves its data to where this one does."""
    layout = posterior.layout
    edges = side * (layout.log_d0 + layout.drift.edge[:, int(side > 0)])
    of_task = [edge for task, edge in zip(layout.task, edges, strict=True) if task == layout.task[cell]]
    past = float(edges[cell] - min(of_task))
    return int(np.rint(past / drift.BEYOND * STEPS))
