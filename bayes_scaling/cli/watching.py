"""``finetune status --watch``: a live table on a terminal, a paragraph at every change in a pipe."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bayes_scaling.cli.interrupts import ctrl_c_raises

if TYPE_CHECKING:
    from rich.console import Group

    from bayes_scaling.finetune.results.status import Standing


def watch(ledger: Path, every: float) -> None:
    """Show how a ledger stands until nothing is left to run in it, or until Ctrl-C.

    Parameters
    ----------
    ledger
        The study's ledger.
    every
        Seconds between looks.
    """
    try:
        with ctrl_c_raises():
            (_live if sys.stdout.isatty() else _plain)(ledger, every)
    except KeyboardInterrupt:
        typer.echo("Stopped watching; the runs go on.", err=True)


def _live(ledger: Path, every: float) -> None:
    from rich.live import Live

    from bayes_scaling.finetune.results.status import standing

    found = standing(ledger)
    with Live(_drawn(found), auto_refresh=False) as screen:
        while found.unfinished:
            time.sleep(every)
            found = standing(ledger)
            screen.update(_drawn(found), refresh=True)


def _plain(ledger: Path, every: float) -> None:
    from bayes_scaling.finetune.results.status import standing

    shown = None
    while True:
        found = standing(ledger)
        counts = found.table.to_csv()
        if counts != shown:
            typer.echo(found.text)
            shown = counts
        if not found.unfinished:
            return
        time.sleep(every)


def _drawn(found: "Standing") -> "Group":
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from bayes_scaling.text import cells

    grid = Table(*map(str, found.table.columns), box=SIMPLE_HEAD, pad_edge=False)
    for row in cells(found.table):
        grid.add_row(*map(Text, row))
    return Group(grid, Text(found.text))
