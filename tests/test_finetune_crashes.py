"""kill -9 in the middle of runs and of ledger writes, disks that fill up, Ctrl-C: every run is done exactly once."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.config import Engine
from bayes_scaling.finetune.engines import run_planned
from bayes_scaling.finetune.engines.smaller import smaller
from bayes_scaling.finetune.errors import EngineError
from bayes_scaling.finetune.ledger import Ledger
from bayes_scaling.finetune.results.export import export_runs

FAKE = """
import os, signal, threading, time
from contextlib import contextmanager
from pathlib import Path
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunResult

FOLDER = Path(__file__).parent

def note(name, config=None):
    with open(FOLDER / name, "a") as file:
        file.write(f"{config.id} {config.seed}\\n" if config else "")

def first_time(name):
    try:
        os.close(os.open(FOLDER / name, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False

def execute(config, report):
    note("begun", config)
    for step in range(3):
        report(Progress(step, 3, 4.0 - step))
        time.sleep(0.02)
    note("executed", config)
    return RunResult("done", {"loss": 2.0 + config.seed / 100}, trainer_config={"much": "x" * 100000})

def die_in_a_run(config, report):
    if config.seed in (2, 5) and first_time(f"died in {config.seed}"):
        note("begun", config)
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(config, report)

def die_in_a_write(config, report):
    result = execute(config, report)
    if config.seed in (2, 5) and first_time(f"died at {config.seed}"):
        die_before_commit()
    return result

def die_before_commit():
    # Die in this thread's next transaction, the run's end, with part of it in the WAL already.
    from bayes_scaling.finetune.ledger.database import Database
    whole = Database.transaction

    @contextmanager
    def cut(self):
        with whole(self) as connection:
            is_end = threading.current_thread() is threading.main_thread()
            if is_end:
                connection.execute("PRAGMA cache_size = 1")  # pages reach the file before the commit
                before = wal_size(self)
            yield connection
            if is_end:
                note(f"{wal_size(self) - before} bytes in the middle")
                os.kill(os.getpid(), signal.SIGKILL)

    Database.transaction = cut

def wal_size(database):
    return os.path.getsize(f"{database.path}-wal")

def always_die(config, report):
    if config.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(config, report)

def strange(config, report):
    if config.seed == 0:
        raise KeyError("no such column")
    if config.seed == 1:
        raise MemoryError("Unable to allocate 8 GiB")
    if config.seed == 2:
        return RunResult("diverged", {"steps": 3.0}, [{"step": 1, "dev_loss": float("nan")}])
    if config.seed == 3:
        return RunResult("done", {"loss": float("nan")})
    if config.seed == 4:
        raise SystemExit(3)
    return execute(config, report)

def fits(config, most):
    with open(FOLDER / "batches", "a") as file:
        file.write(f"{config.seed} {config.training.batch_size} x {config.training.gradient_accumulation}\\n")
    return config.training.batch_size <= most

def needs_room(config, report):
    if config.seed == 0 and not fits(config, 4):
        raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB")
    if config.seed == 1 and not fits(config, 0):
        raise MemoryError("Unable to allocate 8 GiB")
    if config.seed == 2 and not fits(config, 8):
        os.kill(os.getpid(), signal.SIGKILL)
    if config.seed == 3:
        raise RuntimeError("shapes do not match")
    return execute(config, report)

def slow(config, report):
    note("begun", config)
    for step in range(600):
        report(Progress(step, 600))
        time.sleep(0.1)
"""


@pytest.fixture
def study(tmp_path, fake_run, monkeypatch):
    """A ledger with eight runs, and a module of executors that workers can import."""
    (tmp_path / "fakes.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with Ledger(tmp_path / "study.ledger") as ledger:
        ledger.plan([fake_run(seed) for seed in range(8)])
    return tmp_path


def run(study, execute, workers=2, **engine):
    lines = []
    settings = Engine(workers=workers, **engine)
    run_planned(study / "study.ledger", settings, show=lines.append, execute=f"fakes:{execute}")
    return lines


def noted(study, name):
    return sorted(int(line.split()[1]) for line in (study / name).read_text().splitlines())


def assert_each_done_once(study):
    with Ledger(study / "study.ledger") as ledger:
        records = ledger.records()
        assert [record.status for record in records] == ["done"] * 8
        assert [record.measures["loss"] for record in records] == [2.0 + seed / 100 for seed in range(8)]
        return [record.attempts for record in records]


def test_workers_do_everything_once(study):
    lines = run(study, "execute")
    assert assert_each_done_once(study) == [1] * 8
    assert noted(study, "begun") == noted(study, "executed") == list(range(8))
    assert lines[-1].startswith("[8/8] done: ") and len(lines) == 8
    assert run(study, "execute") == []  # nothing is left, nothing is run


def test_kill_9_in_the_middle_of_a_run_twice(study):
    lines = run(study, "die_in_a_run")
    assert assert_each_done_once(study) == [1, 1, 2, 1, 1, 2, 1, 1]
    assert noted(study, "begun") == [0, 1, 2, 2, 3, 4, 5, 5, 6, 7] and noted(study, "executed") == list(range(8))
    killed = [line for line in lines if "was killed by SIGKILL" in line]
    assert len(killed) == 2 and all("the run is planned again" in line for line in killed)


def test_kill_9_in_the_middle_of_a_ledger_write_twice(study):
    run(study, "die_in_a_write")
    assert assert_each_done_once(study) == [1, 1, 2, 1, 1, 2, 1, 1]
    assert noted(study, "executed") == [0, 1, 2, 2, 3, 4, 5, 5, 6, 7]
    assert all(int(file.name.split()[0]) > 50000 for file in study.glob("* bytes in the middle"))
    assert len(list(study.glob("* bytes in the middle"))) > 0  # the kills did hit writes that had begun
    with Ledger(study / "study.ledger") as ledger:
        assert [record.kills for record in ledger.records()] == [0, 0, 1, 0, 0, 1, 0, 0]


def test_a_run_that_kills_its_worker_is_given_up_and_the_others_are_done(study):
    run(study, "always_die")
    with Ledger(study / "study.ledger") as ledger:
        assert ledger.counts() == {"planned": 0, "running": 0, "done": 7, "failed": 1, "diverged": 0}
        (record,) = ledger.records(status="failed")
        assert record.seed == 1 and record.error.endswith(
            "the last time its worker was killed by SIGKILL (out of memory?)"
        )


def batches(study):
    """Batch and accumulation of every attempt, by seed."""
    found = {}
    for line in (study / "batches").read_text().splitlines():
        found.setdefault(int(line[0]), []).append(line[2:])
    return found


def ends(study):
    """Status, error and halvings of the first four runs."""
    with Ledger(study / "study.ledger") as ledger:
        return [(r.status, r.error, r.measures.get("batch_halvings")) for r in ledger.records()[:4]]


def test_out_of_memory_is_retried_in_smaller_batches_where_that_is_asked(study):
    lines = run(study, "needs_room", retry_smaller=5)
    assert batches(study) == {
        0: ["16 x 1", "8 x 2", "4 x 4"],
        1: ["16 x 1", "8 x 2", "4 x 4", "2 x 8", "1 x 16"],
        2: ["16 x 1", "8 x 2"],  # its worker was killed
    }
    (one, two, three, four) = ends(study)
    assert (one, three) == (("done", None, 2.0), ("done", None, 1.0))
    assert two[0] == "failed" and two[1].startswith(
        "out of memory (MemoryError: Unable to allocate 8 GiB) with one example at a time, which cannot be halved; set"
    )
    assert four == ("failed", "RuntimeError: shapes do not match", None)
    assert any("seed 0: out of memory; again with 8 at a time, and as many in a step" in line for line in lines)
    table = export_runs(study / "study.ledger").set_index("seed")["batch_halvings"]
    assert table.dropna().to_dict() == {0: 2.0, 2: 1.0} and len(table) == 6
    with Ledger(study / "study.ledger") as ledger:
        assert [record.config.training.batch_size for record in ledger.records()] == [16] * 8
        assert all(record.config.id == record.id for record in ledger.records())


def test_out_of_memory_is_halved_no_more_often_than_is_asked(study):
    run(study, "needs_room", retry_smaller=1)
    assert batches(study)[0] == ["16 x 1", "8 x 2"]
    assert ends(study)[0] == (
        "failed",
        "out of memory (OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB) with 8 examples at a time, "
        "halved as often as was asked for; raise engine.retry_smaller (1), or set training.gradient_checkpointing, "
        "shorten the texts or take a smaller base",
        None,
    )


def test_out_of_memory_is_not_retried_smaller_where_nobody_asks(study):
    run(study, "needs_room")
    assert batches(study) == {0: ["16 x 1"], 1: ["16 x 1"], 2: ["16 x 1"] * 3}
    assert [status for status, _, _ in ends(study)] == ["failed"] * 4
    assert "set engine.retry_smaller to have that done" in ends(study)[0][1]


@pytest.mark.parametrize(
    ("batch", "processes", "found"), [(12, 1, [6, 3, 1, 1]), (12, 2, [6, 2, 2, 2]), (1, 1, [1] * 4)]
)
def test_smaller_batches_make_the_same_step(fake_run, batch, processes, found):
    config = fake_run(processes=processes, training={"batch_size": batch, "eval_batch_size": 3})
    parts = [smaller(config, times).training for times in range(5)]
    assert parts[0] == config.training and [part.batch_size for part in parts[1:]] == found
    assert {part.batch_size * part.gradient_accumulation for part in parts} == {batch}
    assert all(part.batch_size % processes == 0 and part.eval_batch_size >= 1 for part in parts)


def test_every_way_to_end_is_told(study):
    lines = run(study, "strange")
    with Ledger(study / "study.ledger") as ledger:
        records = ledger.records()
    assert [record.status for record in records] == ["failed", "failed", "diverged", "failed", "failed"] + ["done"] * 3
    assert records[0].error == "KeyError: 'no such column'" and "in strange" in records[0].traceback
    assert records[1].error.startswith(
        "out of memory (MemoryError: Unable to allocate 8 GiB); lower training.batch_size"
    )
    assert records[2].history == [{"step": 1, "dev_loss": None}]
    assert "loss is nan; a done run has finite numbers" in records[3].error
    assert records[4].error == "SystemExit: 3"
    assert all(record.wall_seconds >= 0 and record.versions and record.hardware for record in records)
    assert sum(line.partition("] ")[2].startswith("failed: ") for line in lines) == 4


def test_an_executor_that_cannot_be_loaded_stops_everything_with_its_reason(study):
    with pytest.raises(EngineError, match="cannot load 'fakes:missing' to run runs with: AttributeError"):
        run(study, "missing")
    with Ledger(study / "study.ledger") as ledger:
        assert ledger.counts()["planned"] == 8


# --- the engine itself is stopped

ENGINE = """
import sys
from bayes_scaling.finetune.config import Engine
from bayes_scaling.finetune.engines import run_planned
run_planned(sys.argv[1], Engine(workers=2), show=print, execute="fakes:slow")
"""


def engine_at_work(study):
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(study / "study.ledger")], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: (study / "begun").exists() and len(noted(study, "begun")) == 2)
    with Ledger(study / "study.ledger") as ledger:
        owners = [record.owner for record in ledger.records(status="running")]
    return engine, [int(owner.split(":")[1]) for owner in owners]


def wait_for(happens, seconds=20):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_engine_gives_every_run_back(study, number):
    engine, workers = engine_at_work(study)
    engine.send_signal(number)
    assert "KeyboardInterrupt" in engine.communicate(timeout=20)[1]
    assert not any(map(is_alive, workers))
    with Ledger(study / "study.ledger") as ledger:
        assert ledger.counts()["planned"] == 8
        assert {record.kills for record in ledger.records()} == {0}


def test_the_workers_of_a_killed_engine_stop_and_the_study_goes_on(study):
    engine, workers = engine_at_work(study)
    engine.kill()
    engine.communicate()
    wait_for(lambda: not any(map(is_alive, workers)))
    run(study, "execute")
    assert_each_done_once(study)


def test_two_engines_on_one_ledger_do_every_run_once(study):
    code = ENGINE.replace("fakes:slow", "fakes:execute")
    engines = [subprocess.Popen([sys.executable, "-c", code, str(study / "study.ledger")]) for _ in range(2)]
    assert [engine.wait(30) for engine in engines] == [0, 0]
    assert assert_each_done_once(study) == [1] * 8
    assert noted(study, "executed") == list(range(8))
