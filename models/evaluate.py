"""The law at many rows under many draws, in blocks of bounded memory and one compiled shape."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bayes_scaling.models.joint import law_parameters
from bayes_scaling.models.laws import OWN, Law, LawParameters
from bayes_scaling.models.layout import Floats, Ints, RowArrays
from bayes_scaling.models.precision import in_float64

BLOCK = 128  # rows evaluated at once; 4,000 draws of them take 4 MB
FEW = 8  # rows that are evaluated as a block of their own shape
READ = ("E", "beta", "alpha", "reducible", "data_term", "prelearned")  # families that a law may read


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
        some, of_row = _different(rows.each(itemgetter(block)))
        values = _evaluate(law, families, some)
        yield block, values if of_row is None else values[:, of_row]


def _different(rows: RowArrays) -> tuple[RowArrays, Ints | None]:
    """The few rows that differ in what a law reads, and which of them each row is; all rows where they are many."""
    law_rows = rows._replace(drift=np.zeros((rows.cell.shape[0], 0)))  # what no law reads is not moved about
    _, first, of_row = np.unique(np.column_stack(law_rows), axis=0, return_index=True, return_inverse=True)
    return (law_rows.each(itemgetter(first)), of_row.ravel()) if first.size <= FEW else (law_rows, None)


@in_float64
def _evaluate(law: Law, families: dict[str, Floats], rows: RowArrays) -> Floats:
    n = rows.cell.shape[0]
    padded = rows.each(lambda field: jnp.asarray(np.pad(field, _to_block(field, n), mode="edge")))
    read = {name: jnp.asarray(value) for name, value in families.items() if name in READ or name.startswith(OWN)}
    parameters = law_parameters(read, draws=len(families["E"]))
    return np.asarray(_evaluator(law)(parameters, padded))[:, :n]


def _to_block(field: np.ndarray, n: int) -> list[tuple[int, int]]:
    return [(0, (FEW if n <= FEW else BLOCK) - n)] + [(0, 0)] * (field.ndim - 1)
