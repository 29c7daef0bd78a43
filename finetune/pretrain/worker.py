"""The process that pretrains one size: its job is a line of JSON on stdin, what it has to say are lines on stdout.

Started by :mod:`bayes_scaling.finetune.pretrain.running` with ``python -m``; not for people.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain.files import locked
from bayes_scaling.finetune.pretrain.ladder import Ladder
from bayes_scaling.finetune.pretrain.tokens import TokenisedCorpus


def main() -> int:
    """Do the job on stdin; 0 where it is done, 1 where an error was told."""
    said, sys.stdout = sys.stdout, sys.stderr  # libraries that print must not break the JSON lines
    job = json.loads(sys.stdin.readline())
    try:
        _pretrain(job, said)
    except StudyError as error:
        _say(said, error=str(error))
        return 1
    return 0


def _pretrain(job: dict[str, Any], said: TextIO) -> None:
    import torch

    from bayes_scaling.finetune.pretrain.one_size import SizeRun, pretrain_size

    ladder = Ladder.model_validate(job["ladder"])
    ladder._file = Path(job["file"])
    torch.set_num_threads(ladder.threads)
    corpus = TokenisedCorpus(**job["corpus"] | {"folder": Path(job["corpus"]["folder"])})
    size, state = ladder.size(job["size"]), Path(job["state"])
    run = SizeRun(ladder, size, corpus, state, job["device"], _Teller(said, job["parent"]))
    with locked(state / f"{size.name}.lock"):  # an orphan of a killed ladder stops within a few steps
        pretrain_size(run, tuple(job["tokens"]))


class _Teller:
    """Tells the parent how far the size is, and stops when the parent is gone."""

    def __init__(self, said: TextIO, parent: int) -> None:
        self._said, self._parent, self._started = said, parent, time.monotonic()

    def steps(self, steps: int, loss: float) -> None:
        if os.getppid() != self._parent:
            raise SystemExit("the process that asked for this size is gone")
        _say(self._said, steps=steps, loss=loss, seconds=time.monotonic() - self._started)

    def skipped(self, steps: int) -> None:
        _say(self._said, skipped=steps)


def _say(said: TextIO, **event: Any) -> None:
    said.write(json.dumps(event) + "\n")
    said.flush()


if __name__ == "__main__":
    sys.exit(main())
