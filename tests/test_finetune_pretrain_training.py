"""Pretrained bases: what they are, that pretraining worked, and that a ladder does only what is missing."""

import json
import math
import shutil
from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="the extra 'finetune' is not installed")
pytest.importorskip("yaml", reason="the extra 'finetune' is not installed")
pytest.importorskip("torch", reason="the extra 'finetune' is not installed")
pytest.importorskip("transformers", reason="the extra 'finetune' is not installed")

import numpy as np
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

import bayes_scaling.finetune
from bayes_scaling.finetune.bases import base_facts
from bayes_scaling.finetune.config import Base
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain import load_ladder, pretrain_ladder
from bayes_scaling.finetune.pretrain.files import locked
from bayes_scaling.finetune.pretrain.models import new_model, token_losses
from bayes_scaling.finetune.pretrain.windows import in_order

TEXT = Path(bayes_scaling.finetune.__file__).parent / "data" / "libreoffice_help" / "text.jsonl.gz"
SPECIAL = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
SMALL = {"name": "small", "hidden_size": 16, "layers": 1, "heads": 2, "intermediate_size": 32}
LARGE = {"name": "large", "hidden_size": 32, "layers": 2, "heads": 2, "intermediate_size": 64}
CONTENT = {
    "ladder": "try",
    "output": "out",
    "corpus": {"files": [str(TEXT)], "validation_share": 0.03, "validation_tokens": 4_096, "licence": "MPL-2.0"},
    "vocabulary": 400,
    "sizes": [SMALL, LARGE],
    "tokens": [12_000, 48_000],
    "batch": {"sequences": 4, "length": 64},
    "learning_rate": {"rate": 1e-2, "at_hidden_size": 16},
    "warmup": 2_000,
}


def written(folder, **keys):
    file = folder / "ladder.yaml"
    file.write_text(yaml.safe_dump(CONTENT | keys))
    return file


def record(folder):
    return json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A ladder that was pretrained: its file, its folders by name, the lines it said."""
    file = written(tmp_path_factory.mktemp("ladder"))
    lines: list[str] = []
    folders = pretrain_ladder(file, workers=2, show=lines.append)
    return file, {folder.name: folder for folder in folders}, lines


def test_every_base_is_there_and_nothing_half_written(run):
    file, folders, _ = run
    assert list(folders) == ["small-12k", "small-48k", "large-12k", "large-48k"]
    left = {path.name for path in (file.parent / "out").rglob("*")}
    assert not {name for name in left if name.endswith(".part") or ".leg." in name}


def test_more_tokens_and_a_larger_model_have_a_lower_loss_on_text_never_trained_on(run):
    records = {name: record(folder) for name, folder in run[1].items()}
    loss = {name: found["validation_loss_after"] for name, found in records.items()}
    assert all(abs(found["validation_loss_before"] - math.log(400)) < 0.3 for found in records.values())
    assert loss["small-48k"] < loss["small-12k"] - 0.2 < math.log(400) - 0.4
    assert loss["large-48k"] < loss["large-12k"] - 0.2
    assert loss["large-48k"] < loss["small-48k"]
    assert all(found["validation_loss_after"] < found["validation_loss_undecayed"] for found in records.values())


def test_a_base_loads_through_the_auto_classes_and_has_the_loss_it_says(run):
    file, folders, _ = run
    folder = folders["large-48k"]
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer) == model.config.vocab_size == 400
    assert model.config.eos_token_id == tokenizer.eos_token_id
    corpus = next((file.parent / "out" / ".state").glob("corpus-*"))
    ids = np.load(corpus / "validation.npy", allow_pickle=False)
    blocks = [torch.from_numpy(block) for block in in_order(ids, 64, 4, 4_096)]
    with torch.no_grad():
        own = [model(input_ids=block[:, :-1], labels=block[:, :-1]).logits for block in blocks]
    total = sum(
        float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), block[:, 1:].flatten(), reduction="sum"))
        for logits, block in zip(own, blocks, strict=True)
    )
    count = sum(block[:, 1:].numel() for block in blocks)
    assert total / count == pytest.approx(record(folder)["validation_loss_after"], abs=1e-4)


def test_a_base_says_how_it_was_made_and_the_study_reads_it(run):
    file, folders, _ = run
    found = record(folders["small-48k"])
    assert found["pretrain_size"] == round(48_000 / 256) * 256
    assert found["corpus"]["licence"] == "MPL-2.0"
    assert set(found["versions"]) == {"torch", "transformers", "tokenizers", "bayes_scaling"}
    assert str(file.parent) not in json.dumps(found)  # no path of the machine
    facts = base_facts(Base(path="out/small-48k"), file.parent)
    assert (facts.model_size, facts.pretrain_size) == (found["model_size"], found["pretrain_size"])


def test_the_run_is_told(run):
    lines = "\n".join(run[2])
    assert "ladder 'try': 2 sizes x 2 numbers of tokens (12k, 48k)" in lines
    assert "small: 2,608 non-embedding parameters, peak learning rate 0.01" in lines
    assert "tokens are 0.0" in lines
    assert "large: 100%, loss" in lines


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox"])
def test_weights_start_as_wide_as_the_model_asks_and_smaller_where_layers_add_up(run, architecture):
    size = LARGE | {"hidden_size": 128, "intermediate_size": 256, "layers": 8}
    ladder = load_ladder(written(run[0].parent, architecture=architecture, sizes=[size]))
    written(run[0].parent)  # the file of the other tests again
    wide, small = math.sqrt(2 / (5 * 128)), math.sqrt(2 / (5 * 128)) / 4  # 4: the root of twice 8 layers
    model = new_model(ladder, ladder.sizes[0], SPECIAL)
    spread = [float(value.detach().std()) for value in model.parameters() if value.ndim > 1]
    # 16,384 draws or more in each: 3 % is more than five standard errors of a standard deviation
    assert sum(abs(value / small - 1) < 0.03 for value in spread) == 2 * 8
    assert sum(abs(value / wide - 1) < 0.03 for value in spread) == len(spread) - 2 * 8


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox"])
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_as_all_but_embeddings_and_an_untied_head(run, architecture, tied):
    sizes = [SMALL, LARGE | {"intermediate_size": 80}]
    ladder = load_ladder(written(run[0].parent, architecture=architecture, tie_embeddings=tied, sizes=sizes))
    written(run[0].parent)  # the file of the other tests again
    for size in ladder.sizes:
        model = new_model(ladder, size, SPECIAL)
        every = sum(parameter.numel() for parameter in model.parameters())
        embeddings = 400 * size.hidden_size * (1 if tied else 2)
        assert size.non_embedding(architecture) == every - embeddings
        assert torch.isfinite(token_losses(model, torch.zeros(2, 9, dtype=torch.long)))


def test_a_second_call_trains_nothing_and_a_missing_base_is_made_again_bit_for_bit(run):
    file, folders, _ = run
    before = {name: (folder / "model.safetensors").read_bytes() for name, folder in folders.items()}
    changed = {name: folder.stat().st_mtime_ns for name, folder in folders.items()}
    (folders["small-12k"] / "pretraining.json").unlink()
    with pytest.raises(StudyError, match=r"small-12k' holds another base .*it has no settings"):
        pretrain_ladder(file, show=lambda line: None)
    shutil.rmtree(folders["small-12k"])  # its trunk went further: it is trained from the start again
    pretrain_ladder(file, show=lambda line: None)
    assert {name: (folder / "model.safetensors").read_bytes() for name, folder in folders.items()} == before
    assert {name for name, folder in folders.items() if folder.stat().st_mtime_ns != changed[name]} == {"small-12k"}


def test_other_settings_in_the_same_folder_are_refused(run):
    file = written(run[0].parent, learning_rate={"rate": 2e-2, "at_hidden_size": 16})
    with pytest.raises(StudyError, match=r"holds another base \(learning_rate 0\.01 there, 0\.02 here\); choose"):
        pretrain_ladder(file, show=lambda line: None)
    written(run[0].parent)


def test_two_ladders_do_not_write_one_folder(run, monkeypatch):
    file = run[0]
    lock = file.parent / "out" / ".state" / "lock"
    monkeypatch.setattr(locked.__wrapped__, "__defaults__", (0.2,))  # patience, seconds
    with locked(lock), pytest.raises(StudyError, match="another process"):
        pretrain_ladder(file, show=lambda line: None)


def test_more_epochs_than_allowed_are_refused_with_their_number(tmp_path):
    (tmp_path / "text.txt").write_text("\n\n".join(f"paragraph {n} of text {n * n}" for n in range(400)))
    corpus = {"files": ["text.txt"], "validation_share": 0.2}
    file = written(tmp_path, corpus=corpus, vocabulary=300)
    with pytest.raises(StudyError, match=r"48,000 are \d+\.\d epochs of the corpus .*max_epochs allows 4"):
        pretrain_ladder(file, show=lambda line: None)


def test_a_loss_that_is_not_finite_is_told_with_its_learning_rate(tmp_path):
    file = written(tmp_path, sizes=[SMALL | {"learning_rate": 1e30}], tokens=[12_000], warmup=0)
    with pytest.raises(StudyError, match=r"1 of 1 sizes .*'small': the loss became nan .*learning rate 1e\+30; lower"):
        pretrain_ladder(file, show=lambda line: None)
