"""From a ledger to a runs table that can be fitted: every digit, every run accounted for. No torch needed."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

import bayes_scaling as bs
from bayes_scaling.finetune.config import Base, Method, Task, Training
from bayes_scaling.finetune.errors import LedgerError, StudyError
from bayes_scaling.finetune.ledger import Ledger, this_owner
from bayes_scaling.finetune.results.export import CANONICAL, censored, check_finished, export_runs
from bayes_scaling.finetune.results.exporting import summary, write_runs
from bayes_scaling.finetune.runs import RunConfig, RunResult
from bayes_scaling.runs import NAMES

SIZES = (100, 400, 1600)
RATE = 1 / 3e3


def config(method: str = "full", finetune_size: int = 100, **changes: Any) -> RunConfig:
    size = {"full": None, "lora": 8, "prompt": 20}[method]
    content = {
        "study": "s",
        "purpose": "measure",
        "base": Base(path="/bases/small"),
        "base_fingerprint": "b",
        "model_size": 1e5,
        "pretrain_size": 3e6,
        "task": Task(name="007", train="/t.jsonl", source="a", target="b"),
        "task_fingerprint": "t",
        "method": Method(name=method, sizes=(size,) if size else ()),
        "pet_size": size,
        "finetune_size": finetune_size,
        "seed": 0,
        "training": Training(learning_rate=RATE),
    }
    return RunConfig(**content | changes)


def result(config: RunConfig, **measures: float) -> RunResult:
    loss = math.pi / math.log(config.finetune_size) + 0.01 * config.seed
    found = {"loss": loss, "loss_se": loss / 97, "dev_loss": loss, "steps": 7.0, "hit_step_cap": 0.0, "tokens": 1234.0}
    return RunResult("done", found | {"trainable_parameters": 17.0} | measures, peak_memory=99)


def record(path: Path, runs: list[RunConfig], *, diverged: tuple[str, ...] = (), failed: tuple[str, ...] = ()) -> None:
    """A ledger in which these runs were run."""
    with Ledger(path) as ledger:
        ledger.plan(runs)
        owner = this_owner()
        while (run := ledger.claim(owner)) is not None:
            if run.id in failed:
                ledger.fail(run.id, owner, "out of memory")
            elif run.id in diverged:
                ledger.finish(run.id, owner, RunResult("diverged", {"base_loss": 3.0, "steps": 2.0}), wall_seconds=1.5)
            else:
                ledger.finish(run.id, owner, result(run), wall_seconds=2.5, cost=0.25)


def grid() -> list[RunConfig]:
    return [config(method, size, seed=seed) for method in ("full", "lora") for size in SIZES for seed in (0, 1)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_the_table_is_fittable_with_every_digit(tmp_path: Path, suffix: str):
    runs, path = grid(), tmp_path / f"runs{suffix}"
    record(tmp_path / "l.ledger", runs)
    table = export_runs(tmp_path / "l.ledger")
    write_runs(table, path)
    loaded = bs.load_runs(path)
    assert (
        tuple(name for name in NAMES if name != "loss_se") == CANONICAL
    )  # a shared test set's error is not independent
    assert loaded.columns[: len(CANONICAL)].tolist() == list(CANONICAL)
    assert loaded["loss"].tolist() == [result(run).measures["loss"] for run in runs]
    assert loaded["test_loss_se"].tolist() == [result(run).measures["loss_se"] for run in runs]
    assert loaded["task"].tolist() == ["007"] * len(runs)
    assert loaded["finetune_size"].tolist() == [run.finetune_size for run in runs]
    assert loaded["seed"].tolist() == [run.seed for run in runs]
    assert loaded["pet_size"].isna().tolist() == [run.method.name == "full" for run in runs]
    assert set(loaded["base"]) == {"small"} and set(loaded["model_size"]) == {1e5}
    for name, value in {"learning_rate": RATE, "tokens": 1234, "wall_s": 2.5, "cost": 0.25, "peak_memory": 99}.items():
        assert loaded[name].tolist() == [value] * len(runs), name
    assert loaded["run"].tolist() == [run.id for run in runs]
    assert set(loaded["trainable_parameters"]) == {17}
    assert "bits_per_byte" not in loaded, "what no run has is no column"


def test_diverged_runs_are_censored_and_told(tmp_path: Path):
    runs = grid()
    lost, broken = runs[2], runs[5]
    record(tmp_path / "l.ledger", runs, diverged=(lost.id,), failed=(broken.id,))
    table = export_runs(tmp_path / "l.ledger")
    assert len(table) == len(runs) - 1 and table.attrs["failed"] == 1
    (row,) = censored(table).to_dict("records")
    assert (row["run"], row["status"], row["base_loss"]) == (lost.id, "diverged", 3.0)
    assert math.isnan(row["loss"])
    written = write_runs(table, tmp_path / "runs.csv")
    assert written.censored_path == tmp_path / "runs.censored.csv"
    assert pd.read_csv(written.censored_path)["run"].tolist() == [lost.id]
    assert len(bs.load_runs(written.path)) == len(runs) - 2
    for part in ("1 run diverged", "runs.censored.csv", "007, full on small at D_f 400", "1 run failed"):
        assert part in written.text
    assert summary(table)["diverged"].tolist() == [1, 0]
    with pytest.raises(bs.errors.RunsError):  # the broken twin: without the split the table cannot be fitted
        bs.load_runs(table)


def test_a_stale_censored_file_goes(tmp_path: Path):
    runs = grid()
    record(tmp_path / "l.ledger", runs)
    stale = tmp_path / "runs.censored.csv"
    stale.write_text("old")
    written = write_runs(export_runs(tmp_path / "l.ledger"), tmp_path / "runs.csv")
    assert written.censored_path is None and not stale.exists()
    assert "diverged" not in written.text
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".part"] == []


def test_of_one_setting_the_run_planned_last_is_exported_and_others_are_told(tmp_path: Path):
    old = [config("full", size) for size in SIZES]
    new = [run.model_copy(update={"training": Training(learning_rate=0.5)}) for run in old]
    record(tmp_path / "l.ledger", old + new)
    table = export_runs(tmp_path / "l.ledger")
    assert set(table["learning_rate"]) == {0.5} and table.attrs["superseded"] == len(old)
    text = write_runs(table, tmp_path / "runs.csv").text
    assert "3 runs were left out for a newer run" in text
    assert len(bs.load_runs(tmp_path / "runs.csv")) == len(SIZES)


def test_of_a_study_its_own_runs_are_exported_with_its_own_flags(tmp_path: Path):
    old = [config("full", size, learning_rate_at_edge=True) for size in SIZES]
    new = [run.model_copy(update={"training": Training(learning_rate=0.5)}) for run in old]
    record(tmp_path / "l.ledger", old + new)
    widened = [run.model_copy(update={"learning_rate_at_edge": False}) for run in old]
    table = export_runs(tmp_path / "l.ledger", widened)
    assert set(table["learning_rate"]) == {RATE}
    assert table["learning_rate_at_edge"].tolist() == [False] * 3
    assert table.attrs["elsewhere"] == len(new)
    both = export_runs(tmp_path / "l.ledger", old)
    assert "3 runs with a learning rate at the edge" in write_runs(both, tmp_path / "runs.csv").text


def test_tuning_runs_are_no_rows(tmp_path: Path):
    record(tmp_path / "l.ledger", [config("full", size, purpose="tune") for size in SIZES])
    table = export_runs(tmp_path / "l.ledger")
    assert len(table) == 0
    with pytest.raises(StudyError, match="no finished run to export"):
        check_finished(table, tmp_path / "l.ledger")


def test_capped_runs_and_other_measures_travel_along(tmp_path: Path):
    runs = [config("prompt", size) for size in SIZES]
    with Ledger(tmp_path / "l.ledger") as ledger:
        ledger.plan(runs)
        while (run := ledger.claim(this_owner())) is not None:
            extra = {"hit_step_cap": 1.0, "zero_shot_loss_other": 4.0, "lm_loss_after": 5.0, "chrf": 30.0}
            ledger.finish(run.id, this_owner(), result(run, **extra), wall_seconds=1.0)
    written = write_runs(export_runs(tmp_path / "l.ledger"), tmp_path / "runs.parquet")
    loaded = bs.load_runs(written.path)
    assert loaded["hit_step_cap"].tolist() == [True] * 3 and set(loaded["zero_shot_loss_other"]) == {4.0}
    assert set(loaded["lm_loss_after"]) == {5.0} and set(loaded["chrf"]) == {30.0}
    assert "3 runs cut by max_steps" in written.text


def test_unknown_pretraining_sizes_are_no_column(tmp_path: Path):
    record(tmp_path / "l.ledger", [config("full", size, pretrain_size=None) for size in SIZES])
    write_runs(export_runs(tmp_path / "l.ledger"), tmp_path / "runs.csv")
    assert not {"pretrain_size", "pet_size"} & set(bs.load_runs(tmp_path / "runs.csv").columns)


@pytest.mark.parametrize(
    ("name", "part"),
    [("runs.xlsx", "'.xlsx'"), ("runs", "ends in ''"), ("nowhere/runs.csv", "no folder"), ("d.csv", "a folder")],
)
def test_a_bad_target_is_told_and_nothing_is_written(tmp_path: Path, name: str, part: str):
    record(tmp_path / "l.ledger", grid())
    (tmp_path / "d.csv").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StudyError, match=part):
        write_runs(export_runs(tmp_path / "l.ledger"), tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_no_ledger_is_told(tmp_path: Path):
    with pytest.raises(LedgerError, match=r"none\.ledger"):
        export_runs(tmp_path / "none.ledger")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record(tmp_path / "l.ledger", grid())
    table, target = export_runs(tmp_path / "l.ledger"), tmp_path / "runs.csv"
    target.write_text("old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StudyError, match="No space left"):
        write_runs(table, target)
    assert target.read_text() == "old"
    assert not [file for file in tmp_path.iterdir() if file.name.endswith(".part")]
