"""Bad study files: each gets one clear error before anything runs, and nothing is written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch", reason="the finetune extra is not installed")

from bayes_scaling.finetune import installed
from bayes_scaling.finetune.config import load_study
from bayes_scaling.finetune.errors import MissingExtraError, StudyError
from bayes_scaling.finetune.planning.study_plan import plan
from bayes_scaling.finetune.running import run_study

Content = dict[str, Any]
Change = Callable[[Content, Path], None]


def content(tiny: Path) -> Content:
    return {
        "study": "tiny",
        "bases": [{"path": str(tiny / "base"), "pretrain_size": 1000}],
        "tasks": [{"name": "upper", "train": "train.jsonl", "source": "en", "target": "upper", "dev_examples": 20}],
        "methods": [{"name": "full"}, {"name": "lora", "sizes": [2]}],
        "finetune_sizes": [50, 100],
    }


def write(folder: Path, what: Content) -> Path:
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(what), encoding="utf-8")
    return file


def put(*place: str | int, value: Any) -> Change:
    """The change that sets one key of a good study."""

    def change(what: Content, folder: Path) -> None:
        *path, last = place
        part: Any = what
        for key in path:
            part = part[key]
        if isinstance(part, list) and last == len(part):
            part.append(value)
        else:
            part[last] = value

    return change


def copy_base(folder: Path, tiny: Path, *without: str) -> None:
    shutil.copytree(tiny / "base", folder / "copy")
    for name in without:
        (folder / "copy" / name).unlink()


def no_tokenizer(what: Content, folder: Path) -> None:
    copy_base(folder, Path(what["bases"][0]["path"]).parent, "tokenizer.json")
    what["bases"] = [{"path": "copy"}]


def no_weights(what: Content, folder: Path) -> None:
    copy_base(folder, Path(what["bases"][0]["path"]).parent, "model.safetensors")
    what["bases"] = [{"path": "copy"}]


def no_architecture(what: Content, folder: Path) -> None:
    copy_base(folder, Path(what["bases"][0]["path"]).parent, "config.json")
    what["bases"] = [{"path": "copy"}]


def of_architecture(kind: str) -> Change:
    def change(what: Content, folder: Path) -> None:
        copy_base(folder, Path(what["bases"][0]["path"]).parent)
        (folder / "copy" / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
        what["bases"] = [{"path": "copy"}]

    return change


def twin_base(what: Content, folder: Path) -> None:
    copy_base(folder, Path(what["bases"][0]["path"]).parent)
    what["bases"].append({"path": "copy"})


def overlap(what: Content, folder: Path) -> None:
    rows = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "test.jsonl").write_text("\n".join(rows[:40]), encoding="utf-8")
    what["tasks"][0]["test"] = "test.jsonl"


RATE = {"learning_rate": {"grid": [1e-3, 1e-2], "at": {"base": "base", "finetune_size": 50, "pet_size": 2}}}
SECOND_TASK = {"name": "again", "train": "train.jsonl", "source": "en", "target": "upper", "dev_examples": 20}

FAULTS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "unknown method": (
        put("methods", 0, value={"name": "magic", "kind": "magic"}),
        ("methods[0].kind", "magic", "lora"),
    ),
    "method without a kind": (put("methods", 0, value={"name": "magic"}), ("methods[0].kind", "needed")),
    "rank 0": (put("methods", 1, "sizes", value=[0]), ("methods[1].sizes[0]", "greater than 0", "got 0")),
    "no ranks": (put("methods", 1, "sizes", value=[]), ("'lora'", "'sizes'")),
    "D_f larger than the data": (put("finetune_sizes", 2, value=90_000), ("'upper'", "90,000", "larger", "lower")),
    "tuned on more than the data": (
        put(
            "methods",
            1,
            "training",
            value={
                "learning_rate": RATE["learning_rate"]
                | {"at": {"base": "base", "finetune_size": 70_000, "pet_size": 2}}
            },
        ),
        ("'upper'", "70,000", "larger"),
    ),
    "overlapping test set": (overlap, ("'upper'", "test.jsonl", "train.jsonl", "disjoint")),
    "base without tokenizer": (no_tokenizer, ("'copy'", "no tokenizer", "save_pretrained")),
    "base without weights": (no_weights, ("'copy'", "no weights", "safetensors")),
    "base without configuration": (no_architecture, ("'copy'", "configuration")),
    "base of an unknown architecture": (of_architecture("quantum"), ("'copy'", "quantum")),
    "base that is no causal LM": (of_architecture("clip_vision_model"), ("'copy'", "causal")),
    "base folder missing": (put("bases", 0, value={"path": "nowhere"}), ("'nowhere'", "no folder", "study file")),
    "unknown key": (put("finetune_size", value=[1]), ("finetune_size", "unknown key", "spelling")),
    "unknown key of a part": (put("tasks", 0, "traim", value="x"), ("tasks[0].traim", "unknown key")),
    "unknown training key": (
        put("methods", 0, "training", value={"lr": 1}),
        ("method 'full', training.lr", "unknown key"),
    ),
    "a training value of a method": (
        put("methods", 0, "training", value={"epochs": -1}),
        ("method 'full', training.epochs", "greater than 0", "-1"),
    ),
    "unknown peft type": (
        put("methods", 2, value={"name": "x", "kind": "peft", "peft_type": "WIZARDRY"}),
        ("method 'x'", "WIZARDRY", "IA3"),
    ),
    "unknown key of a peft config": (
        put("methods", 1, "config", value={"lora_alhpa": 3}),
        ("method 'lora'", "lora_alhpa"),
    ),
    "bases of one name": (put("bases", 1, value={"path": "other/base"}), ("bases", "base appears twice")),
    "one base under two names": (twin_base, ("bases", "'base' and 'copy'", "the same weights", "identity", "remove")),
    "one task under two names": (put("tasks", 1, value=SECOND_TASK), ("tasks", "'upper' and 'again'", "same texts")),
    "one method under two names": (
        put("methods", 2, value={"name": "lora2", "kind": "lora", "sizes": [2, 4]}),
        ("methods", "'lora' and 'lora2'", "same method"),
    ),
    "task file missing": (put("tasks", 0, "train", value="gone.jsonl"), ("gone.jsonl", "no such file")),
    "column missing": (put("tasks", 0, "target", value="lower"), ("'lower'", "line 1", "'upper'")),
    "source missing": (put("tasks", 0, "source", value=None), ("tasks[0]", "'source' is needed")),
    "test larger than the data": (
        put("tasks", 0, "test_examples", value=5000),
        ("'upper'", "5,000", "none for training"),
    ),
    "grid of nothing": (put("grids", value=[{"bases": []}]), ("grids[0].bases", "empty", "leave the key out")),
    "grid of an unknown base": (put("grids", value=[{"bases": ["other"]}]), ("grids[0].bases", "'other'", "'base'")),
    "tuned at an unknown size": (
        put("methods", 1, value={"name": "lora", "sizes": [4], "training": RATE}),
        ("'lora'", "pet_size", "2", "4"),
    ),
    "one learning rate to tune": (
        put("training", value={"learning_rate": {"grid": [1e-3], "at": {"base": "base", "finetune_size": 50}}}),
        ("training.learning_rate.grid: ", "at least 2"),
    ),
    "a negative learning rate": (
        put("training", value={"learning_rate": -1e-3}),
        ("training.learning_rate: ", "greater than 0", "got -0.001"),
    ),
    "zero-shot without another task": (put("zero_shot", value=True), ("zero_shot", "'upper'", "add one")),
    "forgetting file missing": (put("forgetting", value="old.txt"), ("forgetting", "old.txt", "no file")),
    "bleurt without checkpoint": (put("metrics", value=["bleurt"]), ("bleurt_checkpoint", "go together")),
    "seed below zero": (put("seeds", value=[-1]), ("seeds[0]", "got -1")),
    "seed twice": (put("seeds", value=[1, 1]), ("seeds", "1 appears twice")),
    "no base": (put("bases", value=[]), ("bases", "at least 1")),
    "base of two places": (put("bases", 0, "hub", value="a/b"), ("bases[0]", "'path'", "'hub'")),
    "model_size of zero": (put("bases", 0, "model_size", value=0), ("bases[0].model_size", "greater than 0")),
    "quantized full-model tuning": (put("training", value={"quantize": "nf4"}), ("'full'", "quantize")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_study_gets_one_clear_error(fault: str, tiny: Path, tmp_path: Path):
    shutil.copy(tiny / "train.jsonl", tmp_path)
    what = content(tiny)
    change, parts = FAULTS[fault]
    change(what, tmp_path)
    file = write(tmp_path, what)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StudyError) as error:
        run_study(load_study(file))
    message = str(error.value)
    assert all(part in message for part in parts), message
    assert "Traceback" not in message and "pydantic" not in message and len(message) < 900, message
    assert "after validation" not in message or "[0]" not in message, "one fault is told once"
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written, no ledger made"


def test_the_good_study_is_good(tiny: Path, tmp_path: Path):
    """The twin of all of the above: without a fault there is no error, and planning still writes nothing."""
    shutil.copy(tiny / "train.jsonl", tmp_path)
    study = load_study(write(tmp_path, content(tiny)))
    assert len(plan(study, calibrate=False).runs) == 4
    assert not study.ledger_path.exists()


@pytest.mark.parametrize(
    ("change", "module", "parts"),
    [
        (put("metrics", value=["loss", "chrf"]), "sacrebleu", ("metrics 'chrf'", "pip install sacrebleu")),
        (put("metrics", value=["rouge_l"]), "rouge_score", ("metrics 'rouge_l'", "pip install rouge-score")),
        (put("training", value={"report_to": ["wandb"]}), "wandb", ("training.report_to 'wandb'", "pip install wandb")),
        (put("bases", 0, "gguf_file", value="x.gguf"), "gguf", ("base 'base': gguf_file", "pip install gguf")),
        (put("engine", value={"kind": "ray"}), "ray", ("engine 'ray'", "bayes_scaling[cluster]")),
    ],
)
def test_a_missing_library_is_told(
    change: Change, module: str, parts: tuple[str, ...], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    there = installed.has
    monkeypatch.setattr(installed, "has", lambda name: name != module and there(name))
    shutil.copy(tiny / "train.jsonl", tmp_path)
    what = content(tiny)
    change(what, tmp_path)
    with pytest.raises(MissingExtraError) as error:
        run_study(load_study(write(tmp_path, what)))
    assert all(part in str(error.value) for part in parts), error.value
    assert not (tmp_path / "study.ledger").exists()


@pytest.mark.parametrize("text", ["", "a: [1", "- a\n- b\n", "study: x\nstudy: !!python/object:os.system {}\n", "\x00"])
def test_what_is_no_study_file_is_told(text: str, tmp_path: Path):
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"study\.yaml"):
        load_study(file)


def test_json_is_yaml(tiny: Path, tmp_path: Path):
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps(content(tiny)), encoding="utf-8")
    assert load_study(file).study == "tiny"
