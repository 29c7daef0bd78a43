"""Runs that other tools recorded, as a runs table: one small reader a tool, one way from its runs to a table.

A reader says what its files hold under the files' own names (``recorded.ToolRun``); it needs no library of the tool.
``loss_of`` reads the loss from that, ``naming`` what a path or a run's name says, ``table`` puts the columns together.
"""

from bayes_scaling.runs.importers.importing import import_runs

__all__ = ["import_runs"]
