"""Splits of a corpus by what must stay together (a help page, a package), without near-duplicates across them."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from near_duplicates import HeldOut
from texts import Record, rank


@dataclass(frozen=True)
class Split:
    """A corpus in three parts, and how many training records were removed as near-duplicates of held-out ones."""

    train: list[Record]
    dev: list[Record]
    test: list[Record]
    removed: int

    @property
    def held_out(self) -> list[Record]:
        """Dev and test."""
        return self.dev + self.test


def split(records: Sequence[Record], group: str, source: str, dev: int, test: int) -> Split:
    """Split records: whole groups in a fixed random order, about ``dev`` and ``test`` records, the rest for training.

    Near-duplicates are looked for in ``source``: of the test set in dev, of both in train.
    """
    by_group: dict[str, list[Record]] = {}
    for record in records:
        by_group.setdefault(record[group], []).append(record)
    order = iter(sorted(by_group, key=lambda name: rank(name, "split")))
    test_set = _filled(by_group, order, test, lambda record: True)
    in_test = HeldOut(record[source] for record in test_set)
    dev_set = _filled(by_group, order, dev, lambda record: not in_test.has(record[source]))
    held_out = HeldOut(record[source] for record in test_set + dev_set)
    rest = [record for name in order for record in by_group[name]]
    train = [record for record in rest if not held_out.has(record[source])]
    return Split(train, dev_set, test_set, len(rest) - len(train))


def _filled(
    by_group: dict[str, list[Record]], order: Iterator[str], size: int, keep: Callable[[Record], bool]
) -> list[Record]:
    found: list[Record] = []
    for name in order:
        found += filter(keep, by_group[name])
        if len(found) >= size:
            return found
    sys.exit(f"only {len(found)} records for a held-out set of {size}; ask for fewer")
