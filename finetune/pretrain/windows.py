"""Windows of token ids: which text a step trains on, decided by the seed and the number of the step."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bayes_scaling.finetune.pretrain.tokens import Ids

Block = NDArray[np.int64]


class Windows:
    """Contiguous windows of ``length`` inputs and the ``length`` tokens that follow each.

    Every epoch cuts the text anew at an offset of its own and reads all windows in an order of its own.

    Parameters
    ----------
    ids
        Token ids, shape (tokens,).
    length
        Tokens in a window.
    seed
        Of offsets and orders.
    """

    def __init__(self, ids: Ids, length: int, seed: int) -> None:
        self.ids, self.length, self.seed = ids, length, seed
        self.per_epoch = (len(ids) - 1) // length - 1  # one window's room for the offset
        self._epoch = lru_cache(maxsize=2)(self._drawn)

    def batch(self, step: int, sequences: int) -> Block:
        """Windows of a step, shape (sequences, length + 1): inputs lack the last column, targets the first."""
        return np.stack([self._window(step * sequences + number) for number in range(sequences)])

    def _window(self, number: int) -> Block:
        epoch, place = divmod(number, self.per_epoch)
        offset, order = self._epoch(epoch)
        start = offset + int(order[place]) * self.length
        return self.ids[start : start + self.length + 1].astype(np.int64)

    def _drawn(self, epoch: int) -> tuple[int, Block]:
        random = np.random.default_rng([self.seed, epoch])
        return int(random.integers(self.length)), random.permutation(self.per_epoch)


def in_order(ids: Ids, length: int, sequences: int, most_tokens: int) -> Iterator[Block]:
    """Windows from the start of the ids, none twice, in blocks of at most ``sequences``; for validation."""
    count = max(1, min((len(ids) - 1) // length, most_tokens // length))
    for first in range(0, count, sequences):
        numbers = range(first, min(first + sequences, count))
        yield np.stack([ids[n * length : (n + 1) * length + 1].astype(np.int64) for n in numbers])
