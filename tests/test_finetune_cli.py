"""``bayes-scaling finetune``: what each command prints, writes and refuses."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner, Result

import bayes_scaling as bs
from bayes_scaling.cli import app, finetuning

COMMANDS = {
    "plan": ["study.yaml"],
    "run": ["study.yaml"],
    "status": ["study.yaml"],
    "export": ["study.yaml", "-o", "runs.csv"],
    "pretrain": ["ladder.yaml"],
    "recipe": ["pythia", "-o", "study.yaml"],
}
needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the finetune extra is not installed"
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["finetune", *map(str, arguments)], catch_exceptions=False)


def answer(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def rows(*arguments: object) -> tuple[pd.DataFrame, str]:
    found = json.loads(answer(*arguments, "--json"), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert set(found) == {"table", "text"}
    return pd.DataFrame(found["table"]), found["text"]


def complaint(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    _, error, message = result.stderr.partition("error: ")
    assert error and "Traceback" not in message
    return message


@pytest.mark.parametrize("command", COMMANDS)
def test_without_the_extra_every_command_says_what_to_install(command: str, monkeypatch: pytest.MonkeyPatch):
    for module in ("yaml", "torch", "transformers", "peft", "accelerate"):  # pydantic is typer's, too
        monkeypatch.setitem(sys.modules, module, None)
    assert 'pip install "bayes_scaling[finetune]"' in complaint(command, *COMMANDS[command])


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from bayes_scaling.cli import app\n"
        "done = CliRunner().invoke(app, ['finetune', '--help']); assert done.exit_code == 0, done.output\n"
        "assert all(name in done.stdout for name in ('plan', 'run', 'status', 'export', 'pretrain', 'recipe'))\n"
        "print([n for n in ('torch', 'transformers', 'peft', 'ray', 'pandas', 'jax') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@needs_extra
def test_status_and_export_of_a_ledger_load_no_torch(finished: Path):
    code = (
        "import sys; from bayes_scaling.cli import app\n"
        "export = ['export', 'study.ledger', '-o', 'x.csv']\n"
        "for words in (['status', 'study.ledger'], ['status', 'study.yaml'], export):\n"
        "    app(['finetune', *words], standalone_mode=False)\n"
        "print([n for n in ('torch', 'transformers', 'peft', 'ray', 'jax') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=finished)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def content(tiny: Path) -> dict[str, Any]:
    task = {"name": "upper", "train": "train.jsonl", "source": "en", "target": "upper"}
    return {
        "study": "tiny",
        "bases": [{"path": str(tiny / "base"), "pretrain_size": 1000}],
        "tasks": [task | {"dev_examples": 20, "test_examples": 30}],
        "methods": [{"name": "full"}, {"name": "lora", "sizes": [2]}],
        "finetune_sizes": [50, 100, 200],
        "training": {"max_steps": 5},
    }


@pytest.fixture
def folder(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study in it, where the command line stands."""
    shutil.copy(tiny / "train.jsonl", tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content(tiny)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def finished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same after a run, one of which diverged; the engine is a fake."""
    from bayes_scaling.finetune import engines

    monkeypatch.setattr(engines, "run_planned", _pretend)
    answer("run", "study.yaml")
    return folder


def _pretend(path: Path, engine: Any, *, show: Any = None, ids: Any = None) -> None:
    from bayes_scaling.finetune.ledger import Ledger, this_owner
    from bayes_scaling.finetune.runs import RunResult

    with Ledger(path) as ledger:
        while (config := ledger.claim(this_owner(), ids)) is not None:
            lost = config.method.name == "lora" and config.finetune_size == 100
            result = RunResult("diverged", {}) if lost else RunResult("done", {"loss": 200 / config.finetune_size})
            ledger.finish(config.id, this_owner(), result, wall_seconds=1.0)


@needs_extra
def test_plan_shows_the_grid_and_writes_nothing(folder: Path):
    before = sorted(folder.iterdir())
    text = answer("plan", "study.yaml", "--no-calibrate")
    assert "Study 'tiny': 6 runs" in text and "trainable" in text
    table, _ = rows("plan", "study.yaml", "--no-calibrate")
    assert table["runs"].tolist() == [3, 3] and table["seconds"].isna().all()
    assert sorted(folder.iterdir()) == before
    answer("plan", "study.yaml", "--no-calibrate", "-o", "plan.csv")
    assert len(pd.read_csv(folder / "plan.csv")) == 6


@needs_extra
def test_run_status_export_fit_in_a_row(finished: Path):
    table, text = rows("status", "study.yaml")
    assert table["done"].tolist() == [3, 2] and table["diverged"].tolist() == [0, 1]
    assert "Nothing is left to run" in text
    assert rows("status", "study.ledger")[0].equals(table)
    assert "6 runs: 0 planned" in answer("status", "study.yaml", "--watch")
    exported = answer("export", "study.yaml", "-o", "runs.parquet")
    assert "WARNING: 1 run diverged" in exported and "runs.censored.parquet" in exported
    assert len(bs.load_runs(finished / "runs.parquet")) == 5
    assert (
        "5 runs, and they pass every check"
        in CliRunner().invoke(app, ["check", "runs.parquet", "--factors", "none"]).stdout
    )


@needs_extra
def test_export_of_a_changed_study_leaves_out_what_left_it(finished: Path, tiny: Path):
    changed = content(tiny) | {"methods": [{"name": "full"}]}
    (finished / "study.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    assert "3 runs in the ledger are not in this study file" in answer(
        "export", "study.yaml", "-o", "runs.csv"
    ).replace("\n", " ")
    assert set(bs.load_runs("runs.csv")["method"]) == {"full"}
    answer("export", "study.yaml", "--all", "-o", "runs.csv")
    assert set(bs.load_runs("runs.csv")["method"]) == {"full", "lora"}


@needs_extra
def test_export_without_the_bases_says_how_to_go_on(finished: Path, tiny: Path):
    gone = content(tiny) | {"bases": [{"path": "gone"}]}
    (finished / "study.yaml").write_text(yaml.safe_dump(gone), encoding="utf-8")
    message = complaint("export", "study.yaml", "-o", "runs.csv")
    assert "'gone'" in message and "export study.ledger" in message
    answer("export", "study.ledger", "-o", "runs.csv")
    assert len(bs.load_runs("runs.csv")) == 5


@needs_extra
def test_what_is_not_there_is_told(folder: Path):
    assert "no such file" in complaint("plan", "gone.yaml")
    assert "no such ledger" in complaint("status", "study.yaml")
    assert "no such ledger" in complaint("export", "study.yaml", "-o", "runs.csv")
    assert "'.xlsx'" in complaint("export", "study.yaml", "-o", "runs.xlsx")
    assert not (folder / "study.ledger").exists()


@needs_extra
def test_a_failed_run_is_told_and_so_is_the_exit_code(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from bayes_scaling.finetune import engines
    from bayes_scaling.finetune.ledger import Ledger, this_owner

    def fail(path: Path, engine: Any, *, show: Any = None, ids: Any = None) -> None:
        assert (engine.kind, engine.workers) == ("local", 2)
        with Ledger(path) as ledger:
            while (config := ledger.claim(this_owner(), ids)) is not None:
                ledger.fail(config.id, this_owner(), "MemoryError: no room")

    monkeypatch.setattr(engines, "run_planned", fail)
    result = run("run", "study.yaml", "--workers", 2, "--engine", "local")
    assert result.exit_code == finetuning.NOT_FINISHED
    assert "6 failed" in result.stdout and "MemoryError: no room" in result.stdout and "--retry-failed" in result.stdout


@needs_extra
def test_an_interrupted_run_says_how_to_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from bayes_scaling.finetune import engines

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engines, "run_planned", interrupted)
    result = run("run", "study.yaml")
    assert result.exit_code == finetuning.INTERRUPTED and "What is finished is kept" in result.stderr


@needs_extra
def test_pretrain_lists_the_bases(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from bayes_scaling.finetune import pretrain

    def fake(path: Path, workers: int | None, show: Any) -> list[Path]:
        assert (path.name, workers) == ("ladder.yaml", 2)
        show("training")
        (folder / "tiny-1k").mkdir()
        facts = {"name": "tiny-1k", "model_size": 20640, "pretrain_size": 1000, "validation_loss_after": 4.5}
        (folder / "tiny-1k" / "pretraining.json").write_text(json.dumps(facts | {"seed": 0}))
        return [folder / "tiny-1k"]

    monkeypatch.setattr(pretrain, "pretrain_ladder", fake)
    table, _ = rows("pretrain", "ladder.yaml", "--workers", 2)
    assert table.iloc[0].tolist() == ["tiny-1k", 20640, 1000, 4.5, str(folder / "tiny-1k")]
