"""Progress lines of a ladder."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Show = Callable[[str], None]

SHORTEST, LONGEST, SHARE = 5.0, 60.0, 0.05
"""A size says something after this many seconds at least, this many at most, and at this share of its work."""


@dataclass
class SizeProgress:
    """How far a size is.

    Attributes
    ----------
    name
        Of the size.
    steps
        Of the optimiser, all that are to be done in this call.
    batch_tokens
        Tokens in a step.
    show
        Takes a line of text.
    """

    name: str
    steps: int
    batch_tokens: int
    show: Show
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    said_at: float = field(default_factory=time.monotonic)
    said_done: int = 0

    def hear(self, event: dict[str, Any]) -> None:
        """Take note of what the size's process says."""
        if "steps" in event:
            self.look(**event)
        self.steps -= event.get("skipped", 0)  # an earlier call did them

    def look(self, steps: int, loss: float, seconds: float) -> None:
        """Take note of steps done; say so if it is time."""
        self.done += steps
        silent = time.monotonic() - self.said_at
        if self.done == self.steps or silent > LONGEST or (silent > SHORTEST and self._share_done()):
            speed = self.done * self.batch_tokens / max(seconds, 1e-9)
            left = (self.steps - self.done) * self.batch_tokens / speed
            share = self.done / max(self.steps, 1)
            self.show(f"{self.name}: {share:.0%}, loss {loss:.3f}, {speed:,.0f} tokens/s, {duration(left)} left")
            self.said_at, self.said_done = time.monotonic(), self.done

    def _share_done(self) -> bool:
        return self.done - self.said_done >= SHARE * self.steps


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
