"""Products of thin matrices on one thread.

BLAS splits a product of some millions of multiplications among its threads, which then wait for each other: on a busy
machine for many times as long as the product takes. Slices below its threshold stay where they are.
"""

import numpy as np

from bayes_scaling.models.layout import Floats

MULTIPLICATIONS = 200_000  # OpenBLAS splits a product from 262,144 on


def product(left: Floats, right: Floats) -> Floats:
    """``left @ right`` for matrices, some columns of the right one at a time."""
    found = np.empty((left.shape[0], right.shape[1]))
    columns = max(MULTIPLICATIONS // max(left.size, 1), 1)
    for start in range(0, right.shape[1], columns):
        some = slice(start, start + columns)
        np.matmul(left, right[:, some], out=found[:, some])
    return found
