"""Which optional libraries are there: one clear error before anything runs, and not a traceback in the middle."""

from importlib.util import find_spec

from bayes_scaling.finetune.config import Study
from bayes_scaling.finetune.errors import MissingExtraError

TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
METRICS = {"chrf": "sacrebleu", "rouge_l": "rouge_score"}
PACKAGES = {"rouge_score": "rouge-score"}
"""Names on the package index that differ from those to import."""


def check_study(study: Study) -> None:
    """Check that what a study names beyond the extra ``finetune`` is installed.

    Raises
    ------
    MissingExtraError
        If it is not; the message has the key of the study file and the command that installs it.
    """
    for key, module in _needed(study):
        if not has(module):
            package = PACKAGES.get(module, module)
            raise MissingExtraError(
                f"{key} needs the package {package}, which is not installed: pip install {package}, or change {key}"
            )


def has(module: str) -> bool:
    """Whether a module could be imported; it is not."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _needed(study: Study) -> list[tuple[str, str]]:
    trainings = [study.training_of(method) for method in study.methods]
    trackers = dict.fromkeys(name for training in trainings for name in training.report_to)
    needed = [(f"training.report_to {name!r}", TRACKERS[name]) for name in trackers]
    needed += [(f"metrics {name!r}", METRICS[name]) for name in study.metrics if name in METRICS]
    needed += [("training.quantize 'nf4'", "bitsandbytes")] * any(training.quantize for training in trainings)
    needed += [(f"base {base.name!r}: gguf_file", "gguf") for base in study.bases if base.gguf_file]
    return needed
