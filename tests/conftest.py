"""Fits, and a tiny base to finetune, that many tests read; made once a session."""

import fcntl
import json
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

import bayes_scaling as bs

# a busy machine is slow, not wrong
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def runs() -> pd.DataFrame:
    return bs.load_data("zhang2024_en_zh")


@pytest.fixture(scope="session")
def both(runs: pd.DataFrame) -> pd.DataFrame:
    """The paper's two tables as one: model size and PET size, one factor at a time."""
    return bs.load_runs(pd.concat([runs, bs.load_data("zhang2024_pet")]))


@pytest.fixture(scope="session")
def fit(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> bs.Posterior:
    """The paper's runs, fitted; by one of several workers, which the others wait for: the same object, draw by draw."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return bs.fit(runs[runs.split == "fit"], seed=0)
    shared = tmp_path_factory.getbasetemp().parent / "fit.pickle"
    with open(f"{shared}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            fitted = bs.fit(runs[runs.split == "fit"], seed=0)
            shared.write_bytes(pickle.dumps((fitted, fitted.idata)))  # its ArviZ groups, which it keeps, with it
    return pickle.loads(shared.read_bytes())[0]


@pytest.fixture(scope="session")
def held_out(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs.split == "held"]


@pytest.fixture(scope="session")
def posterior_file(fit: bs.Posterior, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("posterior") / "posterior.nc"
    fit.save(path)
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained Llama of 20,640 non-embedding parameters and 1,200 pairs, ``train.jsonl``."""
    pytest.importorskip("torch", reason="the finetune extra is not installed")
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny")
    rows = _tiny_pairs()
    (folder / "train.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "base")
    _tiny_tokenizer(rows).save_pretrained(folder / "base")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tiny: Path) -> Callable[..., Any]:
    """Makes the configuration of a run on the tiny base: ``tiny_run("lora", 4, learning_rate=1e-2)``."""
    from bayes_scaling.finetune.bases import base_facts
    from bayes_scaling.finetune.config import Base, Method, Task, Training
    from bayes_scaling.finetune.runs import RunConfig
    from bayes_scaling.finetune.tasks import load_task

    base = Base(path=str(tiny / "base"))
    facts = base_facts(base, tiny)
    names = {"source": "en", "target": "upper", "dev_examples": 50, "test_examples": 100}
    task = Task(name="upper", train=str(tiny / "train.jsonl"), **names)
    fingerprint = load_task(task, tiny).fingerprint

    def make(
        method: str | Method, size: int | None = None, *, run: dict[str, Any] | None = None, **training: Any
    ) -> Any:
        if isinstance(method, str):
            method = Method(name=method, sizes=(size,) if size else ())
        settings = {"learning_rate": 3e-3, "max_steps": 40} | training
        common = {"study": "tiny", "purpose": "measure", "base": base, "base_fingerprint": facts.fingerprint}
        common |= {"model_size": facts.model_size, "pretrain_size": None, "task": task, "task_fingerprint": fingerprint}
        common |= {"method": method, "pet_size": size, "finetune_size": 300, "seed": 1}
        return RunConfig(**common | {"training": Training(**settings)} | (run or {}))

    return make


def _tiny_pairs() -> list[dict[str, str]]:
    words = [
        "open",
        "close",
        "save",
        "file",
        "menu",
        "table",
        "cell",
        "chart",
        "page",
        "text",
        "image",
        "color",
        "line",
        "field",
        "value",
    ]
    draw = random.Random(0)
    texts = [" ".join(draw.choices(words, k=draw.randint(3, 25))) for _ in range(1200)]
    return [{"en": text, "upper": text.upper()} for text in texts]


def _tiny_tokenizer(rows: list[dict[str, str]]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f"{row['en']} {row['upper']}" for row in rows], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


@pytest.fixture(scope="session")
def fake_run() -> Callable[..., Any]:
    """Makes the configuration of a run that nobody can really run: ``fake_run(seed=3)``; nothing is loaded."""
    from bayes_scaling.finetune.runs import RunConfig

    common = {"study": "fake", "purpose": "measure", "base": {"path": "/bases/small"}, "base_fingerprint": "b" * 64}
    common |= {"task": {"name": "help", "train": "/texts/help.jsonl", "source": "en", "target": "de"}}
    common |= {"model_size": 1e5, "pretrain_size": 2e6, "task_fingerprint": "a" * 64, "pet_size": None}
    common |= {"method": {"name": "full"}, "finetune_size": 100, "training": {}}
    return lambda seed=0, **changes: RunConfig.model_validate(common | {"seed": seed} | changes)
