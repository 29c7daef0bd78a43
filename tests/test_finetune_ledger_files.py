"""The ledger's file: strange ones, damaged ones, full disks, many processes."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import Ledger, schema
from bayes_scaling.finetune.runs import RunResult


def result(size: int = 0) -> RunResult:
    return RunResult("done", {"loss": 2.0}, trainer_config={"filling": "x" * size})


def end_all(ledger: Ledger, size: int) -> int:
    """Claim and finish until none is left; how many."""
    number = 0
    while (run := ledger.claim("me:1:x")) is not None:
        ledger.finish(run.id, "me:1:x", result(size), wall_seconds=1.0)
        number += 1
    return number


# --- strange files


def write_text(path):
    path.write_text("study: this is YAML\n" * 100)


def write_other_database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()


def write_newer(path):
    Ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()


def write_damaged(path, fake_run):
    with Ledger(path) as ledger:
        ledger.plan([fake_run(seed) for seed in range(50)])
        end_all(ledger, 1000)
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(content)


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (write_text, "is not a ledger"),
        (write_other_database, "is an SQLite database of something else, not a ledger"),
        (write_newer, f"has ledger version {schema.VERSION + 1}, this program reads version {schema.VERSION}"),
        (write_damaged, "is damaged"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
    ids=["text", "other database", "newer", "damaged", "folder"],
)
def test_a_strange_file_is_told_and_left_as_it_is(tmp_path, fake_run, make, message, read_only):
    path = tmp_path / "study.ledger"
    make(path, fake_run) if make is write_damaged else make(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(LedgerError, match=rf"study\.ledger' {message}"):
        Ledger(path, read_only=read_only)
    assert path.is_dir() or path.read_bytes() == before
    assert os.listdir(tmp_path) == ["study.ledger"]


def test_a_missing_file_is_made_to_write_and_told_to_read(tmp_path):
    path = tmp_path / "study.ledger"
    with pytest.raises(LedgerError, match="there is no such ledger"):
        Ledger(path, read_only=True)
    assert not path.exists()
    Ledger(path).close()
    assert path.exists()
    with pytest.raises(LedgerError, match="is not a folder; make it first"):
        Ledger(tmp_path / "none" / "study.ledger")


def test_an_empty_file_becomes_a_ledger(tmp_path, fake_run):
    path = tmp_path / "study.ledger"
    path.touch()
    with Ledger(path) as ledger:
        assert ledger.plan([fake_run()]) == 1


def test_a_reader_changes_nothing_and_cannot_write(tmp_path, fake_run):
    path = tmp_path / "study.ledger"
    with Ledger(path) as ledger:
        ledger.plan([fake_run()])
    with Ledger(path, read_only=True) as reader:
        assert reader.counts()["planned"] == 1
        with pytest.raises(LedgerError, match="readonly"):
            reader.claim("me:1:x")


# --- several at once


def test_many_may_make_one_ledger_at_the_same_moment(tmp_path, fake_run):
    path, barrier, faults = tmp_path / "study.ledger", threading.Barrier(8), []

    def make(seed: int) -> None:
        barrier.wait()
        try:
            with Ledger(path) as ledger:
                ledger.plan([fake_run(seed)])
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=make, args=(seed,)) for seed in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with Ledger(path) as ledger:
        assert not faults and ledger.counts()["planned"] == 8


HAMMER = """
import sys, time
from contextlib import contextmanager
from bayes_scaling.finetune.ledger import Ledger, this_owner
from bayes_scaling.finetune.ledger.database import Database
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunResult
transaction = Database.transaction
@contextmanager
def leisurely(database):
    with transaction(database) as connection:
        time.sleep(0.001)
        yield connection
    time.sleep(0.01)  # the other one's turn, wherever ours ends
Database.transaction = leisurely
with Ledger(sys.argv[1]) as ledger:
    print("ready", flush=True)
    for go in sys.stdin:
        for _ in range(3):
            run = ledger.claim(this_owner())
            print(run.id, flush=True)
            assert ledger.beat(run.id, this_owner(), Progress(1, 2))
            ledger.finish(run.id, this_owner(), RunResult("done", {"loss": 1.0}), wall_seconds=0.1)
    assert ledger.claim(this_owner()) is None
"""


def test_two_processes_never_get_the_same_run(tmp_path, fake_run):
    path = tmp_path / "study.ledger"
    with Ledger(path) as ledger:
        ledger.plan([fake_run(seed) for seed in range(150)])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    hammers = [subprocess.Popen([sys.executable, "-c", HAMMER, str(path)], **pipes) for _ in range(2)]
    assert [hammer.stdout.readline() for hammer in hammers] == ["ready\n"] * 2
    claimed = []
    for _ in range(25):  # 25 races of both for six runs: neither can have done everything before the other woke
        for hammer in hammers:
            hammer.stdin.write("go\n")
            hammer.stdin.flush()
        claimed += [hammer.stdout.readline().strip() for hammer in hammers for _ in range(3)]
    [hammer.communicate() for hammer in hammers]
    assert [hammer.returncode for hammer in hammers] == [0, 0]
    assert sorted(claimed) == sorted(fake_run(seed).id for seed in range(150))
    with Ledger(path) as ledger:
        assert {record.attempts for record in ledger.records(status="done")} == {1}
        assert ledger.counts()["done"] == 150


WRITER = """
import sys
from bayes_scaling.finetune.ledger import Ledger, this_owner
from bayes_scaling.finetune.runs import RunResult
with Ledger(sys.argv[1]) as ledger:
    ledger.release_dead()
    while (run := ledger.claim(this_owner())) is not None:
        ledger.finish(run.id, this_owner(), RunResult("done", {"loss": 1.0}, [{"step": 1.0}] * 500), wall_seconds=0.1)
        print(run.id, flush=True)
"""


def test_what_was_recorded_survives_kills_at_any_moment(tmp_path, fake_run):
    path, told, draw = tmp_path / "study.ledger", [], random.Random(0)
    with Ledger(path) as ledger:
        ledger.plan([fake_run(seed) for seed in range(5000)])
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        first = writer.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.1))
        writer.kill()
        told += [first, *writer.communicate()[0].splitlines()]
    told = [line.strip() for line in told if len(line.strip()) == 16]
    with Ledger(path, read_only=True) as ledger:
        done = [record.id for record in ledger.records(status="done")]
    assert len(set(told)) == len(told) > 6 and set(told) <= set(done)
    assert len(done) - len(told) <= 6  # each kill may hide one from us, between its commit and its line
