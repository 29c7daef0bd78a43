"""The command line ``bayes-scaling``: the package's verbs on files.

Every command reads files, calls the function of the same name, and prints a table with its text. What is slow
to import (JAX, pandas, ArviZ) is imported inside the commands, so that ``--help`` answers at once.
"""

from bayes_scaling.cli.app import app
from bayes_scaling.cli.interrupts import ctrl_c_ends

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    with ctrl_c_ends():
        app(prog_name="bayes-scaling")
