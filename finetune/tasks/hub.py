"""Rows of a data set on the hub, through ``datasets``, which is imported only when one is named."""

import importlib
from typing import Any

from bayes_scaling.finetune.config.parts import HubDataset
from bayes_scaling.finetune.errors import MissingExtraError, StudyError
from bayes_scaling.finetune.tasks.reading import Rows


def read_hub_rows(hub: HubDataset, split: str) -> Rows:
    """Rows of one split of a data set.

    Raises
    ------
    MissingExtraError
        If ``datasets`` is not installed.
    StudyError
        If the data set or the split cannot be had.
    """
    library = _library()
    try:
        rows = library.load_dataset(hub.id, hub.config, split=split, revision=hub.revision)
    except Exception as error:  # the library raises its own, its backends' and the network's errors
        reason = " ".join(str(error).split())[:300]
        raise StudyError(
            f"split {split!r} of data set {hub.id!r} cannot be had: {reason}; check id, config, revision and the "
            "network, or give local files"
        ) from None
    for number, row in enumerate(rows, start=1):
        yield f"{hub.id!r}, {split}, row {number}", row


def _library() -> Any:
    try:
        return importlib.import_module("datasets")
    except ImportError:
        raise MissingExtraError(
            "a task with 'hub' needs the library datasets: pip install 'bayes_scaling[finetune]', or give local files"
        ) from None
