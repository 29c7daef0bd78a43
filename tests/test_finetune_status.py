"""How a study stands, told from its ledger; and estimates of time. No torch needed."""

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.config import Base, Method, Task, Training
from bayes_scaling.finetune.ledger import Ledger, this_owner
from bayes_scaling.finetune.planning import estimates
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.results import status
from bayes_scaling.finetune.runs import RunConfig, RunResult
from bayes_scaling.finetune.steps import looks_every, steps_of

TASK = Task(name="translate", train="/t.jsonl", source="a", target="b", dev_examples=60, test_examples=90)


def config(finetune_size: int = 160, method: str = "full", **changes: Any) -> RunConfig:
    content = {
        "study": "s",
        "purpose": "measure",
        "base": Base(path="/bases/small"),
        "base_fingerprint": "b",
        "model_size": 1e5,
        "pretrain_size": 3e6,
        "task": TASK,
        "task_fingerprint": "t",
        "method": Method(name=method, sizes=() if method == "full" else (8,)),
        "pet_size": None if method == "full" else 8,
        "finetune_size": finetune_size,
        "seed": 0,
        "training": Training(batch_size=16, epochs=2),
    }
    return RunConfig(**content | changes)


def done(ledger: Ledger, run: RunConfig, seconds: float, **measures: float) -> None:
    found = {"loss": 2.0, "steps": float(steps_of(run.training, run.finetune_size)[0])} | measures
    ledger.finish(run.id, this_owner(), RunResult("done", found), wall_seconds=seconds)


def claimed(ledger: Ledger) -> RunConfig:
    run = ledger.claim(this_owner())
    assert run is not None
    return run


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    """One run done, one failed, one diverged, one running, one planned."""
    path = tmp_path / "l.ledger"
    runs = [config(160), config(160, "lora"), config(320, "lora"), config(320), config(1600)]
    with Ledger(path) as ledger:
        ledger.plan(runs)
        done(ledger, claimed(ledger), 10.0)
        ledger.fail(claimed(ledger).id, this_owner(), "StudyError: the \n disk of base 'small' is gone" + "!" * 500)
        ledger.finish(claimed(ledger).id, this_owner(), RunResult("diverged", {}), wall_seconds=1.0)
        running = claimed(ledger)
        ledger.beat(running.id, this_owner(), Progress(10, 40, 2.345))
    return path


def test_counts_by_stage_task_and_method(ledger_path: Path):
    table = status.standing(ledger_path).table.set_index("method")
    assert table.loc["full", ["runs", "planned", "running", "done", "failed", "diverged"]].tolist() == [
        3,
        1,
        1,
        1,
        0,
        0,
    ]
    assert table.loc["lora", ["runs", "planned", "running", "done", "failed", "diverged"]].tolist() == [
        2,
        0,
        0,
        0,
        1,
        1,
    ]
    assert set(table["stage"]) == {"measure"} and set(table["task"]) == {"translate"}


def test_running_runs_are_told_with_their_last_sign_of_life(ledger_path: Path):
    found = status.standing(ledger_path)
    later = status.Standing(found.records, time.time() + 300)
    assert "step 10 of 40 (25 %), dev loss 2.345, last sign of life 5 min ago" in later.text
    assert "5 runs: 1 planned, 1 running, 1 done, 1 failed, 1 diverged." in later.text


def test_failures_are_told_with_their_reason_on_one_line(ledger_path: Path):
    (line,) = status.failures_told(status.standing(ledger_path).records)
    assert line.startswith("Failed: translate, small, lora 8, D_f 160, seed 0: StudyError: the disk of base 'small'")
    assert line.endswith("... (tried once).") and len(line) < 260


def test_a_run_whose_process_died_is_told(ledger_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(status, "state", lambda owner: "gone")
    assert "its process is GONE" in status.standing(ledger_path).text


def test_a_long_list_is_cut(tmp_path: Path):
    with Ledger(tmp_path / "l.ledger") as ledger:
        ledger.plan([config(seed=seed) for seed in range(30)])
        for _ in range(30):
            ledger.fail(claimed(ledger).id, this_owner(), "x")
    text = status.standing(tmp_path / "l.ledger").text
    assert text.count("Failed: ") == status.SHOWN and "and 18 more failed." in text
    assert "Nothing is left to run" in text


def test_time_left_follows_from_finished_runs(ledger_path: Path):
    found = status.standing(ledger_path)
    pace = 10.0 / estimates.work(config(160))
    expected = pace * (0.75 * estimates.work(config(320)) + estimates.work(config(1600)))
    assert found.seconds_left == pytest.approx(expected)  # one runs at a time
    assert f"About {estimates.duration(expected)} left." in found.text


def test_time_left_is_unknown_before_a_run_of_a_method_is_finished(tmp_path: Path):
    with Ledger(tmp_path / "l.ledger") as ledger:
        ledger.plan([config(160), config(160, "lora")])
        done(ledger, claimed(ledger), 10.0)
    found = status.standing(tmp_path / "l.ledger")
    assert found.seconds_left is None and "is known when" in found.text


def test_work_counts_examples():
    """D_f 160 in batches of 16, two epochs: 20 steps, 10 looks at 60 dev examples, twice 90 test examples."""
    run = config(160)
    assert estimates.run_steps(run) == 20
    assert estimates.examples_trained(run) == 320
    assert estimates.work(run) == pytest.approx(320 + (10 * 60 + 2 * 90) / 3)
    assert estimates.work(run.model_copy(update={"purpose": "tune"})) == pytest.approx(320 + 10 * 60 / 3)
    assert estimates.work(run, steps=10) == pytest.approx(160 + (5 * 60 + 2 * 90) / 3)


@pytest.mark.parametrize(
    ("settings", "finetune_size", "steps", "examples"),
    [
        ({"batch_size": 16, "epochs": 3}, 100, 21, 300),
        ({"batch_size": 4, "gradient_accumulation": 4, "epochs": 3}, 100, 21, 300),
        ({"batch_size": 16, "epochs": 3, "max_steps": 5}, 100, 5, 80),
        ({"batch_size": 16, "epochs": 1, "min_steps": 50}, 160, 50, 800),
        ({"batch_size": 16, "epochs": 2}, 5, 2, 10),
        ({"batch_size": 10, "epochs": 0.5}, 100, 5, 50),
    ],
)
def test_steps_and_examples_of_a_run(settings: dict[str, Any], finetune_size: int, steps: int, examples: float):
    run = config(finetune_size, training=Training(**settings))
    assert estimates.run_steps(run) == steps
    assert estimates.examples_trained(run) == examples


def test_the_trainer_counts_steps_alike():
    pytest.importorskip("torch", reason="the finetune extra is not installed")
    from bayes_scaling.finetune.training import arguments

    for size in (1, 15, 16, 17, 1000):
        for settings in ({}, {"max_steps": 7}, {"min_steps": 99}, {"epochs": 0.3, "eval_every": 4}):
            training = Training(**settings)
            steps, capped = steps_of(training, size)
            assert arguments.steps_of(training, size) == (steps, capped)
            assert arguments.looks_every(training, steps) == looks_every(training, steps)


def test_estimates_prefer_the_same_task_and_take_the_median():
    other = config(160, task=TASK.model_copy(update={"name": "other"}))
    full = estimates.work(config(160))
    runs = [estimates.Timed(config(160), 20, seconds) for seconds in (1.0, 2.0, 30.0)]
    estimate = estimates.from_finished([*runs, estimates.Timed(other, 20, 8.0)])
    assert estimate(config(160)) == pytest.approx(2.0)
    assert estimate(other) == pytest.approx(8.0)
    unseen = config(160, task=TASK.model_copy(update={"name": "third"}))
    assert estimate(unseen) == pytest.approx(5.0)  # the median of all four
    assert estimate(config(160, "lora")) is None
    stopped = estimates.from_finished([estimates.Timed(config(160), 10, 1.0)])
    assert stopped(config(160)) == pytest.approx(full / estimates.work(config(160), 10))


def test_timed_steps_scale_with_work():
    run = config(1600)
    estimate = estimates.from_steps({("small", "full"): 0.5}, {("small", "full"): config(160)})
    assert estimate(run) == pytest.approx(0.5 / 16 * estimates.work(run))
    assert estimate(config(160, "lora")) is None
