"""What happens to a process that is interrupted or killed, and to what it was writing."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling import fitting
from bayes_scaling.cli.interrupts import INTERRUPTED, LINE, NOTHING_KEPT
from bayes_scaling.interruption import AT_WORK
from bayes_scaling.models.nuts import BLOCK, Kernel, NutsSettings, run_nuts
from bayes_scaling.models.stopping import NothingDrawn, Stop
from bayes_scaling.whole_file import whole_file

SAVED = Path(__file__).parent / "data" / "saved" / "format3.nc"
CACHE, EVERYTHING = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
PROMPT = 5.0  # seconds that a busy machine may take to end a process


@pytest.fixture(autouse=True)
def _ctrl_c_as_on_a_terminal() -> Iterator[None]:
    """Behind ``&`` in a script and under nohup SIGINT comes ignored, and child processes take that over."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def started(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this Python that ends with the block."""
    command = [sys.executable, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: subprocess.Popen[str]) -> tuple[int, list[str], float]:
    """Exit code, last lines on stderr and seconds, from SIGINT on."""
    process.send_signal(signal.SIGINT)
    sent = time.perf_counter()
    _, told = process.communicate(timeout=300)
    return process.returncode, told.splitlines(), time.perf_counter() - sent


# --- Ctrl-C


# Bug: raised while XLA traces, compiles or samples, KeyboardInterrupt crashed the process (SIGSEGV), hung it for a
# minute, or waited for every chain to end
@pytest.mark.numbers
@pytest.mark.parametrize("seconds", [0.3, 2.5], ids=["tracing", "compiling or sampling"])
@pytest.mark.parametrize("command", [("fit", "zhang2024_en_zh", "-o"), ("demo", "-o")], ids=["fit", "demo"])
def test_ctrl_c_ends_a_command_at_once_with_one_line(command: tuple[str, ...], seconds: float, tmp_path: Path) -> None:
    with started("-m", "bayes_scaling", *command, tmp_path / "out.nc") as process:
        assert "Fitting" in process.stderr.readline()
        time.sleep(seconds)
        assert process.poll() is None, "the fit ended before it could be interrupted"
        code, lines, took = interrupted(process)
    assert (code, lines) == (INTERRUPTED, [LINE.decode().strip()])
    assert took < PROMPT
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


WRITING = """
import sys, time
from pathlib import Path
from bayes_scaling.cli.interrupts import ctrl_c_ends, ctrl_c_raises
from bayes_scaling.models.stopping import NothingDrawn, Stop
from bayes_scaling.whole_file import whole_file
with ctrl_c_ends(), whole_file(Path(sys.argv[1])) as part:
    part.write_text("half of it")
    try:
        {block}
            print("writing", flush=True)
            time.sleep(60)
    except KeyboardInterrupt:
        print("put in order", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("block", "code", "said", "content"),
    [
        ("if True:", INTERRUPTED, LINE.decode().strip(), "the old file"),
        ("with ctrl_c_raises():", 0, "put in order", "half of it"),
    ],
    ids=["ends", "raises"],
)
def test_ctrl_c_leaves_no_half_written_file(block: str, code: int, said: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("the old file")
    with started("-c", WRITING.format(block=block), path) as process:
        assert process.stdout.readline() == "writing\n"
        found, lines, took = interrupted(process)
    assert (found, lines) == (code, [said]) and took < PROMPT
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"file": content}


def test_a_shell_that_has_ctrl_c_ignored_is_heeded(tmp_path: Path) -> None:
    """As under nohup, or behind ``&`` in a script; the command ends as if nothing had come."""
    script = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + WRITING.format(block="if True:")
    with started("-c", script.replace("sleep(60)", "sleep(0.5)"), tmp_path / "file") as process:
        assert process.stdout.readline() == "writing\n"
        code, lines, _ = interrupted(process)
    assert (code, lines) == (0, []) and (tmp_path / "file").read_text() == "half of it"


def test_no_chain_goes_on_after_an_interruption() -> None:
    """What a notebook sees. Chains that are not told advance by 120 blocks before the error comes out."""
    blocks = 0

    def advance(state: Any, told: Any, target: float) -> tuple[Any, dict[str, np.ndarray]]:
        nonlocal blocks
        blocks += 1
        time.sleep(0.005)
        return state, {"z": np.zeros((BLOCK, 1)), "z_grad": np.zeros((BLOCK, 1)), "n_steps": np.ones(BLOCK)}

    def progress(done: int, total: int) -> None:
        if done == 10 * BLOCK:
            os.kill(os.getpid(), signal.SIGINT)  # raised in the main thread, which waits for the chains

    kernel = Kernel(lambda key, place, told: place, advance)
    with pytest.raises(KeyboardInterrupt):
        run_nuts(kernel, None, np.zeros((4, 1)), NutsSettings(), 0, progress)
    assert blocks < 30


# --- Ctrl-C that keeps the finished draws


def counting(waits: float = 0.0) -> Kernel:
    """A chain whose draws are its start and the number of the iteration."""

    def advance(state: tuple[float, int], told: Any, target: float) -> tuple[Any, dict[str, np.ndarray]]:
        time.sleep(waits)
        place, done = state
        iterations = np.arange(done, done + BLOCK, dtype=np.float64)
        z = np.stack([np.full(BLOCK, place), iterations], axis=1)
        return (place, done + BLOCK), {"z": z, "z_grad": z, "n_steps": np.ones(BLOCK)}

    return Kernel(lambda key, place, told: (float(place[0]), 0), advance)  # type: ignore[arg-type, return-value]


def drawn_until(iterations: int, settings: NutsSettings, stop: Stop | None) -> np.ndarray:
    """Draws of chains that are asked to stop after so many iterations of all together."""

    def progress(done: int, total: int) -> None:
        if stop is not None and done == iterations:
            stop.ask()

    drawn = run_nuts(counting(0.002), None, np.arange(3.0)[:, None], settings, 0, progress, stop=stop)
    return drawn.record["z"]


@pytest.mark.parametrize("thin", [1, 2, 8])
def test_an_interruption_leaves_the_first_draws_of_every_chain(thin: int) -> None:
    settings = NutsSettings(chains=3, warmup=300, draws=2000, thin=thin)
    whole = drawn_until(0, settings, None)
    kept = drawn_until(3 * (300 + 1000), settings, Stop())
    assert whole.shape == (3, 2000, 2) and 0 < kept.shape[1] < 2000
    np.testing.assert_array_equal(kept, whole[:, : kept.shape[1]])
    np.testing.assert_array_equal(drawn_until(0, settings, Stop()), whole)


# --- chains that go on


@pytest.mark.parametrize(("asked", "thin"), [(0, 2), (1, 4), (5, 8)])
def test_chains_go_on_as_often_as_they_are_asked(asked: int, thin: int) -> None:
    """Twice as long each time, every second draw kept, and never beyond the most iterations for each draw."""
    settings, totals, heard = NutsSettings(chains=3, warmup=300, draws=200, thin=2), list[int](), list[int]()

    def more(record: dict[str, np.ndarray], iterations: int) -> bool:
        heard.append(iterations)
        np.testing.assert_array_equal(record["z"][:, :, 1], 300 + np.arange(200)[None] * iterations * np.ones((3, 1)))
        return len(heard) <= asked

    starts = np.arange(3.0)[:, None]
    drawn = run_nuts(counting(), None, starts, settings, 0, lambda done, total: totals.append(total - done), more=more)
    assert drawn.thin == thin and totals[-1] == 0
    assert heard == [2, 4, 8][: len(heard)] and drawn.record["z"].shape == (3, 200, 2)
    np.testing.assert_array_equal(drawn.record["z"][0, :, 1], 300 + thin * np.arange(200))


def test_chains_that_are_stopped_while_they_go_on_keep_what_was_whole() -> None:
    settings, stop = NutsSettings(chains=3, warmup=300, draws=200, thin=2), Stop()

    def progress(done: int, total: int) -> None:
        if done == 3 * (300 + 400) + 100:
            stop.ask()

    starts = np.arange(3.0)[:, None]
    drawn = run_nuts(counting(), None, starts, settings, 0, progress, stop=stop, more=lambda record, thin: True)
    assert drawn.thin == 2
    np.testing.assert_array_equal(drawn.record["z"][0, :, 1], 300 + 2 * np.arange(200))


def test_an_interruption_of_the_warm_up_leaves_nothing() -> None:
    with pytest.raises(NothingDrawn):
        drawn_until(600, NutsSettings(chains=3, warmup=300, draws=1000), Stop())


def test_an_interruption_of_a_repeated_attempt_leaves_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "problems", lambda posterior: ["R-hat 1.2 is above 1.01"])
    saved, tried = bs.load_posterior(SAVED), []

    def sample(attempt: NutsSettings, stop: Stop | None) -> bs.Posterior:
        tried.append(attempt)
        if len(tried) > 1:
            raise NothingDrawn
        return replace(saved, settings=attempt)

    left = fitting._attempts(sample, saved.settings, Stop())
    assert (len(tried), left.number) == (2, 1)
    assert left.posterior.settings == replace(saved.settings, asked=saved.settings.draws)


FIRST_DRAWS = """
import sys
from contextlib import contextmanager
from bayes_scaling.cli import fitting, main
@contextmanager
def stage(what):
    def progress(done, total):
        print(f"{100 * done // total} %", flush=True)
    yield progress
fitting.stage = stage
main()
"""


@pytest.fixture(scope="module")
def few_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One method on several base LLMs: what is drawn by NUTS, and soon compiled."""
    path = tmp_path_factory.mktemp("runs") / "runs.csv"
    runs = bs.load_data("zhang2024_en_zh")
    runs[(runs["split"] == "fit") & (runs["method"] == "lora")].to_csv(path, index=False)
    return path


@pytest.mark.numbers
@pytest.mark.parametrize(
    ("options", "share", "said"),
    [
        (["--keep-on-interrupt"], 50, None),
        (["--keep-on-interrupt"], 1, NOTHING_KEPT.decode().strip()),
        ([], 50, LINE.decode().strip()),
    ],
    ids=["draws", "warm-up", "not asked for"],
)
def test_ctrl_c_keeps_finished_draws_where_that_is_asked(
    options: list[str], share: int, said: str | None, few_runs: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.nc"
    command = ("fit", few_runs, "-o", output, "--warmup", "200", "--draws", "600", *options)
    with started("-c", FIRST_DRAWS, *command) as process:
        shares = (int(line.split()[0]) for line in iter(process.stdout.readline, "") if line.endswith("%\n"))
        assert next((found for found in shares if found >= share), None), process.stderr.read()
        code, told, _ = interrupted(process)
    assert code == INTERRUPTED
    if said is not None:
        assert told == [said] and not list(tmp_path.iterdir())
        return
    assert told[-1].startswith("Interrupted: ") and told[-1].endswith(f"are kept and saved in {output}.")
    assert "warning: the fit was interrupted" in told[-2]
    fit = bs.load_posterior(output)
    assert list(tmp_path.iterdir()) == [output]
    assert fit.settings.asked == 600 > fit.settings.draws == fit.draws["beta"].shape[1] > 0
    of = f"{fit.settings.draws} of 600 draws of each of 4 chains are kept"
    assert of in told[-1] and of in fit.describe()
    (reason,) = fit.check().table.query("check == 'interruption'")["reason"]
    assert of in reason


@pytest.mark.numbers
def test_a_fit_that_keeps_its_draws_returns_them_and_gives_ctrl_c_back(few_runs: Path) -> None:
    def progress(done: int, total: int) -> None:
        if done == total // 2 and done % BLOCK == 0:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.warns(bs.InterruptionWarning, match="of 1000 draws of each of 4 chains are kept; they"):
        fit = bs.fit(bs.load_runs(few_runs), warmup=200, keep_on_interrupt=True, progress=progress)
    assert fit.settings.asked == 1000 and fit.exponents()["ess_bulk"].notna().any()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler and not AT_WORK


@pytest.mark.numbers
def test_a_fit_that_is_interrupted_in_its_warm_up_says_that_nothing_is_kept(few_runs: Path) -> None:
    def progress(done: int, total: int) -> None:
        if done == BLOCK:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="before every chain had finished draws, so there is nothing to keep"):
        bs.fit(bs.load_runs(few_runs), warmup=200, keep_on_interrupt=True, progress=progress)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler and not AT_WORK


# --- kill -9


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
