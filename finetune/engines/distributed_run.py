"""One process of a run of several: ``torchrun ... -m bayes_scaling.finetune.engines.distributed_run`` CONFIG RESULT.

Every process executes the run; the one of rank 0 writes progress and result, each whole or not at all. A process
that fails leaves its reason beside the result.
"""

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from bayes_scaling.finetune.engines import EXECUTE
from bayes_scaling.finetune.engines.attempts import load_execute, reason
from bayes_scaling.finetune.ledger import owners
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunConfig

WATCH_SECONDS = 2.0


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bayes_scaling.finetune.engines.distributed_run")
    parser.add_argument("config", type=Path, help="RunConfig as JSON")
    parser.add_argument("result", type=Path, help="where rank 0 writes the RunResult as JSON")
    parser.add_argument("--execute", default=EXECUTE)
    parser.add_argument("--owner", help="process that waits for the result; this one ends with it")
    given = parser.parse_args(arguments)
    if given.owner:
        threading.Thread(target=_end_with, args=(given.owner,), daemon=True).start()
    rank = int(os.environ.get("RANK", "0"))
    progress = given.result.with_name("progress.json")

    def report(now: Progress) -> None:
        if rank == 0:
            write_whole(progress, json.dumps(asdict(now)))

    try:
        config = RunConfig.model_validate_json(given.config.read_text(encoding="utf-8"))
        result = load_execute(given.execute)(config, report)
    except Exception as error:
        write_whole(given.result.with_name(f"{given.result.name}.error.{rank}"), reason(error))
        raise
    if rank == 0:
        write_whole(given.result, json.dumps(asdict(result)))
    _leave_group()
    return 0


def _end_with(owner: str) -> None:
    while owners.state(owner) != "gone":
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _leave_group() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main())
