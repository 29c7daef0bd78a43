"""Losses, their standard errors and the scores of texts, against hand counts and other people's implementations."""

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the finetune extra is not installed")

import torch

from bayes_scaling.finetune.bases import load_model
from bayes_scaling.finetune.config import Base
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.evaluation.bleurt import bleurt
from bayes_scaling.finetune.evaluation.generation import generate
from bayes_scaling.finetune.evaluation.language import read_text, windows
from bayes_scaling.finetune.evaluation.losses import DocumentLosses, document_losses
from bayes_scaling.finetune.evaluation.scores import chrf, rouge_l
from bayes_scaling.finetune.inputs import read_inputs
from bayes_scaling.finetune.one_run import execute


def test_losses_are_the_models_own_one_document_at_a_time(tiny: Path, tiny_run: Callable[..., Any]) -> None:
    model = load_model(Base(path="base"), tiny)
    test = read_inputs(tiny_run("full")).test[:20]
    found = document_losses(model, test, 2, batch_size=7, trimmed=True)
    for number, one in enumerate(test):
        ids = torch.tensor([one.input_ids])
        labels = ids.clone()
        labels[0, : one.target_start] = -100
        with torch.no_grad():
            own = model(input_ids=ids, labels=labels).loss.item()
        count = len(one.input_ids) - one.target_start
        assert found.tokens[number] == count
        assert found.nll[number] == pytest.approx(own * count, rel=1e-5)


def test_the_standard_error_is_that_of_a_jackknife_over_documents() -> None:
    draw = np.random.default_rng(0)
    tokens = draw.integers(2, 60, 400).astype(float)
    nll = tokens * draw.gamma(30, 0.1, 400)
    found = DocumentLosses(nll, tokens, tokens * 3)
    left_out = (nll.sum() - nll) / (tokens.sum() - tokens)
    jackknife = math.sqrt(399 / 400 * np.sum((left_out - left_out.mean()) ** 2))
    assert found.standard_error == pytest.approx(jackknife, rel=0.01)
    as_if_tokens_were_independent = 0.1 * math.sqrt(30) / math.sqrt(tokens.sum())
    assert found.standard_error > 3 * as_if_tokens_were_independent  # the broken twin is far too narrow


def test_units() -> None:
    found = DocumentLosses(np.array([2.0, 4.0]), np.array([1.0, 2.0]), np.array([4.0, 8.0]))
    assert found.loss == 2.0
    assert found.bits_per_byte == pytest.approx(6 / math.log(2) / 12)
    assert math.isnan(DocumentLosses(np.array([2.0]), np.array([1.0]), np.array([4.0])).standard_error)


def test_a_run_tells_its_losses_in_every_unit(tiny: Path, tiny_run: Callable[..., Any]) -> None:
    from bayes_scaling.finetune.evaluation.language import text_fingerprint

    text = tiny / "plain.txt"
    text.write_text("open the file and close the menu\n" * 300)
    run = {"forgetting": str(text), "forgetting_fingerprint": text_fingerprint(str(text))}
    config = tiny_run("full")
    other = config.task.model_copy(update={"name": "again"})
    run["zero_shot"] = ((other, config.task_fingerprint),)
    measures = execute(tiny_run("full", run=run), lambda progress: None).measures
    assert measures["perplexity"] == pytest.approx(math.exp(measures["loss"]))
    assert measures["loss"] < measures["base_loss"]
    assert measures["zero_shot_loss_again"] == pytest.approx(measures["loss"])
    assert measures["zero_shot_base_loss_again"] == pytest.approx(measures["base_loss"])
    assert measures["lm_loss_before"] > 0
    assert measures["lm_loss_after"] != measures["lm_loss_before"]


def test_texts_written_in_a_batch_are_those_written_alone(tiny: Path, tiny_run: Callable[..., Any]) -> None:
    model, inputs = load_model(Base(path="base"), tiny), read_inputs(tiny_run("full"))
    together = generate(model, inputs.tokenizer, inputs.test[:6], max_new_tokens=8, batch_size=4)
    alone = [generate(model, inputs.tokenizer, [one], max_new_tokens=8, batch_size=1)[0] for one in inputs.test[:6]]
    assert together == alone
    assert all(
        inputs.tokenizer.decode(one.input_ids[: one.target_start]) not in text
        for one, text in zip(inputs.test[:6], together, strict=True)
    )


@pytest.mark.parametrize(("method", "size"), [("full", None), ("lora", 4), ("prompt", 5)])
def test_every_method_writes_texts_that_are_scored(tiny_run: Callable[..., Any], method: str, size: int | None) -> None:
    run = {"metrics": ("loss", "chrf", "rouge_l")}
    measures = execute(tiny_run(method, size, max_steps=5, run=run), lambda progress: None).measures
    assert 0 <= measures["chrf"] <= 100
    assert 0 <= measures["rouge_l"] <= 100


def test_rouge_keeps_umlauts_and_chinese() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    assert rouge_l(["the cat sat"], ["the cat sat down"]) == pytest.approx(100 * 2 * 1.0 * 0.75 / 1.75)
    assert rouge_l(["Öffnen"], ["Öffnen"]) == 100
    assert rouge_l(["打开文件"], ["打开文件夹"]) == pytest.approx(100 * 2 * 1.0 * 0.8 / 1.8)
    assert RougeScorer(["rougeL"]).score("打开文件", "打开文件")["rougeL"].fmeasure == 0  # its own tokenizer does not


def test_chrf_is_sacrebleus() -> None:
    assert chrf(["Datei öffnen"], ["Datei öffnen"]) == pytest.approx(100)
    assert 0 < chrf(["Datei schliessen"], ["Datei öffnen"]) < 60


def test_bleurt_reads_a_checkpoint(tiny: Path, tmp_path: Path) -> None:
    """A tiny random checkpoint: its mean score is that of the pairs one by one, reference first."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    size = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "initializer_range": 1.0,
    }
    model = BertForSequenceClassification(BertConfig(vocab_size=400, num_labels=1, max_position_embeddings=64, **size))
    model.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tiny / "base")
    tokenizer.save_pretrained(tmp_path)
    written, references = ["open the file", "close"], ["open a file", "close the long menu of the table"]
    one_by_one = []
    for given, wanted in zip(written, references, strict=True):
        inputs = tokenizer(wanted, given, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        with torch.no_grad():
            one_by_one.append(model.eval()(**inputs).logits.item())
    assert bleurt(written, references, str(tmp_path)) == pytest.approx(np.mean(one_by_one), abs=1e-5)
    assert bleurt(references, written, str(tmp_path)) != pytest.approx(np.mean(one_by_one), abs=1e-5)


def test_bleurt_without_a_checkpoint_says_what_to_do(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(StudyError, match=r"no checkpoint of transformers.*take 'bleurt' out"):
        bleurt(["a"], ["b"], str(tmp_path))
    with pytest.raises(StudyError, match="bleurt_checkpoint"):
        bleurt(["a"], ["b"], str(tiny / "base"))


def test_plain_text_becomes_windows(tiny: Path, tiny_run: Callable[..., Any], tmp_path: Path) -> None:
    tokenizer = read_inputs(tiny_run("full")).tokenizer
    plain, packed = tmp_path / "a.txt", tmp_path / "a.jsonl.gz"
    plain.write_text("open the file\nclose the menu")
    with gzip.open(packed, "wt") as out:
        out.write('{"text": "open the file"}\n{"text": "close the menu"}\n')
    assert read_text(str(plain)) == read_text(str(packed))
    found = windows(str(plain), tokenizer)
    assert sum(len(one.input_ids) for one in found) == len(tokenizer("open the file\nclose the menu")["input_ids"])
    assert all(one.target_start == 1 for one in found)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("a.txt", "  \n", "is empty"), ("a.jsonl", '{"texts": 1}\n', "'text'"), ("a.jsonl", "not json\n", "JSON")],
)
def test_text_that_cannot_be_read(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(StudyError, match=said):
        read_text(str(tmp_path / name))
    with pytest.raises(StudyError, match="there is no file"):
        read_text(str(tmp_path / "nowhere.txt"))
