"""An example (a text to read, a text to write) and what it is known by: a digest of its normalised words.

Digests decide everything that must not change from study to study: which examples are held out, which of
those are used, what a seed draws. None of it hangs on the order of rows in a file.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Example:
    """One example: its source (None for plain text), its target, and the group that stays on one side of a split."""

    source: str | None
    target: str
    group: str | None = None

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the normalised source and target: equal for examples that say the same."""
        return digest_of(normalised(self.source or ""), normalised(self.target))

    @property
    def order(self) -> tuple[bytes, str, str, str]:
        """A fixed order: by digest, then by the exact texts."""
        return self.digest, self.source or "", self.target, self.group or ""


@dataclass(frozen=True)
class TaskData:
    """A task's prepared examples.

    Attributes
    ----------
    train, dev, test
        Examples, disjoint by digest, each set in the fixed order of digests. A prefix of ``dev`` or ``test`` is a
        random choice that is the same in every study.
    fingerprint
        SHA-256 of all of them, hexadecimal.
    notes
        What was left out on the way and why, a sentence each.
    """

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


def normalised(text: str) -> str:
    """A text without what does not change its words: Unicode form, case, runs of white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def digest_of(*texts: str) -> bytes:
    """SHA-256 of texts, each with its length before it so that no two lists of texts meet."""
    hasher = hashlib.sha256()
    for text in texts:
        data = text.encode()
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return hasher.digest()


def fingerprint_of(*sets: Iterable[Example]) -> str:
    """SHA-256 of sets of examples in their order, their exact texts and groups."""
    hasher = hashlib.sha256()
    for examples in sets:
        for one in examples:
            marks = f"{one.source is None:d}{one.group is None:d}"
            hasher.update(digest_of(marks, one.source or "", one.target, one.group or ""))
        hasher.update(b"end of set")
    return hasher.hexdigest()
