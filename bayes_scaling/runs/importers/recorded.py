"""What every reader returns: one run as its tool recorded it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

NO_NUMBERS: Mapping[str, float] = {}


class ToolRun(NamedTuple):
    """One run of a tool.

    Attributes
    ----------
    name
        What the tool calls it, or its file.
    known
        What the file says in the sense of a runs table: canonical column to value.
    facts
        Everything else that it says of the run, such as its configuration, under the tool's own names.
    metrics
        Metric to its values, first to last; one value where the file keeps no history.
    unfinished
        Why the run is not finished, empty where it is.
    has_history
        Whether ``metrics`` has every evaluation, and not only the last.
    standard_errors
        Metric to the standard error of its last value, where the tool knows one.
    scores
        Metrics that the file calls better when higher.
    """

    name: str
    known: Mapping[str, object]
    facts: Mapping[str, object]
    metrics: Mapping[str, Sequence[float]]
    unfinished: str = ""
    has_history: bool = True
    standard_errors: Mapping[str, float] = NO_NUMBERS
    scores: frozenset[str] = frozenset()
