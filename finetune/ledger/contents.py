"""What a run gave, as the ledger's columns hold it: JSON that any program reads, no NaN in it."""

import json
import math
from dataclasses import asdict
from typing import Any

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunResult


def result_columns(run: str, result: RunResult) -> dict[str, Any]:
    """Columns of a finished run.

    Raises
    ------
    LedgerError
        If the measures of a done run are not finite numbers; those of a diverged run are left out.
    """
    measures = {name: _number(value) for name, value in result.measures.items()}
    strange = [name for name, value in measures.items() if value is None]
    if strange and result.status == "done":
        name = strange[0]
        raise LedgerError(
            f"run {run}: {name} is {result.measures[name]!r}; a done run has finite numbers, "
            "a run whose loss is not finite is diverged"
        )
    history = [{name: _number(value) for name, value in look.items()} for look in result.history]
    return {
        "status": result.status,
        "measures": json.dumps({name: value for name, value in measures.items() if value is not None}),
        "history": json.dumps(history),
        "trainer_config": _strict(result.trainer_config),
        "peak_memory": int(result.peak_memory),
        "tokens": measures.get("tokens"),
        "error": None,
        "traceback": None,
    }


def beat_text(progress: Progress | None) -> str | None:
    """A beat's progress as JSON."""
    if progress is None:
        return None
    return json.dumps({name: _number(value) for name, value in asdict(progress).items()})


def _strict(content: Any) -> str:
    """JSON of whatever a library puts into its configuration: other objects and NaN become their names."""
    return json.dumps(json.loads(json.dumps(content, default=str), parse_constant=str))


def _number(value: Any) -> float | None:
    """A plain number; None where it is not finite, or absent."""
    if value is None:
        return None
    number = float(value)  # numpy's and torch's scalars too
    if not math.isfinite(number):
        return None
    return int(number) if isinstance(value, int) else number
