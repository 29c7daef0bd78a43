"""Dev and test sets split off the training rows, by digest: the same in every study, at every D_f.

Rows are walked in the order of the digest of what must stay together: the group where there is one, else the
normalised source (the target of plain text), so that two rows with one source never part. The test set is taken
from the front and the dev set from the back: neither moves when the other's size changes, and a larger one holds
the smaller one's units.
"""

from collections import defaultdict
from collections.abc import Iterable

from bayes_scaling.finetune.tasks.examples import Example, digest_of, normalised

Unit = list[Example]


def units_of(examples: Iterable[Example]) -> list[Unit]:
    """Examples that must stay together, in the fixed order of their digests."""
    units: dict[bytes, Unit] = defaultdict(list)
    for one in examples:
        units[_unit(one)].append(one)
    return [units[key] for key in sorted(units)]


def split_off(units: list[Unit], size: int, *, back: bool) -> tuple[list[Example], list[Unit]]:
    """Take whole units from one end until there are ``size`` examples; what was taken, and the units left."""
    ordered = units[::-1] if back else units
    taken: list[Example] = []
    number = 0
    while len(taken) < size and number < len(ordered):
        taken += ordered[number]
        number += 1
    left = ordered[number:]
    return taken, left[::-1] if back else left


def _unit(one: Example) -> bytes:
    if one.group is not None:
        return digest_of("group", one.group)
    return digest_of("text", normalised(one.target if one.source is None else one.source))
