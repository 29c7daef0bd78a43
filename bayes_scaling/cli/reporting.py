"""``report``: the whole posterior as one page."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_scaling.cli import options


def report(
    source: options.PosteriorFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.html", help="Where to write the page.")
    ] = Path("report.html"),
) -> None:
    """One self-contained HTML page: what was fitted, can it be trusted, bands and choices at any sizes."""
    from bayes_scaling.storage import load_posterior

    load_posterior(source).report(output)
    typer.echo(f"The report is saved in {output}.")
