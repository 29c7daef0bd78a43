"""Planning and running a study: what is said before, in what order it is run, what is said after."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch", reason="the finetune extra is not installed")

from bayes_scaling.finetune import engines
from bayes_scaling.finetune.config import Study, load_study
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.ledger import Ledger, this_owner
from bayes_scaling.finetune.methods import trainable_parameters
from bayes_scaling.finetune.planning.study_plan import plan
from bayes_scaling.finetune.running import known_runs, run_study
from bayes_scaling.finetune.runs import RunConfig, RunResult
from bayes_scaling.finetune.tasks import encode, load_task, subset
from bayes_scaling.finetune.training import calibrate

RATES = [1e-3, 1e-2, 1e-1]


def content(tiny: Path, **changes: Any) -> dict[str, Any]:
    at = {"base": "base", "finetune_size": 60, "pet_size": 2}
    lora = {"name": "lora", "sizes": [2, 4], "training": {"learning_rate": {"grid": RATES, "at": at}}}
    return {
        "study": "tiny",
        "bases": [{"path": str(tiny / "base"), "pretrain_size": 1000}],
        "tasks": [{"name": "upper", "train": "train.jsonl", "source": "en", "target": "upper", "dev_examples": 20}],
        "methods": [{"name": "full"}, lora],
        "finetune_sizes": [50, 100],
        "training": {"batch_size": 10, "epochs": 2},
        "engine": {"workers": 2},
    } | changes


@pytest.fixture
def study(tiny: Path, tmp_path: Path) -> Study:
    return written(tmp_path, tiny)


def written(folder: Path, tiny: Path, **changes: Any) -> Study:
    shutil.copy(tiny / "train.jsonl", folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(content(tiny, **changes)), encoding="utf-8")
    return load_study(folder / "study.yaml")


class FakeEngine:
    """Runs what is planned, here and at once: dev loss lowest at a learning rate of 1e-2."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fate: dict[str, str] | None = None):
        self.fate, self.labels = fate or {}, list[list[str]]()
        monkeypatch.setattr(engines, "run_planned", self.run)

    def run(self, path: Path, engine: Any, *, show: Any = None, ids: Collection[str] | None = None) -> None:
        self.labels.append([])
        with Ledger(path) as ledger:
            while (run := ledger.claim(this_owner(), ids)) is not None:
                self.labels[-1].append(run.label)
                self._end(ledger, run)

    def _end(self, ledger: Ledger, run: RunConfig) -> None:
        rate = run.training.learning_rate
        assert isinstance(rate, float)
        fate = next((fate for key, fate in self.fate.items() if key in run.label), "done")
        if fate == "failed":
            ledger.fail(run.id, this_owner(), "StudyError: no luck")
            return
        measures = {"loss": 2.0, "dev_loss": abs(rate - 1e-2) + 2.0, "steps": 4.0} if fate == "done" else {}
        result = RunResult("done" if fate == "done" else "diverged", measures)
        ledger.finish(run.id, this_owner(), result, wall_seconds=3.0)


def test_a_plan_counts_runs_parameters_and_tokens(study: Study, tiny: Path):
    found = plan(study, calibrate=False)
    table = found.table.fillna({"pet_size": 0}).set_index(["stage", "method", "pet_size"])
    assert table["runs"].to_dict() == {
        ("tune", "lora", 2): 3,
        ("measure", "full", 0): 2,
        ("measure", "lora", 2): 2,
        ("measure", "lora", 4): 2,
    }
    known = known_runs(study)
    for run in known.runs:
        row = table.loc[(run.purpose, run.method.name, run.pet_size or 0)]
        assert row["trainable_low"] == row["trainable_high"] == trainable_parameters(run)
    assert table["waiting"].tolist() == [0, 0, 2, 2] and table["planned"].tolist() == [3, 2, 0, 0]
    assert table["seconds"].isna().all() and found.seconds_left is None
    assert "time not known" in found.text and "9 runs: 3 to tune learning rates, 6 to measure" in found.text
    assert not study.ledger_path.exists()


def test_estimated_tokens_are_those_of_the_texts(study: Study):
    """Two epochs of D_f examples, within a tenth of a sample's error of their real target tokens."""
    from bayes_scaling.finetune.bases import load_tokenizer

    task = study.tasks[0]
    train = load_task(task, study.folder).train
    encoded = encode(subset(train, 100, 0), load_tokenizer(study.bases[0], study.folder), task)
    real = 2 * sum(len(one.input_ids) - one.target_start for one in encoded)
    runs = plan(study, calibrate=False).runs
    planned = runs[(runs["method"] == "full") & (runs["finetune_size"] == 100)]
    assert planned["tokens"].tolist() == pytest.approx([real], rel=0.1)
    assert planned["steps"].tolist() == [20]


def test_calibration_times_one_run_of_each_base_and_method(study: Study, monkeypatch: pytest.MonkeyPatch):
    timed: list[tuple[str, int | None, int]] = []
    told: list[tuple[int, int]] = []

    def fake(run: RunConfig, steps: int = 3) -> float:
        timed.append((run.method.name, run.pet_size, run.finetune_size))
        return 0.1

    monkeypatch.setattr(calibrate, "seconds_per_step", fake)
    found = plan(study, say=lambda number, of: told.append((number, of)))
    assert sorted(timed, key=str) == [("full", None, 50), ("lora", 4, 50)] and told == [(0, 2), (1, 2)]
    row = found.runs[(found.runs["method"] == "full") & (found.runs["finetune_size"] == 100)].iloc[0]
    assert row["seconds"] == pytest.approx(0.1 / 10 * (200 + (10 * 20 + 2 * 600) / 3))
    assert found.seconds_left == pytest.approx(found.runs["seconds"].sum() / 2)
    assert "with 2 workers" in found.text


def test_calibration_really_times(study: Study):
    found = plan(study)
    assert 0 < found.seconds_left < 600


def test_a_study_is_run_in_stages(study: Study, monkeypatch: pytest.MonkeyPatch):
    engine = FakeEngine(monkeypatch)
    outcome = run_study(study)
    first, second = engine.labels
    assert [", lr " in label for label in first] == [True, True, True, False, False]
    assert len(second) == 4 and all("lora" in label for label in second)
    measured = [run for run in outcome.spelled.measuring if run.method.name == "lora"]
    assert {(run.training.learning_rate, run.learning_rate_at_edge) for run in measured} == {(1e-2, False)}
    assert outcome.unfinished == 0
    assert "9 runs done, 0 failed, 0 diverged, of 9" in outcome.text and "export study.yaml" in outcome.text
    assert "Learning rate of lora on upper: 0.01." in outcome.text
    done = plan(study)  # nothing to calibrate any more
    assert done.seconds_left == 0 and set(done.runs["status"]) == {"done"} and set(done.runs["seconds"]) == {3.0}
    run_study(study)
    assert len(engine.labels) == 2, "what is done is not done again"


def test_paths_of_runs_are_absolute(study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path.parent)
    for run in known_runs(study).runs:
        assert Path(run.task.train) == tmp_path / "train.jsonl"
        assert Path(str(run.base.path)).is_absolute()


def test_failed_tuning_keeps_runs_waiting_until_it_is_retried(study: Study, monkeypatch: pytest.MonkeyPatch):
    engine = FakeEngine(monkeypatch, {"lr 0.01": "failed"})
    outcome = run_study(study)
    assert outcome.unfinished == 5 and len(outcome.spelled.waiting) == 4
    for part in ("1 failed", "StudyError: no luck", "4 wait for learning rates", "--retry-failed"):
        assert part in outcome.text
    engine.fate = {}
    assert run_study(study).unfinished == 5, "not retried unless asked to"
    assert run_study(study, retry_failed=True).unfinished == 0


def test_where_every_rate_diverges_the_study_stops_with_the_grid(study: Study, monkeypatch: pytest.MonkeyPatch):
    FakeEngine(monkeypatch, {", lr ": "diverged"})
    with pytest.raises(StudyError, match=r"task 'upper', method 'lora': .*\[0\.001, 0\.01, 0\.1\]"):
        run_study(study)


def test_a_rate_at_the_edge_is_told_and_widening_the_grid_mends_it(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def with_grid(rates: list[float]) -> Study:
        methods = content(tiny)["methods"]
        methods[1]["training"]["learning_rate"]["grid"] = rates
        return written(tmp_path, tiny, methods=methods)

    engine = FakeEngine(monkeypatch)
    narrow = run_study(with_grid([1e-2, 1e-1]))
    assert "0.01, at the EDGE of its grid" in narrow.text
    wide = run_study(with_grid([1e-3, 1e-2, 1e-1]))
    assert "EDGE" not in wide.text and engine.labels[2:] == [
        [label for label in engine.labels[2] if "lr 0.001" in label]
    ]
    assert [run.id for run in wide.spelled.measuring] == [run.id for run in narrow.spelled.measuring]


def test_runs_that_left_the_study_are_neither_run_nor_counted(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    engine = FakeEngine(monkeypatch)
    large = written(tmp_path, tiny)
    with Ledger(large.ledger_path) as ledger:
        ledger.plan(known_runs(large).runs)
    small = written(tmp_path, tiny, methods=[{"name": "full"}])
    found = plan(small, calibrate=False)
    assert "3 runs of the ledger are not in this study file" in found.text
    assert len(run_study(small).records) == 2 and len(engine.labels[0]) == 2


def test_a_plan_is_json_all_through(study: Study):
    json.dumps(plan(study, calibrate=False).runs.astype(object).where(lambda x: x.notna(), None).to_dict("records"))
