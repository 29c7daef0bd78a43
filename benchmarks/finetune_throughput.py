"""Target tokens per second: our training loop against a plain Trainer with padding, and two workers against one.

``python benchmarks/finetune_throughput.py`` prints both ratios, each the median over paired repeats in one run, on an
untrained Llama of 0.35M non-embedding parameters and the English-German help texts shipped with the package.
"""

import argparse
import platform
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import DataCollatorForSeq2Seq, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Trainer
from transformers.utils.logging import disable_progress_bar

from bayes_scaling.finetune.bases import base_facts
from bayes_scaling.finetune.config import Base, Engine, Method, Task, Training
from bayes_scaling.finetune.engines import run_planned
from bayes_scaling.finetune.inputs import Inputs, read_inputs
from bayes_scaling.finetune.ledger import Ledger
from bayes_scaling.finetune.one_run import build
from bayes_scaling.finetune.runs import RunConfig
from bayes_scaling.finetune.tasks import load_task
from bayes_scaling.finetune.training.arguments import trainer_arguments

TEXTS = Path(__file__).parent.parent / "finetune" / "data" / "libreoffice_help"
EXAMPLES, BATCH = 1000, 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="paired repeats of each comparison")
    parser.add_argument("--runs", type=int, default=8, help="runs given to the workers")
    given = parser.parse_args()
    disable_progress_bar()
    torch.set_num_threads(1)
    print(f"{platform.machine()}, {torch.get_num_threads()} thread a run, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = configured(folder)
        compare_loops(config, given.repeats)
        compare_workers(config, folder, given.repeats, given.runs)


def compare_loops(config: RunConfig, repeats: int) -> None:
    """Ours against a plain Trainer, one epoch each, in turn."""
    inputs = read_inputs(config)
    targets = sum(len(one.input_ids) - one.target_start for one in inputs.train)
    rates: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(repeats):
        rates["ours"].append(targets / ours(config, inputs))
        rates["plain"].append(targets / plain(config, inputs))
    ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["plain"], strict=True))
    for name, values in rates.items():
        print(f"{name:>6}: {statistics.median(values):8,.0f} target tokens/s (median of {repeats})")
    print(f"our loop / plain Trainer with padding: {ratio:.2f}")


def compare_workers(config: RunConfig, folder: Path, repeats: int, runs: int) -> None:
    """The same runs by one worker and by two: target tokens over the time that runs were running."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for repeat in range(max(1, repeats // 2)):
        for workers, found in rates.items():
            path = folder / f"workers-{workers}-{repeat}.ledger"
            with Ledger(path) as ledger:
                ledger.plan([config.model_copy(update={"seed": seed}) for seed in range(runs)])
            run_planned(path, Engine(workers=workers), show=lambda line: None)
            found.append(throughput(path))
    ratio = statistics.median(b / a for a, b in zip(rates[1], rates[2], strict=True))
    for workers, values in rates.items():
        print(f"{workers} worker{'s' if workers > 1 else ''}: {statistics.median(values):8,.0f} target tokens/s")
    print(f"two workers / one: {ratio:.2f}")


def throughput(path: Path) -> float:
    """Target tokens of all runs over the time from the first run's start to the last one's end.

    Starting a worker (importing torch, 10 s) is before the first start: it is paid once a study.
    """
    with Ledger(path) as ledger:
        records = ledger.records()
    assert all(record.status == "done" for record in records), records
    started = min(datetime.fromisoformat(str(record.started)) for record in records)
    finished = max(datetime.fromisoformat(str(record.finished)) for record in records)
    return sum(record.measures["tokens"] for record in records) / (finished - started).total_seconds()


def ours(config: RunConfig, inputs: Inputs) -> float:
    """Seconds of an epoch of our loop, without looks at the dev loss."""
    with tempfile.TemporaryDirectory() as logs:
        arguments = trainer_arguments(config, Path(logs))
        arguments.eval_strategy = arguments.logging_strategy = "no"
        trainer, _ = build(model(), inputs, config, arguments, report=lambda progress: None, trimmed=True)
        return seconds(trainer)


def plain(config: RunConfig, inputs: Inputs) -> float:
    """Seconds of an epoch of a plain Trainer: random batches padded to their longest example."""
    rows = [
        {
            "input_ids": list(one.input_ids),
            "labels": [-100] * one.target_start + list(one.input_ids[one.target_start :]),
        }
        for one in inputs.train
    ]
    with tempfile.TemporaryDirectory() as logs:
        arguments = trainer_arguments(config, Path(logs))
        arguments.eval_strategy = arguments.logging_strategy = "no"
        collator = DataCollatorForSeq2Seq(inputs.tokenizer, padding=True)
        return seconds(Trainer(model(), arguments, data_collator=collator, train_dataset=rows))


def seconds(trainer: Trainer) -> float:
    """Wall time of a training."""
    start = time.perf_counter()
    trainer.train()
    return time.perf_counter() - start


def model() -> LlamaForCausalLM:
    """An untrained Llama, always the same."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=2048,
            hidden_size=96,
            intermediate_size=256,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=2,
        )
    )


def configured(folder: Path) -> RunConfig:
    """One epoch of full-model tuning on a thousand pairs."""
    task = Task(
        name="en_de",
        source="en",
        target="de",
        dev_examples=50,
        test_examples=50,
        **{part: str(TEXTS / f"{part}.jsonl.gz") for part in ("train", "dev", "test")},
    )
    data = load_task(task, folder)
    bpe = ByteLevelBPETokenizer()
    texts = [f"{one.source} {one.target}" for one in data.train]
    bpe.train_from_iterator(texts, vocab_size=2048, special_tokens=["<s>", "</s>", "<pad>"], show_progress=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.save_pretrained(folder / "base")
    model().save_pretrained(folder / "base")
    base = Base(path=str(folder / "base"))
    facts = base_facts(base, folder)
    return RunConfig(
        study="throughput",
        purpose="measure",
        base=base,
        base_fingerprint=facts.fingerprint,
        model_size=facts.model_size,
        pretrain_size=None,
        task=task,
        task_fingerprint=data.fingerprint,
        method=Method(name="full"),
        pet_size=None,
        finetune_size=EXAMPLES,
        seed=0,
        training=Training(learning_rate=5e-4, epochs=1, batch_size=BATCH, patience=0),
    )


if __name__ == "__main__":
    main()
