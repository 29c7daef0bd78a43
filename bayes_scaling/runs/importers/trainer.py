"""``trainer_state.json`` of transformers' ``Trainer``: one file is one run.

It has the history of losses and nothing of what was trained on what. Where the checkpoint beside it is an adapter of
peft, its ``adapter_config.json`` says method, rank and base LLM.

``eval_loss`` is a mean over the evaluation's batches, weighted by their examples: where batches differ in how many
target tokens they have, it is near the mean over tokens and not equal to it.
"""

from pathlib import Path
from typing import Any

from bayes_scaling.runs.importers.adapters import adapter
from bayes_scaling.runs.importers.files import numbers, read_json
from bayes_scaling.runs.importers.recorded import ToolRun

WHAT = "a trainer_state.json of transformers' Trainer"
LOSS = "eval_loss"
ADAPTER = "adapter_config.json"


def read(path: Path) -> list[ToolRun]:
    """Read one ``trainer_state.json``, or the one of a folder.

    Raises
    ------
    RunsError
        The file cannot be read or is another kind of file.
    """
    file = path / "trainer_state.json" if path.is_dir() else path
    state = read_json(file, ("log_history", "global_step"), WHAT)
    config = file.parent / ADAPTER
    known = adapter(read_json(config, ("peft_type",), "peft's adapter_config.json")) if config.is_file() else {}
    return [ToolRun(str(file), known, _facts(state), _metrics(state["log_history"]), _unfinished(state))]


def _facts(state: dict[str, Any]) -> dict[str, object]:
    return {name: value for name, value in state.items() if isinstance(value, str | int | float)}


def _metrics(history: list[dict[str, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for entry in history:
        for name, value in numbers(entry).items():
            found.setdefault(name, []).append(value)
    return found


def _unfinished(state: dict[str, Any]) -> str:
    done, planned = state["global_step"], state.get("max_steps") or 0
    control = (state.get("stateful_callbacks") or {}).get("TrainerControl") or {}
    stopped = (control.get("args") or {}).get("should_training_stop")  # by early stopping, on purpose
    return f"step {done} of {planned}" if done < planned and not stopped else ""
