"""Ending chains before their time, with the draws that they have finished."""

from threading import Event


class NothingDrawn(Exception):
    """The chains were asked to end before each of them had finished draws."""


class Stop:
    """Asks the chains of a fit to end at their next block, from whatever thread.

    Attributes
    ----------
    has_draws : bool
        Whether something would be kept by now; set by who samples.
    """

    def __init__(self) -> None:
        self._asked, self.has_draws = Event(), False

    @property
    def asked(self) -> bool:
        """Whether the chains were asked to end."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask the chains to end."""
        self._asked.set()
