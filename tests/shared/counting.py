"""Chains that are quick and whose draws are known."""

import time
from typing import Any

import numpy as np

from bayes_scaling.models.nuts import BLOCK, Kernel


def counting(waits: float = 0.0) -> Kernel:
    """A chain whose draws are its start and the number of the iteration."""

    def advance(state: tuple[float, int], told: Any, target: float) -> tuple[Any, dict[str, np.ndarray]]:
        time.sleep(waits)
        place, done = state
        iterations = np.arange(done, done + BLOCK, dtype=np.float64)
        z = np.stack([np.full(BLOCK, place), iterations], axis=1)
        return (place, done + BLOCK), {"z": z, "z_grad": z, "n_steps": np.ones(BLOCK)}

    return Kernel(lambda key, place, told: (float(place[0]), 0), advance)  # type: ignore[arg-type, return-value]
