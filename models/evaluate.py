"""The law at many rows under many draws, in blocks of bounded memory and one compiled shape."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.models.joint import law_parameters
from bayes_scaling.models.laws import Law, LawParameters
from bayes_scaling.models.layout import Floats, RowArrays
from bayes_scaling.models.precision import in_float64

BLOCK = 128  # rows evaluated at once; 4,000 draws of them take 4 MB


@lru_cache(maxsize=8)
def _evaluator(law: Law) -> Callable[[LawParameters, RowArrays], Array]:
    return jax.jit(jax.vmap(law.log_mean, in_axes=(0, None)))


def log_mean_blocks(law: Law, families: dict[str, Floats], rows: RowArrays) -> Iterator[tuple[slice, Floats]]:
    """Log of the law's expected loss, a block of rows at a time.

    Parameters
    ----------
    law : Law
    families : dict of arrays, shape (S, length)
        Draws with the chains joined.
    rows : RowArrays, n rows

    Yields
    ------
    slice, float array of shape (S, rows in the block)
    """
    n = rows.cell.shape[0]
    for start in range(0, n, BLOCK):
        block = slice(start, min(start + BLOCK, n))
        yield block, _evaluate(law, families, rows.each(itemgetter(block)))


@in_float64
def _evaluate(law: Law, families: dict[str, Floats], rows: RowArrays) -> Floats:
    n = rows.cell.shape[0]
    law_rows = rows._replace(drift=np.zeros((n, 0)))  # what no law reads is not moved about
    padded = law_rows.each(lambda field: jnp.asarray(np.pad(field, _to_block(field, n), mode="edge")))
    parameters = law_parameters(
        {name: jnp.asarray(value) for name, value in families.items()}, draws=len(families["E"])
    )
    return np.asarray(_evaluator(law)(parameters, padded))[:, :n]


def _to_block(field: np.ndarray, n: int) -> list[tuple[int, int]]:
    return [(0, BLOCK - n)] + [(0, 0)] * (field.ndim - 1)
