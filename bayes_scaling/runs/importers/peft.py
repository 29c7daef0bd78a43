"""Results of peft's ``method_comparison``: one JSON file is one experiment.

It says method, rank or prompt length, base LLM, seed and samples seen. Its error is one minus the accuracy on the test
set; its only loss is that of training, along one run whose learning rate is still falling. D_f is the samples that
were seen, each of them once.
"""

from pathlib import Path
from typing import Any

from bayes_scaling.runs.importers.adapters import adapter
from bayes_scaling.runs.importers.files import numbers, read_json
from bayes_scaling.runs.importers.recorded import ToolRun

WHAT = "a result of peft's method_comparison"
LOSS = "1 - test accuracy"
SAMPLES = "train samples"


def read(path: Path) -> list[ToolRun]:
    """Read one result.

    Raises
    ------
    RunsError
        The file cannot be read or is another kind of file.
    """
    found = read_json(path, ("run_info", "train_info"), WHAT)
    info, training = found["run_info"], found["train_info"]
    config = info.get("train_config") or {}
    metrics = _metrics(training.get("metrics") or [])
    known = {"method": "full", **adapter(info.get("peft_config") or {})} | {
        "base": config.get("model_id"),
        "seed": config.get("seed"),
        "finetune_size": max(metrics.get(SAMPLES, []), default=None),
    }
    status = str(training.get("status"))
    name = str(info.get("experiment_name") or path)
    return [ToolRun(name, known, {**config, **numbers(training)}, metrics, "" if status == "success" else status)]


def _metrics(history: list[dict[str, Any]]) -> dict[str, list[float]]:
    names = {name for entry in history for name in entry}
    return {
        name: [value for entry in history for value in [numbers(entry).get(name)] if value is not None]
        for name in names
    }
