"""The command line ``bayes-scaling``: the package's verbs on files.

Every command reads files, calls the function of the same name, and prints a table with its text. What is slow
to import (JAX, pandas, ArviZ) is imported inside the commands, so that ``--help`` answers at once.
"""

import gc

from bayes_scaling.cli.app import app
from bayes_scaling.cli.interrupts import ctrl_c_ends

__all__ = ["app", "main"]

SELDOM = (200_000, 50, 1000)  # garbage in cycles: of what importing, tracing and drawing make, hardly any is


def main() -> None:
    """Run the command line."""
    gc.set_threshold(*SELDOM)
    with ctrl_c_ends():
        app(prog_name="bayes-scaling")
