"""Near-duplicates: texts that share half of their word 3-grams (Jaccard), found exactly through an inverted index.

The index holds the 3-grams of the held-out texts; a candidate meets only the held-out texts that it shares a
3-gram with, so 40,000 candidates against 3,000 held-out texts take seconds and no hashing trick is needed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

THRESHOLD = 0.5
WORD = re.compile(r"\w+")

Grams = frozenset[tuple[str, ...]]


def grams(text: str) -> Grams:
    """The word 3-grams of a text, without case or punctuation; a text of one or two words is one gram."""
    words = WORD.findall(text.casefold())
    return frozenset(tuple(words[place : place + 3]) for place in range(max(len(words) - 2, 1)))


class HeldOut:
    """An index of held-out texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._sizes: list[int] = []
        for found in {grams(text) for text in texts}:
            for gram in found:
                self._holders[gram].append(len(self._sizes))
            self._sizes.append(len(found))

    def similarity(self, text: str) -> float:
        """The largest Jaccard similarity of a text to a held-out one."""
        found = grams(text)
        shared = Counter(place for gram in found for place in self._holders.get(gram, ()))
        return max((count / (len(found) + self._sizes[place] - count) for place, count in shared.items()), default=0.0)

    def has(self, text: str) -> bool:
        """Whether a text is a near-duplicate of a held-out one."""
        return self.similarity(text) >= THRESHOLD
