"""How a command answers: a rich table and its text on a terminal, plain text in a pipe, or JSON."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bayes_scaling.errors import BayesScalingError

if TYPE_CHECKING:
    import pandas as pd


def answer(
    table: "pd.DataFrame",
    text: str,
    *,
    as_json: bool = False,
    output: Path | None = None,
    prob: float | None = None,
    in_text: bool = False,
) -> None:
    """Print a table with its text, and write the table to a file where one is named.

    Parameters
    ----------
    table, text
    as_json : bool
        Print one JSON object instead.
    output : Path, optional
        CSV file for the whole table.
    prob : float, optional
        Probability inside the table's intervals, for their names.
    in_text : bool
        The text shows the table already.
    """
    if output is not None:
        write_csv(table, output)
    if as_json:
        typer.echo(json.dumps({"table": _records(table), "text": text}, allow_nan=False))
        return
    if in_text:
        typer.echo(text)
    else:
        _print_table(table, prob)
        from bayes_scaling.text import paragraph

        typer.echo(f"\n{paragraph(text)}")
    if output is not None:
        typer.echo(f"\nThe table is saved in {output}.")


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write a whole table, with all digits.

    Raises
    ------
    BayesScalingError
        If the file cannot be written.
    """
    try:
        table.to_csv(path, index=False)
    except OSError as error:
        raise BayesScalingError(
            f"cannot write {str(path)!r}: {error.strerror or error}; choose a folder that exists and is writable"
        ) from error


@contextmanager
def stage(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show on stderr that something slow goes on: a bar on a terminal, otherwise one line.

    Yields
    ------
    callable
        ``progress(done, total)``, for :func:`bayes_scaling.fit`; until its first call the bar only pulses.
    """
    if not sys.stderr.isatty():
        typer.echo(f"{what} ...", err=True)
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task(what, total=None)
        attempts = 1

        def report(done: int, total: int) -> None:
            nonlocal attempts
            if done < bar.tasks[row].completed:  # the last attempt did not converge
                attempts += 1
            again = f", attempt {attempts}" if attempts > 1 else ""
            bar.update(row, completed=done, total=total, description=what + again)

        yield report


def _records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    return [{str(k): _plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    """A cell as JSON has it; what is missing or not finite is null."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str) else None


def _print_table(table: "pd.DataFrame", prob: float | None) -> None:
    from bayes_scaling.text import cells, compact, render

    caption, narrow = compact(table, prob)
    if not sys.stdout.isatty():
        typer.echo("\n".join(filter(None, [caption, render(narrow)])))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headers = [str(name).replace("_", " ") for name in narrow.columns]  # words can wrap
    grid = Table(*headers, title=caption or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for row in cells(narrow):
        grid.add_row(*map(Text, row))  # Text: what a cell says is no markup
    Console().print(grid)
