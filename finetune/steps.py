"""How long a run is, from its settings alone: optimiser steps, and those between looks at the dev loss. No torch."""

import math

from bayes_scaling.finetune.config import Training

LOOKS = 10
"""Looks at the dev loss in a run, where a study does not say."""


def steps_of(training: Training, finetune_size: int) -> tuple[int, bool]:
    """Optimiser steps of a run, and whether ``max_steps`` cut them."""
    an_epoch = math.ceil(finetune_size / (training.batch_size * training.gradient_accumulation))
    wanted = max(math.ceil(training.epochs * an_epoch), training.min_steps, 1)
    capped = training.max_steps is not None and wanted > training.max_steps
    return (training.max_steps if capped and training.max_steps else wanted), capped


def looks_every(training: Training, steps: int) -> int:
    """Optimiser steps between looks at the dev loss."""
    return training.eval_every or max(1, math.ceil(steps / LOOKS))
