"""What people see of a running study: bars per run and for the study on a terminal, a line per ended run elsewhere."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bayes_scaling.finetune.ledger import Glance

ENDED = ("done", "failed", "diverged")


class Display:
    """Shows how the runs of a ledger go.

    Parameters
    ----------
    show : callable, optional
        Called with each line, in place of the terminal.
    """

    def __init__(self, show: Callable[[str], None] | None = None):
        console = Console(stderr=True, highlight=False)
        self._bars = Bars(console) if show is None and console.is_terminal else None
        self._show = show or (self._bars.say if self._bars else _print)
        self._ended: set[str] | None = None

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.progress.stop()

    def say(self, line: str) -> None:
        """Show a line."""
        self._show(line)

    def update(self, glances: list[Glance]) -> None:
        """Show what has changed."""
        ended = [glance for glance in glances if glance.status in ENDED]
        seen = {glance.id for glance in ended} if self._ended is None else self._ended
        new = [glance for glance in ended if glance.id not in seen]
        for number, glance in enumerate(new, start=len(ended) - len(new) + 1):
            self.say(f"[{number}/{len(glances)}] {ending(glance)}")
        self._ended = {glance.id for glance in ended}
        if self._bars:
            self._bars.update(glances)


class Bars:
    """Progress bars: the study's, and one for every run that runs."""

    def __init__(self, console: Console):
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
        )
        self.progress = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
        self._study = self.progress.add_task("runs", loss="")
        self._runs: dict[tuple[str, int], TaskID] = {}

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self.progress.console.print(line, markup=False)

    def update(self, glances: list[Glance]) -> None:
        """Move the bars."""
        ended = sum(glance.status in ENDED for glance in glances)
        self.progress.update(self._study, completed=ended, total=len(glances))
        running = {(glance.id, glance.attempts): glance for glance in glances if glance.status == "running"}
        for key in self._runs.keys() - running.keys():
            self.progress.remove_task(self._runs.pop(key))
        for key, glance in running.items():
            if key not in self._runs:
                self._runs[key] = self.progress.add_task(glance.label, total=None, loss="")
            self._move(self._runs[key], glance)

    def _move(self, bar: TaskID, glance: Glance) -> None:
        now = glance.progress
        if now is not None:
            loss = "" if now.dev_loss is None else f"dev {now.dev_loss:.3f}"
            self.progress.update(bar, completed=now.step, total=now.steps, loss=loss)


def ending(glance: Glance) -> str:
    """A line on how a run ended."""
    if glance.status == "failed":
        return f"failed: {glance.label}: {glance.error}"
    loss = "" if glance.loss is None else f", loss {glance.loss:.4f}"
    time = "" if glance.wall_seconds is None else f", {glance.wall_seconds:,.0f} s"
    return f"{glance.status}: {glance.label}{loss}{time}"


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
