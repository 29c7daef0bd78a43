"""What a running run says of itself, to whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run is: optimiser steps done, of how many, and the last dev loss in nats per target token."""

    step: int
    steps: int
    dev_loss: float | None = None


Report = Callable[[Progress], None]
"""Called every so often while a run runs; may raise to stop it."""
