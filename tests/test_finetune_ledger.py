"""The ledger: a run's way from planned to its end, who may do what to it, and what is remembered of it."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import asdict

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import Ledger, LostRunError, surroundings, this_owner
from bayes_scaling.finetune.ledger.surroundings import commit
from bayes_scaling.finetune.runs import RunResult

GOOD = RunResult(
    "done",
    {"loss": 2.5, "loss_se": 0.1, "tokens": 900.0, "steps": 40},
    [{"step": 10, "dev_loss": 3.0}, {"step": 20, "dev_loss": 2.6}],
    {"trainer": {"lr": 5e-4, "odd": float("nan"), "kind": {1}.__class__}, "peft": None},
    123456,
)


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


# --- planning and claiming


def test_planning_twice_adds_nothing(ledger, planned, fake_run):
    assert ledger.plan(planned) == 0
    assert ledger.plan([*planned, fake_run(9), fake_run(9)]) == 1
    assert ledger.counts() == {"planned": 4, "running": 0, "done": 0, "failed": 0, "diverged": 0}


def test_runs_are_claimed_in_planned_order_and_once(ledger, planned):
    claimed = [ledger.claim("host:1:x") for _ in range(4)]
    assert claimed == [*planned, None]
    assert {record.attempts for record in ledger.records()} == {1}


def test_only_the_ids_asked_for_are_claimed(ledger, planned):
    assert ledger.claim("host:1:x", [planned[2].id]) == planned[2]
    assert ledger.claim("host:1:x", [planned[2].id]) is None
    assert ledger.claim("host:1:x", []) is None
    assert ledger.counts([planned[2].id])["running"] == 1


def test_planning_again_tells_where_things_lie_now_and_leaves_ended_runs_alone(ledger, planned, fake_run):
    done = ledger.claim("host:1:x")
    ledger.finish(done.id, "host:1:x", GOOD, wall_seconds=1.0)
    moved = [fake_run(run.seed, base={"path": "/elsewhere/small"}, study="new name") for run in planned]
    assert [run.id for run in moved] == [run.id for run in planned]
    assert ledger.plan(moved) == 0
    assert [record.config.base.path for record in ledger.records()] == ["/bases/small"] + ["/elsewhere/small"] * 2
    assert len(ledger.records(study="new name")) == 2
    assert ledger.claim("host:1:x") == moved[1]


def test_a_run_planned_by_another_version_fails_with_its_reason(ledger, planned):
    with sqlite3.connect(ledger.path) as connection:
        changed = json.loads(planned[0].model_dump_json()) | {"finetune_size": 7}
        connection.execute("UPDATE runs SET config = ? WHERE id = ?", (json.dumps(changed), planned[0].id))
        connection.execute("UPDATE runs SET config = '{}' WHERE id = ?", (planned[1].id,))
    connection.close()
    assert ledger.claim("host:1:x") == planned[2]
    for run in planned[:2]:
        assert only(ledger, run).status == "failed"
        assert f"run {run.id} was planned by another version" in only(ledger, run).error


# --- ends


def test_a_finished_run_tells_everything(ledger, planned):
    run = ledger.claim(this_owner())
    around = surroundings(threads=2)
    ledger.finish(run.id, this_owner(), GOOD, wall_seconds=12.5, cost=0.25, surroundings=around)
    record = only(ledger, run)
    assert record.config == run and record.config_content == json.loads(run.model_dump_json())
    assert (record.study, record.purpose, record.label, record.seed) == ("fake", "measure", run.label, 3)
    assert (record.status, record.attempts, record.kills, record.owner, record.error) == ("done", 1, 0, None, None)
    assert record.measures == GOOD.measures and record.history == GOOD.history
    assert record.trainer_config == {"trainer": {"lr": 5e-4, "odd": "NaN", "kind": "<class 'set'>"}, "peft": None}
    assert (record.wall_seconds, record.peak_memory, record.tokens, record.cost) == (12.5, 123456, 900.0, 0.25)
    assert {"python", "torch", "transformers", "peft", "accelerate", "datasets", "tokenizers", "bayes_scaling"} == set(
        record.versions
    )
    assert record.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(record.hardware) == {"system", "machine", "cpu", "cores", "threads", "memory", "gpus"}
    assert record.hardware["threads"] == 2 and record.hardware["memory"] > 1e8
    assert record.git is None or set(record.git) == {"commit", "dirty"}
    assert record.created <= record.started <= record.finished and record.finished.endswith("+00:00")


def test_the_commit_is_that_of_tracked_code(tmp_path):
    file = tmp_path / "code.py"
    file.write_text("1")

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    look = commit.__wrapped__
    git("init")
    assert look(file) is None  # in a repository, but not of it, as an environment in a project's folder is
    git("add", "code.py")
    git("commit", "-m", "first")
    assert look(file) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    file.write_text("2")
    assert look(file)["dirty"]


def test_no_environment_variable_reaches_the_ledger(ledger, planned, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    run = ledger.claim(this_owner())
    ledger.finish(run.id, this_owner(), GOOD, wall_seconds=1.0, surroundings=surroundings())
    text = json.dumps(asdict(only(ledger, run)))
    assert "hf_very_secret" not in text and os.environ["PATH"] not in text


def test_a_run_ends_once_and_only_by_its_owner(ledger, planned):
    run = ledger.claim("host:1:x")
    with pytest.raises(LostRunError, match=rf"run {run.id} is not host:2:y's to finish: it is running by host:1:x"):
        ledger.finish(run.id, "host:2:y", GOOD, wall_seconds=1.0)
    with pytest.raises(LostRunError, match="running by host:1:x"):
        ledger.fail(run.id, "host:2:y", "no")
    assert not ledger.beat(run.id, "host:2:y") and not ledger.release(run.id, "host:2:y")
    ledger.finish(run.id, "host:1:x", GOOD, wall_seconds=1.0)
    for again in (
        lambda: ledger.finish(run.id, "host:1:x", GOOD, wall_seconds=9.0),
        lambda: ledger.fail(run.id, "host:1:x", "no"),
    ):
        with pytest.raises(LostRunError, match="it is done"):
            again()
    assert only(ledger, run).wall_seconds == 1.0
    with pytest.raises(LostRunError, match="not in this ledger"):
        ledger.finish("0" * 16, "host:1:x", GOOD, wall_seconds=1.0)


def test_a_diverged_run_is_recorded_as_such(ledger, planned):
    run = ledger.claim("host:1:x")
    history = [{"step": 1, "train_loss": 3.0}, {"step": 2, "train_loss": float("nan")}]
    ledger.finish(
        run.id, "host:1:x", RunResult("diverged", {"loss": float("inf"), "steps": 2}, history), wall_seconds=1.0
    )
    record = only(ledger, run)
    assert record.status == "diverged" and record.measures == {"steps": 2}
    assert record.history == [{"step": 1, "train_loss": 3.0}, {"step": 2, "train_loss": None}]
    assert ledger.retry_failed() == 0


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_done_run_has_finite_numbers(ledger, planned, loss):
    run = ledger.claim("host:1:x")
    with pytest.raises(LedgerError, match=f"loss is {loss}; a done run has finite numbers"):
        ledger.finish(run.id, "host:1:x", RunResult("done", {"loss": loss}), wall_seconds=1.0)
    assert only(ledger, run).status == "running"


def test_failed_runs_are_run_again_on_request_only(ledger, planned):
    first, second = ledger.claim("host:1:x"), ledger.claim("host:1:x")
    for run in (first, second):
        ledger.fail(run.id, "host:1:x", "KeyError: 'x'", traceback="Traceback ...", wall_seconds=3.0)
    record = only(ledger, first)
    assert (record.status, record.error, record.traceback) == ("failed", "KeyError: 'x'", "Traceback ...")
    assert ledger.claim("host:1:x") == planned[2] and ledger.claim("host:1:x") is None
    assert ledger.retry_failed([first.id]) == 1
    assert ledger.claim("host:1:x") == first
    assert (only(ledger, first).error, only(ledger, first).attempts) == (None, 2)
    assert only(ledger, second).status == "failed"
