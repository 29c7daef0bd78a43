"""Results of EleutherAI's lm-evaluation-harness: one JSON file is one LLM on several tasks, one run a task.

A metric is known by its name, such as ``acc`` or ``bits_per_byte``, or with its filter, such as
``exact_match,strict-match``. The file says what the LLM is called and not how it was finetuned.
"""

from pathlib import Path
from typing import Any

from bayes_scaling.runs.importers.files import numbers, read_json
from bayes_scaling.runs.importers.recorded import ToolRun

WHAT = "a results_*.json of lm-evaluation-harness"
STDERR = "_stderr"


def read(path: Path) -> list[ToolRun]:
    """Read one results file.

    Raises
    ------
    RunsError
        The file cannot be read or is another kind of file.
    """
    found = read_json(path, ("results", "config"), WHAT)
    config = found["config"]
    arguments = _arguments(config.get("model_args"))
    base = arguments.get("pretrained") or found.get("model_name")
    facts = {**arguments, **{name: value for name, value in config.items() if isinstance(value, str | int | float)}}
    known = {"base": base} if base else {}
    higher = found.get("higher_is_better") or {}
    return [_task(task, result, known, facts, higher.get(task) or {}) for task, result in found["results"].items()]


def _arguments(given: Any) -> dict[str, Any]:
    """What the LLM was loaded with: an object, or in older files ``name=value,name=value``."""
    if isinstance(given, dict):
        return given
    pairs = [pair.partition("=") for pair in str(given or "").split(",")]
    return {name: value for name, _, value in pairs if value}


def _task(
    task: str, result: dict[str, Any], known: dict[str, Any], facts: dict[str, Any], higher: dict[str, bool | None]
) -> ToolRun:
    values = {name: value for name, value in numbers(result).items() if "," in name}
    metrics = {name: [value] for name, value in values.items() if STDERR not in name}
    errors = {name.replace(STDERR, ""): value for name, value in values.items() if STDERR in name}
    short = {name: name.removesuffix(",none") for name in metrics}
    return ToolRun(
        f"{known.get('base', '?')} on {task}",
        {**known, "task": task},
        facts,
        {short[name]: value for name, value in metrics.items()},
        has_history=False,
        standard_errors={short[name]: errors[name] for name in metrics if name in errors},
        scores=frozenset(short[name] for name in metrics if higher.get(name.partition(",")[0])),
    )
