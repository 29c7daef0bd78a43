"""Feed the readers of runs, study files and saved posteriors with inputs that nobody wrote, for as long as you like.

    python benchmarks/fuzz.py --minutes 60 --keep fuzz-failures

Every target of ``tests/shared/fuzzing.py`` has a process of its own in turn, with new random seeds, so that a crash or
a hang of a library is one too: the input that it was at is kept. What is kept fails again with
``python benchmarks/fuzz.py --again FILE``. Exit code 1 says that something failed. ``benchmarks/fuzz_posterior.py``
lets coverage guide the bytes of a saved posterior.
"""

import argparse
import multiprocessing
import queue
import signal
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings

import bayes_scaling as bs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from shared.fuzzing import Target, outcome, targets
from shared.posteriors import saved

TURN = 20.0  # seconds of a target in one turn
HANG, SILENCE = 60.0, 600.0  # seconds of one input: of the processor, and by the clock
ENDLESS = settings(
    max_examples=10**9,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def good_files(folder: Path) -> tuple[bytes, bytes]:
    """A runs table as Parquet, and a posterior, to spoil."""
    runs = bs.load_data("zhang2024_en_zh")
    runs.head(8).to_parquet(folder / "runs.parquet")
    return (folder / "runs.parquet").read_bytes(), saved(runs, folder).read_bytes()


def all_targets(parquet: bytes, posterior: bytes) -> dict[str, Target]:
    return targets(parquet, posterior, find_spec("pydantic") is not None)


def turn(name: str, files: tuple[bytes, bytes], number: int, place: Path, told: Any) -> None:
    """One target for a while; every input is written down before it is read."""
    target, ends = all_targets(*files)[name], {"read": 0, "refused": 0}
    until = time.monotonic() + TURN
    folder = place / "at"

    @seed(number)
    @settings(ENDLESS)
    @given(content=target.content)
    def go_on(content: bytes) -> None:
        if time.monotonic() > until:
            raise TimeoutError
        folder.mkdir(exist_ok=True)
        (place / "last").write_bytes(content)
        signal.setitimer(signal.ITIMER_PROF, HANG)  # ends the process, whatever it is in
        with tempfile.TemporaryDirectory(dir=folder) as own:
            ends[outcome(target, content, Path(own))] += 1
        told.put(dict(ends))

    try:
        go_on()
    except TimeoutError:
        return
    except BaseException as error:
        told.put(f"{type(error).__name__}: {error}"[:500])
        raise


def watched(name: str, files: tuple[bytes, bytes], number: int, keep: Path) -> tuple[dict[str, int], str | None]:
    """Counts of one turn, and why it failed, if it did."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=turn, args=(name, files, number, Path(folder), told), daemon=True)
        process.start()
        ends, why, heard = {"read": 0, "refused": 0}, None, time.monotonic()
        while process.is_alive() or not told.empty():
            try:
                said = told.get(timeout=1.0)
            except queue.Empty:
                if time.monotonic() - heard > SILENCE:
                    process.kill()
                    why = f"no answer for {SILENCE:.0f} s"
                continue
            heard = time.monotonic()
            why, ends = (said, ends) if isinstance(said, str) else (why, said)
        process.join()
        if process.exitcode and why is None:
            hung = process.exitcode == -signal.SIGPROF
            why = f"it took more than {HANG:.0f} s" if hung else f"the process ended with {process.exitcode}"
        last = Path(folder) / "last"
        if why and last.exists():
            keep.mkdir(parents=True, exist_ok=True)
            kept = keep / f"{name.replace(' ', '_')}-{number}.input"
            kept.write_bytes(last.read_bytes())
            why = f"{why}; kept in {kept}"
    return ends, why


def again(file: Path, files: tuple[bytes, bytes]) -> None:
    """Read an input that was kept, as its name says."""
    name = file.name.rpartition("-")[0].replace("_", " ")
    with tempfile.TemporaryDirectory() as folder:
        print(name, outcome(all_targets(*files)[name], file.read_bytes(), Path(folder)))


def run(files: tuple[bytes, bytes], minutes: float, first_seed: int, keep: Path) -> bool:
    """Turns of all targets until the time is over; whether nothing failed."""
    counts: dict[str, dict[str, int]] = {name: {"read": 0, "refused": 0, "failed": 0} for name in all_targets(*files)}
    until, number = time.monotonic() + 60 * minutes, first_seed
    while time.monotonic() < until:
        for name, count in counts.items():
            if time.monotonic() > until:
                break
            ends, why = watched(name, files, number, keep)
            for end, times in ends.items():
                count[end] += times
            if why:
                count["failed"] += 1
                print(f"{name}, seed {number}: {why}", flush=True)
        number += 1
        print(f"\nafter seed {number - 1}\n{pd.DataFrame(counts).T.to_string()}", flush=True)
    total = pd.DataFrame(counts).sum(axis=1)
    print(f"\n{total['read'] + total['refused']:,} inputs, {total['failed']} failed")
    return bool(total["failed"] == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first turn; by default the time")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for inputs that failed")
    parser.add_argument("--again", type=Path, metavar="FILE", help="read one input that was kept")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = good_files(Path(folder))
    if asked.again:
        again(asked.again, files)
    elif not run(files, asked.minutes, asked.seed, asked.keep):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
