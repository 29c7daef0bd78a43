"""Ctrl-C ends a fit at once with one line; where that is asked, the finished draws are kept."""

import os
import signal
import time
from collections.abc import Iterator
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
from shared.counting import counting
from shared.processes import WRITING, interrupted, started

SAVED = Path(__file__).parent / "data" / "saved" / "format3.nc"
PROMPT = 5.0  # seconds that a busy machine may take to end a process


@pytest.fixture(autouse=True)
def _ctrl_c_as_on_a_terminal() -> Iterator[None]:
    """Behind ``&`` in a script and under nohup SIGINT comes ignored, and child processes take that over."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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


# --- draws that are kept


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
        (["--keep-on-interrupt"], 75, None),
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
