"""Indexing with indices known before compilation.

The gradient of a gather is a scatter, which XLA runs element by element on a CPU. For the small tables that people
own, a product with a one-hot matrix is many times faster; large ones keep the gather and its memory.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

ONE_HOT_LIMIT = 2**18  # entries of the one-hot matrix; above it, gather


def take(values: Array, index: object) -> Array:
    """``values[index]`` for a vector; ``index`` of any shape, a NumPy array where it is known in advance."""
    if not isinstance(index, np.ndarray) or index.size * values.shape[0] > ONE_HOT_LIMIT:
        return values[jnp.asarray(index)]
    return jnp.asarray(np.eye(values.shape[0])[index]) @ values


def sums(values: Array, index: np.ndarray, n: int) -> Array:
    """Sums of the values that share an index, shape (n,): :func:`take`, transposed."""
    if index.size * n > ONE_HOT_LIMIT:
        return jnp.zeros(n).at[jnp.asarray(index)].add(values)
    return values @ jnp.asarray(np.eye(n)[index])


def assemble(parts: Sequence[Array], indices: Sequence[tuple[int, ...]]) -> Array:
    """One vector from parts, where ``indices`` say where each part's elements stand."""
    order = np.concatenate([np.asarray(index, dtype=np.int64) for index in indices])
    values = jnp.concatenate(list(parts)) if len(parts) > 1 else parts[0]
    return values if np.array_equal(order, np.arange(order.size)) else take(values, np.argsort(order))
