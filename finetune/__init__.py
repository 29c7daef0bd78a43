"""Real finetuning runs: from a study file to a runs table.

The road: a study file (:func:`load_study`) is a grid of runs (:func:`plan`); engines run them and write a ledger;
the ledger is exported as the runs table (:func:`export_runs`) that :func:`bayes_scaling.fit` reads. A ladder of small
bases can be pretrained from nothing (:func:`pretrain_ladder`). Every name is imported on first use, so that importing
this package loads neither torch nor transformers. The extra ``finetune`` installs what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayes_scaling.finetune.config import Study, load_study
    from bayes_scaling.finetune.errors import LedgerError, MissingExtraError, StudyError
    from bayes_scaling.finetune.ledger import Ledger
    from bayes_scaling.finetune.planning.study_plan import plan
    from bayes_scaling.finetune.pretrain import pretrain_ladder
    from bayes_scaling.finetune.results.export import export_runs
    from bayes_scaling.finetune.runs import RunConfig, RunResult

_HOMES = {
    "Ledger": "ledger",
    "LedgerError": "errors",
    "MissingExtraError": "errors",
    "RunConfig": "runs",
    "RunResult": "runs",
    "Study": "config",
    "StudyError": "errors",
    "export_runs": "results.export",
    "load_study": "config",
    "plan": "planning",
    "pretrain_ladder": "pretrain",
}

__all__ = [
    "Ledger",
    "LedgerError",
    "MissingExtraError",
    "RunConfig",
    "RunResult",
    "Study",
    "StudyError",
    "export_runs",
    "load_study",
    "plan",
    "pretrain_ladder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
