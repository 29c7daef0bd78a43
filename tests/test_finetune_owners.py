"""Owners of runs: processes that die, pids that are used again, machines that fall silent, clocks that are set."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.ledger import Ledger, LostRunError, clock, owners, this_owner
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunResult

GOOD = RunResult("done", {"loss": 2.5})
ELSEWHERE = "other-machine:12:boot-34"


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "study.ledger") as ledger:
        yield ledger


@pytest.fixture
def planned(ledger, fake_run):
    configs = [fake_run(seed) for seed in (3, 1, 2)]
    assert ledger.plan(configs) == 3
    return configs


def only(ledger, run):
    (record,) = ledger.records([run.id])
    return record


def gone_owner() -> str:
    """The owner that a process was which has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = f"{owners.host()}:{child.pid}:{owners.process_start(child.pid)}"
    child.communicate(b"\n")
    return owner


def test_a_run_whose_process_is_gone_is_planned_again_at_once(ledger, planned):
    run, mine = ledger.claim(gone_owner()), ledger.claim(this_owner())
    assert ledger.release_dead() == [run.id]
    assert ledger.claim(this_owner()) == run
    assert only(ledger, mine).attempts == 1 and only(ledger, run).attempts == 2
    assert ledger.release_dead(stale_seconds=-1) == []  # alive: silence says nothing on this machine


def test_a_recycled_pid_does_not_pass_for_the_dead(ledger, planned):
    host, pid, start = this_owner().split(":")
    assert owners.state(f"{host}:{pid}:{start}") == "alive"
    assert owners.state(f"{host}:{pid}:{start}0") == "gone"
    assert owners.state(f"{host}x:{pid}:{start}") == "elsewhere"


def test_a_zombie_is_dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not reaped
    assert owners.process_start(child.pid) is None
    child.wait()


def test_a_run_killed_three_times_is_given_up(ledger, planned):
    for _ in range(3):
        run = ledger.claim(gone_owner(), [planned[0].id])
        assert ledger.release_dead() == [run.id]
    record = only(ledger, run)
    assert (record.status, record.attempts, record.kills) == ("failed", 3, 3)
    assert "given up after 3 tries that ended without a word; the last time its process was killed" in record.error
    assert ledger.retry_failed() == 1 and only(ledger, run).kills == 0


def test_a_run_given_back_is_not_a_kill(ledger, planned):
    for _ in range(5):
        run = ledger.claim("host:1:x", [planned[0].id])
        assert ledger.release(run.id, "host:1:x")
    assert (only(ledger, run).status, only(ledger, run).kills) == ("planned", 0)


def test_runs_elsewhere_are_freed_after_silence(ledger, planned, monkeypatch):
    now = clock.utc_seconds()
    run = ledger.claim(ELSEWHERE)
    monkeypatch.setattr(clock, "utc_seconds", lambda: now + 50)
    assert ledger.release_dead(stale_seconds=60) == []
    assert ledger.beat(run.id, ELSEWHERE, Progress(1, 10, 2.5))
    assert ledger.glances()[0].progress == Progress(1, 10, 2.5)
    monkeypatch.setattr(clock, "utc_seconds", lambda: now + 100)
    assert ledger.release_dead(stale_seconds=60) == []
    monkeypatch.setattr(clock, "utc_seconds", lambda: now + 120)
    assert ledger.release_dead(stale_seconds=60) == [run.id]
    assert not ledger.beat(run.id, ELSEWHERE)
    with pytest.raises(LostRunError, match="it is planned"):
        ledger.finish(run.id, ELSEWHERE, GOOD, wall_seconds=1.0)


def test_a_clock_set_back_neither_frees_the_living_nor_keeps_the_dead(ledger, planned, monkeypatch):
    utc, steady = clock.utc_seconds(), clock.steady()
    run = ledger.claim(ELSEWHERE)
    monkeypatch.setattr(clock, "utc_seconds", lambda: utc - 86400)
    for seconds in (0, 50, 100, 150):  # it beats, by a clock that is a day behind
        monkeypatch.setattr(clock, "steady", lambda s=seconds: steady + s)
        assert ledger.release_dead(stale_seconds=60) == []
        monkeypatch.setattr(clock, "utc_seconds", lambda s=seconds: utc - 86400 + s)
        assert ledger.beat(run.id, ELSEWHERE)
        assert ledger.release_dead(stale_seconds=60) == []
    monkeypatch.setattr(clock, "utc_seconds", lambda: utc - 2 * 86400)  # and again; then it is silent
    monkeypatch.setattr(clock, "steady", lambda: steady + 205)
    assert ledger.release_dead(stale_seconds=60) == []
    monkeypatch.setattr(clock, "steady", lambda: steady + 220)
    assert ledger.release_dead(stale_seconds=60) == [run.id]
