"""What a bad input must get: a table of cases says it, and one function holds every case to it."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayes_scaling.errors import BayesScalingError, RunsError

MOST_LETTERS = 1500  # a person reads it
FOREIGN = re.compile(r"Traceback|np\.\w+\(|pydantic|pyarrow\.lib|site-packages")


@dataclass(frozen=True)
class Refused:
    """One error of the package, with these words in it."""

    words: tuple[str, ...]
    error: type[BayesScalingError] = RunsError

    def holds(self, call: Callable[[], Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                found = call()
            except BayesScalingError as error:
                assert isinstance(error, self.error), f"{type(error).__name__}: {error}"
                told(str(error), self.words)
            else:
                raise AssertionError(f"nothing was said; it gave {found!r}")


@dataclass(frozen=True)
class Warned:
    """One warning with these words in it, and an answer."""

    words: tuple[str, ...]

    def holds(self, call: Callable[[], Any]) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [w.category for w in caught] == [UserWarning], [str(w.message) for w in caught]
        told(str(caught[0].message), self.words)


@dataclass(frozen=True)
class Read:
    """No word, and a table with these columns."""

    columns: dict[str, list[Any]]

    def holds(self, call: Callable[[], Any]) -> None:
        found = call()
        assert isinstance(found, pd.DataFrame)
        assert {name: found[name].tolist() for name in self.columns} == self.columns


def told(message: str, words: tuple[str, ...]) -> None:
    """A message has its words, is short enough to be read and speaks of nothing inside."""
    assert words, "a case says what it must get"
    for word in words:
        assert word in message, f"{word!r} is not in {message!r}"
    assert len(message) <= MOST_LETTERS, f"{len(message)} letters"
    assert not FOREIGN.search(message), message


def refused(*words: str, error: type[BayesScalingError] = RunsError) -> Refused:
    """Short for a :class:`Refused`."""
    return Refused(words, error)


def warned(*words: str) -> Warned:
    """Short for a :class:`Warned`."""
    return Warned(words)


def read(**columns: list[Any]) -> Read:
    """Short for a :class:`Read`."""
    return Read(columns)
