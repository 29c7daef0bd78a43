"""Fuzz the reader of saved posteriors, guided by the coverage of what reads: storage, xarray, h5netcdf.

    pip install atheris
    python benchmarks/fuzz_posterior.py --seconds 600 --corpus fuzz-corpus --keep fuzz-failures

Starts from tests/data/saved/*.nc and a posterior of four draws. A posterior or an error of the package is right;
anything else is a finding: another exception, a crash of the C library, more than ``HANG`` seconds or ``MEMORY``
megabytes. The process of a finding is lost, its input kept, and another one goes on. Half of the changes are
libFuzzer's own; the others reach what random bytes do not: HDF5's object headers, whose checksum is mended, and the
header of the model and its runs, which stays as long as it was. Exit code 1 says that something was found;
``--again FILE`` reads an input that was kept.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "tests")]

from hdf5_blocks import blocks, mended  # noqa: E402

SAVED = FOLDER.parent / "tests" / "data" / "saved"
READERS = ["bayes_scaling", "h5netcdf", "xarray"]
HANG, MEMORY = 60, 3_000  # seconds of one input, megabytes of the process
MOST = 20  # findings, then it ends
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)
TEXT = re.compile(rb'\{"format": .*?\}\}', re.DOTALL)
SPELT = rb'0123456789-.eE"{}[],: nulltrueNaN\\'


def changed(content: bytes, most: int, number: int, mutate: Any) -> bytes:
    """One change of a file, of one of three kinds."""
    rng = random.Random(number)
    kind = rng.random()
    if kind < 0.35 and (found := blocks(content)):
        block = rng.choice(found)
        spoilt = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            _spoil(spoilt, rng.randrange(block.start + 4, block.end - 4), rng)
        return bytes(mended(spoilt, block))
    if kind < 0.5 and (text := TEXT.search(content)):
        spoilt = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            spoilt[rng.randrange(*text.span())] = rng.choice(SPELT)
        return bytes(spoilt)
    return bytes(mutate(content, most))


def _spoil(content: bytearray, place: int, rng: random.Random) -> None:
    """A byte, or as many as a length or an address has, set to what breaks arithmetic."""
    width = rng.choice((1, 1, 1, 2, 4, 8))
    end = min(place + width, len(content))
    content[place:end] = bytes([rng.choice(NUMBERS) if rng.random() < 0.6 else rng.randrange(256)]) * (end - place)


def fuzz(corpus: Path, keep: Path, seconds: int, number: int) -> None:
    """In a process that ends with the first finding, or when the time is over."""
    import atheris

    with atheris.instrument_imports(include=READERS):
        from bayes_scaling.storage import load_posterior
        from shared.fuzzing import Target, outcome
    target = Target(None, ".nc", load_posterior)  # type: ignore[arg-type]

    def one(content: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-posterior-") as folder:
            outcome(target, content, Path(folder))

    def mutator(content: bytes, most: int, at: int) -> bytes:
        return changed(content, most, at, atheris.Mutate)

    most = max(path.stat().st_size for path in corpus.iterdir()) + 4096
    limits = {"max_total_time": seconds, "timeout": HANG, "rss_limit_mb": MEMORY, "max_len": most, "seed": number}
    options = [f"-{name}={value}" for name, value in limits.items()]
    options += [f"-artifact_prefix={keep}/", "-print_final_stats=1", "-len_control=0", "-detect_leaks=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutator)
    atheris.Fuzz()


def good_files(corpus: Path) -> None:
    """What to begin with, where the corpus has none yet."""
    from make_saved import shorten

    import bayes_scaling as bs
    from shared.posteriors import scattered

    corpus.mkdir(parents=True, exist_ok=True)
    for path in SAVED.glob("*.nc"):
        (corpus / path.name).write_bytes(path.read_bytes())
    runs = bs.load_data("zhang2024_en_zh")
    few = runs[(runs.split == "fit") & runs.base.isin(["1B", "2B"]) & (runs.method == "lora")]
    scattered(few, bs.JointLaw(), chains=2, draws=2).save(corpus / "small.nc")
    shorten(corpus / "small.nc")


def read(path: Path) -> str:
    """How the reader ends with one input; other errors are raised."""
    from bayes_scaling.storage import load_posterior
    from shared.fuzzing import Target, outcome

    with tempfile.TemporaryDirectory() as folder:
        return outcome(Target(None, ".nc", load_posterior), path.read_bytes(), Path(folder))  # type: ignore[arg-type]


def run(corpus: Path, keep: Path, seconds: int, number: int) -> int:
    """One process after another until the time is over; how many findings there were."""
    good_files(corpus)
    keep.mkdir(parents=True, exist_ok=True)
    until, inputs, begun, findings = time.monotonic() + seconds, 0, len(list(corpus.iterdir())), 0
    while (left := int(until - time.monotonic())) > 0 and findings < MOST:
        command = [sys.executable, __file__, "--corpus", str(corpus), "--keep", str(keep), "--seed", str(number)]
        with subprocess.Popen([*command, "--one", str(left)], stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = process.stderr.read()
        inputs += sum(int(n) for n in re.findall(r"stat::number_of_executed_units:\s*(\d+)", said))
        number += 1
        if process.returncode:
            findings += 1
            (keep / f"said-{number}.txt").write_text(said[-20_000:], encoding="utf-8")
            print(f"ended with {process.returncode}: {_why(said)}", flush=True)
    grown = len(list(corpus.iterdir())) - begun
    print(f"{inputs:,} inputs, {inputs / seconds:.1f} a second; corpus {begun} + {grown}; {findings} findings")
    return findings


def _why(said: str) -> str:
    lines = [line for line in said.splitlines() if "ERROR" in line or "Error" in line or "Test unit written" in line]
    return " | ".join(lines[-4:])[:600]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, default=Path("fuzz-corpus"), help="grows, and is gone on with")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for inputs that failed")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 2**31)
    parser.add_argument("--again", type=Path, metavar="FILE", help="read one input that was kept")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.again:
        print(read(asked.again))
    elif find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install atheris")
    elif asked.one:
        fuzz(asked.corpus, asked.keep, asked.one, asked.seed)
    elif run(asked.corpus, asked.keep, asked.seconds, asked.seed):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
