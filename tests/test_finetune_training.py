"""One run: reproducible to the last bit, unchanged by accumulation, honest when it diverges."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the finetune extra is not installed")

import torch

from bayes_scaling.finetune.bases import load_model
from bayes_scaling.finetune.batches import IGNORED, LengthBuckets, collate, mean_nll, token_nll
from bayes_scaling.finetune.config import Base, Training
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.inputs import read_inputs
from bayes_scaling.finetune.one_run import execute
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.steps import steps_of
from bayes_scaling.finetune.tasks import Encoded
from bayes_scaling.finetune.training.calibrate import seconds_per_step


def silent(progress: Progress) -> None:
    """Nobody looks."""


def example(*lengths: int) -> list[Encoded]:
    return [Encoded(tuple(range(3, 3 + length)), 2, 10) for length in lengths]


def test_one_seed_one_loss_to_the_last_bit(tiny_run: Callable[..., Any]) -> None:
    for method, size in (("full", None), ("lora", 4), ("prompt", 5)):
        config = tiny_run(method, size, max_steps=10)
        first, again = execute(config, silent), execute(config, silent)
        assert first.measures == again.measures
        assert first.history == again.history
    other = execute(tiny_run(method, size, max_steps=10, run={"seed": 2}), silent)
    assert other.measures["loss"] != first.measures["loss"]


def test_seeds_draw_different_nested_subsets(tiny_run: Callable[..., Any]) -> None:
    def drawn(size: int, seed: int) -> set[tuple[int, ...]]:
        return {one.input_ids for one in read_inputs(tiny_run("full", run={"finetune_size": size, "seed": seed})).train}

    assert drawn(50, 1) < drawn(200, 1)
    assert len(drawn(200, 1) & drawn(200, 2)) < 100
    assert not drawn(50, 2) < drawn(200, 1)  # the broken twin: another seed's subset is not inside


def test_accumulation_does_not_change_the_loss(tiny_run: Callable[..., Any]) -> None:
    """300 examples are 37 full steps of 8 and one of 4: the short last window counts its own tokens."""
    steps = {"max_steps": 60, "epochs": 2.0, "patience": 0}
    losses = [
        execute(tiny_run("full", batch_size=batch, gradient_accumulation=8 // batch, **steps), silent).measures["loss"]
        for batch in (8, 1, 4)
    ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    assert losses[2] == pytest.approx(losses[0], abs=1e-5)


def test_broken_twin_a_mean_of_batch_means_is_another_loss(
    tiny_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dividing each small batch by its own tokens moves the loss by far more than 1e-5."""
    from bayes_scaling.finetune.training import trainer

    right = execute(tiny_run("full", batch_size=8), silent).measures["loss"]
    monkeypatch.setattr(trainer, "mean_nll", lambda outputs, labels, num_items_in_batch: mean_nll(outputs, labels) / 8)
    wrong = execute(tiny_run("full", batch_size=1, gradient_accumulation=8), silent).measures["loss"]
    assert abs(wrong - right) > 1e-4


def test_a_run_that_diverges_is_recorded_as_such(tiny_run: Callable[..., Any]) -> None:
    """A rate of 1e30 makes the weights infinite; what was reached is kept, a loss is not made up."""
    result = execute(tiny_run("full", learning_rate=1e30, max_grad_norm=1e30), silent)
    assert result.status == "diverged"
    assert "loss" not in result.measures
    assert result.measures["base_loss"] > 0
    assert all(math.isfinite(value) for record in result.history for value in record.values())


def test_the_weights_of_the_lowest_dev_loss_are_tested(tiny_run: Callable[..., Any]) -> None:
    """A rate far too high late in the run: the loss is that of the best look, not of the last."""
    result = execute(tiny_run("full", learning_rate=3e-1, schedule="constant", patience=1, max_steps=60), silent)
    looks = [record for record in result.history if "dev_loss" in record]
    best = min(looks, key=lambda record: record["dev_loss"])
    assert result.measures["dev_loss"] == best["dev_loss"]
    assert result.measures["best_step"] == best["step"]
    assert best["step"] < looks[-1]["step"]  # else this run shows nothing
    assert result.measures["stopped_early"] == 1
    assert result.measures["loss"] == pytest.approx(best["dev_loss"], abs=0.5)


def test_progress_is_reported_and_can_stop_a_run(tiny_run: Callable[..., Any]) -> None:
    seen: list[Progress] = []
    execute(tiny_run("full", max_steps=5), seen.append)
    assert seen[0].steps == 5

    def stop(progress: Progress) -> None:
        raise InterruptedError("the ledger gave this run to somebody else")

    with pytest.raises(InterruptedError):
        execute(tiny_run("full", max_steps=5), stop)


def test_texts_that_changed_since_planning_are_refused(tiny_run: Callable[..., Any]) -> None:
    with pytest.raises(StudyError, match="changed since the run was planned"):
        execute(tiny_run("full", run={"task_fingerprint": "0" * 64}), silent)


def test_tuning_runs_give_the_dev_loss_only(tiny_run: Callable[..., Any]) -> None:
    result = execute(tiny_run("full", max_steps=5, run={"purpose": "tune"}), silent)
    assert result.measures["loss"] == result.measures["dev_loss"]
    assert "loss_se" not in result.measures


@pytest.mark.parametrize(
    ("settings", "size", "expected"),
    [
        ({"epochs": 3.0, "batch_size": 16}, 100, (21, False)),
        ({"epochs": 3.0, "batch_size": 2, "gradient_accumulation": 8}, 100, (21, False)),
        ({"epochs": 1.0, "min_steps": 50}, 100, (50, False)),
        ({"epochs": 3.0, "max_steps": 10}, 100, (10, True)),
        ({"epochs": 0.1}, 10, (1, False)),
    ],
)
def test_steps_of_a_run(settings: dict[str, Any], size: int, expected: tuple[int, bool]) -> None:
    assert steps_of(Training(**settings), size) == expected


def test_buckets_hold_every_example_once_and_like_lengths_together() -> None:
    lengths = [int(length) for length in torch.randint(5, 100, (1003,), generator=torch.Generator().manual_seed(0))]
    sampler = LengthBuckets(lengths, 10, seed=1)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(1003))
    assert first != second
    assert list(LengthBuckets(lengths, 10, seed=1)) == first

    def padded(order: list[int]) -> int:
        return sum(10 * max(lengths[index] for index in order[at : at + 10]) for at in range(0, 1000, 10))

    assert padded(first) < 1.15 * sum(lengths)
    assert padded(list(range(1003))) > 1.5 * sum(lengths)  # the broken twin: no buckets


def test_a_batch_asks_for_the_logits_of_its_targets_alone(tiny: Path) -> None:
    """Losses with and without trimmed logits agree, and are those of the model's own loss."""
    model = load_model(Base(path="base"), tiny)
    examples = example(9, 5, 12)
    labels = collate(examples, 2, trimmed=False)["labels"]
    assert [int((row != IGNORED).sum()) for row in labels] == [7, 3, 10]
    found = []
    for trimmed in (True, False):
        batch = collate(examples, 2, trimmed=trimmed)
        labels = batch.pop("labels")
        with torch.no_grad():
            logits = model(**batch).logits
        found.append(token_nll(logits, labels).sum(dim=1))
        own = model(**collate(examples, 2, trimmed=False)).loss
    assert collate(examples, 2, trimmed=True)["logits_to_keep"] == 11
    torch.testing.assert_close(found[0], found[1])
    assert (found[0].sum() / 20).item() == pytest.approx(own.item(), rel=1e-6)


def test_a_step_of_the_clock(tiny_run: Callable[..., Any]) -> None:
    assert 0 < seconds_per_step(tiny_run("lora", 4)) < 5


def test_trackers_of_the_trainer_are_written(
    tiny_run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorBoard's file has the dev losses of the run's history; tracking does not change the run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    tracked, plain = tiny_run("full", max_steps=6, report_to=("tensorboard",)), tiny_run("full", max_steps=6)
    assert tracked.id == plain.id
    result = execute(tracked, silent)
    (folder,) = {path.parent for path in (tmp_path / "trackers" / tracked.id).rglob("events.out.tfevents.*")}
    events = EventAccumulator(str(folder)).Reload().Scalars("eval/loss")
    looks = [record["dev_loss"] for record in result.history if "dev_loss" in record]
    assert [event.value for event in events] == pytest.approx(looks, rel=1e-6)
