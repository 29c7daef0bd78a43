"""What is left when a process is killed while it writes, and when its cache of compiled programs is damaged."""

import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.whole_file import whole_file
from shared.processes import WRITING, started

SAVED = Path(__file__).parent / "data" / "saved" / "format3.nc"
CACHE, EVERYTHING = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def test_kill_9_in_the_middle_of_a_file_leaves_the_old_one_whole(tmp_path: Path) -> None:
    """What was written lies beside it, and is in nobody's way."""
    path = tmp_path / "file"
    path.write_text("the old file")
    with started("-c", WRITING.format(block="if True:"), path) as process:
        assert process.stdout.readline() == "writing\n"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert path.read_text() == "the old file"
    with whole_file(path) as part:
        part.write_text("the new file")
    assert path.read_text() == "the new file"


SAVING = """
import sys
import bayes_scaling as bs
fit = bs.load_posterior(sys.argv[1])
fit.save(sys.argv[2])
print("saved", flush=True)
while True:
    fit.save(sys.argv[2])
"""


@pytest.mark.numbers
def test_kill_9_at_any_moment_of_saving_leaves_a_posterior(tmp_path: Path) -> None:
    path = tmp_path / "posterior.nc"
    fit = bs.load_posterior(SAVED)
    for seconds in (0.05, 0.3):
        with started("-c", SAVING, SAVED, path) as process:
            assert process.stdout.readline() == "saved\n"
            time.sleep(seconds)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        np.testing.assert_array_equal(bs.load_posterior(path).draws["beta"], fit.draws["beta"])


# --- the cache of compiled programs


ASKING = """
import sys
import bayes_scaling as bs
fit = bs.load_posterior(sys.argv[1])
print(fit.predict(fit.runs)["mean"].sum().hex())
"""


def asked_with(*folders: Path) -> list[str]:
    """What processes at work at one time print, each with its cache of compiled programs."""
    told = []
    with ExitStack() as stack:
        caches = [{CACHE: str(folder), EVERYTHING: "0"} for folder in folders]
        processes = [stack.enter_context(started("-c", ASKING, SAVED, **cache)) for cache in caches]
        for process in processes:
            answer, complaints = process.communicate(timeout=300)
            assert process.returncode == 0, complaints
            told.append(answer)
    return told


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A cache that two processes filled together, and the answer of both."""
    folder = tmp_path_factory.mktemp("cache")
    first, second = asked_with(folder, folder)
    assert first == second and list(folder.iterdir())
    return folder, first


@pytest.mark.numbers
def test_a_damaged_cache_changes_no_number(filled: tuple[Path, str], tmp_path: Path) -> None:
    folder, answer = filled
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    for number, path in enumerate(sorted(path for path in damaged.iterdir() if path.is_file())):
        content = path.read_bytes()
        path.write_bytes((b"", content[: len(content) // 2], b"\0" * len(content))[number % 3])
    assert asked_with(damaged) == [answer]


@pytest.mark.numbers
def test_a_cache_that_cannot_be_written_changes_no_number(filled: tuple[Path, str], tmp_path: Path) -> None:
    """A file where the folder should be; and a folder that nobody may write to, the superuser neither."""
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert asked_with(file, Path("/proc/1/cache")) == [filled[1]] * 2
    assert file.read_text() == "not a folder"
