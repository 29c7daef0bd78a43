"""Bases are looked at without their weights, identified by content, and refused with one clear error."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the finetune extra is not installed")

from bayes_scaling.finetune.bases import base_facts, load_model, load_tokenizer
from bayes_scaling.finetune.config import Base
from bayes_scaling.finetune.errors import StudyError


@pytest.fixture
def copied(tiny: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny / "base", tmp_path / "base")
    return tmp_path


def test_facts_of_a_folder(tiny: Path, copied: Path) -> None:
    facts = base_facts(Base(path="base"), tiny)
    assert facts.model_size == 20_640
    assert facts.pretrain_size is None
    assert base_facts(Base(path="base"), copied) == facts  # a copy is the same base, wherever it lies


def test_pretraining_size_is_read_or_given(copied: Path) -> None:
    (copied / "base" / "pretraining.json").write_text(json.dumps({"pretrain_size": 600_000}))
    assert base_facts(Base(path="base"), copied).pretrain_size == 600_000
    given = base_facts(Base(path="base", pretrain_size=5e9, model_size=7e8), copied)
    assert (given.pretrain_size, given.model_size) == (5e9, 7e8)


def test_another_weight_is_another_base(copied: Path) -> None:
    from safetensors.torch import load_file, save_file

    before = base_facts(Base(path="base"), copied).fingerprint
    file = copied / "base" / "model.safetensors"
    weights = load_file(file)
    weights["model.norm.weight"][0] += 1e-3
    save_file(weights, file, metadata={"format": "pt"})
    assert base_facts(Base(path="base"), copied).fingerprint != before


def test_a_tokenizer_without_padding_gets_one(copied: Path) -> None:
    file = copied / "base" / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    settings.pop("pad_token")
    file.write_text(json.dumps(settings))
    assert load_tokenizer(Base(path="base"), copied).pad_token == "</s>"


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ("tokenizer.json", "has no tokenizer"),
        ("model.safetensors", "no weights in safetensors or GGUF"),
        ("config.json", "its configuration does not load"),
        ("", "there is no folder"),
    ],
)
def test_a_part_that_is_missing_is_one_clear_error(copied: Path, removed: str, said: str) -> None:
    if removed:
        (copied / "base" / removed).unlink()
    base = Base(name="mine", path="base" if removed else "nowhere")
    with pytest.raises(StudyError, match=said) as error:
        base_facts(base, copied)
    assert "base 'mine'" in str(error.value)


def test_pickled_weights_are_not_read(copied: Path) -> None:
    (copied / "base" / "model.safetensors").rename(copied / "base" / "pytorch_model.bin")
    with pytest.raises(StudyError, match="pickled weights are not read"):
        base_facts(Base(path="base"), copied)
    with pytest.raises(StudyError, match="its model does not load"):
        load_model(Base(path="base"), copied)


def test_a_damaged_file_is_one_clear_error(copied: Path) -> None:
    (copied / "base" / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(StudyError, match="its model does not load"):
        load_model(Base(path="base"), copied)
    (copied / "base" / "pretraining.json").write_text("{}")
    with pytest.raises(StudyError, match="pretrain_size"):
        base_facts(Base(path="base"), copied)


def test_a_hub_out_of_reach_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Offline, with an empty cache: the message names id and revision and asks for the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    base = Base(hub="EleutherAI/no-such-model-here", revision="step1000")
    assert base.name == "no-such-model-here@step1000"
    with pytest.raises(StudyError, match=r"EleutherAI/no-such-model-here at step1000.*within reach"):
        base_facts(base, tmp_path)
