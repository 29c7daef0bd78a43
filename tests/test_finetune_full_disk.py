"""A full disk: told clearly, with the ledger readable and nothing lost that was recorded."""

import shutil
import subprocess

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.config import Engine
from bayes_scaling.finetune.engines.local import run_local
from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import Ledger, LedgerFullError, opening
from bayes_scaling.finetune.runs import RunResult


def result(size: int) -> RunResult:
    return RunResult("done", {"loss": 2.0}, trainer_config={"filling": "x" * size})


def end_all(ledger: Ledger, size: int) -> None:
    while (run := ledger.claim("me:1:x")) is not None:
        ledger.finish(run.id, "me:1:x", result(size), wall_seconds=1.0)


def assert_full_and_readable(path, fake_run, size=4000):
    """Fill a ledger until it says that there is no space; what was recorded must be there for a new reader."""
    recorded = 0
    with Ledger(path) as ledger:
        ledger.plan([fake_run(seed) for seed in range(30)])
        with pytest.raises(LedgerFullError, match=r"no space left for .* Free some space on its disk and run again"):
            while True:
                run = ledger.claim("me:1:x")
                ledger.finish(run.id, "me:1:x", result(size), wall_seconds=1.0)
                recorded += 1
        assert ledger.counts()["done"] == recorded > 0  # readable by the one who has it open
    with Ledger(path, read_only=True) as reader:
        assert reader.counts()["done"] == len(reader.records(status="done")) == recorded
    return recorded


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small tmpfs here; the limits on file sizes below stand in for it")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_and_the_ledger_stays_readable(small_disk, fake_run):
    path = small_disk / "study.ledger"
    recorded = assert_full_and_readable(path, fake_run)
    filler = small_disk / "filler"  # to the last byte, so that not even WAL's index can be made
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    with Ledger(path, read_only=True) as reader:
        assert reader.counts()["done"] == recorded
    with pytest.raises(LedgerError, match="no space left"), Ledger(path) as ledger:
        end_all(ledger, 4000)
    with Ledger(path, read_only=True) as reader:
        assert reader.counts()["done"] >= recorded
    free_space(small_disk)
    with Ledger(path) as ledger:
        ledger.release_all("me:1:x")
        end_all(ledger, 0)
        assert ledger.counts()["done"] == 30


def test_a_file_that_may_not_grow_is_told_as_a_full_disk(tmp_path, fake_run, monkeypatch):
    connected = opening._connected

    def small(path, mode):
        connection = connected(path, mode)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(opening, "_connected", small)
    assert assert_full_and_readable(tmp_path / "study.ledger", fake_run) < 30


# --- a study whose ledger's disk fills up

FAKE = """
from bayes_scaling.finetune.runs import RunResult

def execute(config, report):
    return RunResult("done", {"loss": 2.0}, trainer_config={"filling": "x" * 9000})
"""


def free_space(disk):
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)


@pytest.fixture
def study(small_disk, tmp_path, fake_run, monkeypatch):
    (tmp_path / "filling.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Ledger(small_disk / "study.ledger") as ledger:
        ledger.plan([fake_run(seed) for seed in range(40)])
    return small_disk / "study.ledger"


def test_a_study_on_a_full_disk_ends_with_a_clear_error_and_goes_on_later(study):
    engine, lines = Engine(workers=2), []
    with pytest.raises(
        LedgerError, match=r"no space left for .*study\.ledger.* run again; only what is missing is run"
    ):
        run_local(study, engine, show=lines.append, execute="filling:execute", patience_seconds=0)
    with Ledger(study, read_only=True) as ledger:
        done = ledger.counts()["done"]
        assert 0 < done < 40 and ledger.counts()["failed"] == 0
    free_space(study.parent)
    run_local(study, engine, show=lines.append, execute="filling:execute")
    with Ledger(study) as ledger:
        assert ledger.counts()["done"] == 40
        assert sum(record.attempts for record in ledger.records()) <= 42  # what was recorded was not run again


def test_a_worker_keeps_the_end_of_its_run_until_there_is_space(study):
    lines = []

    def show(line):
        lines.append(line)
        if "waiting for space to record a run: no space left" in line:
            free_space(study.parent)

    run_local(study, Engine(workers=1), show=show, execute="filling:execute", patience_seconds=30)
    assert any("waiting for space" in line for line in lines)
    with Ledger(study) as ledger:
        assert [record.status for record in ledger.records()] == ["done"] * 40
