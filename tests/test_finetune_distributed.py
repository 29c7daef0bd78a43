"""A run of several processes, really trained through torchrun (gloo on a CPU), is the run of one process."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="the finetune extra is not installed")

from bayes_scaling.finetune.engines import EXECUTE
from bayes_scaling.finetune.engines.launching import launch
from bayes_scaling.finetune.one_run import execute


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
def test_two_processes_share_the_batch_of_one(tiny_run: Callable[..., Any], method: str) -> None:
    """The same examples in the same steps: losses agree to what the order of sums allows."""
    size = None if method == "full" else 4
    alone = execute(tiny_run(method, size, max_steps=19), lambda progress: None)
    shared = launch(tiny_run(method, size, max_steps=19, run={"processes": 2}), lambda progress: None, EXECUTE)
    assert shared.status == "done"
    assert shared.measures["loss"] == pytest.approx(alone.measures["loss"], abs=2e-4)
    assert shared.measures["steps"] == alone.measures["steps"] == 19
    assert shared.measures["tokens"] == pytest.approx(alone.measures["tokens"], rel=0.02)
    other = execute(tiny_run(method, size, max_steps=19, batch_size=8), lambda progress: None)
    assert abs(other.measures["loss"] - alone.measures["loss"]) > 1e-3  # the broken twin: half the batch


@pytest.mark.slow
def test_a_sharded_run_is_the_run_of_one_process(tiny_run: Callable[..., Any]) -> None:
    alone = execute(tiny_run("full", max_steps=8), lambda progress: None)
    config = tiny_run("full", max_steps=8, fsdp={"version": 2}, run={"processes": 2})
    shared = launch(config, lambda progress: None, EXECUTE)
    assert shared.measures["loss"] == pytest.approx(alone.measures["loss"], abs=2e-4)
