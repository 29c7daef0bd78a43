"""Workers and engines: who gets which GPU, what people see, runs taken away, runs of several processes."""

import io
import os
import signal
import threading
import time

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from rich.console import Console

from bayes_scaling.finetune.config import Engine
from bayes_scaling.finetune.engines import machine
from bayes_scaling.finetune.engines.attempts import attempt, load_execute, reason
from bayes_scaling.finetune.engines.display import Bars, Display
from bayes_scaling.finetune.engines.launching import launch, several_processes
from bayes_scaling.finetune.engines.stopping import Stopped, Stopper
from bayes_scaling.finetune.engines.worker import work
from bayes_scaling.finetune.errors import EngineError, MissingExtraError, StudyError
from bayes_scaling.finetune.ledger import Ledger, this_owner
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunResult

DONE = RunResult("done", {"loss": 2.0})


@pytest.fixture
def path(tmp_path, fake_run):
    with Ledger(tmp_path / "study.ledger") as ledger:
        ledger.plan([fake_run(seed) for seed in range(3)])
    return tmp_path / "study.ledger"


# --- GPUs and cores

SMI = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa)
GPU 1: NVIDIA A100 (UUID: GPU-bbbb)
  MIG 3g.40gb     Device  0: (UUID: MIG-1111)
  MIG 3g.40gb     Device  1: (UUID: MIG-2222)
"""


def test_gpus_are_those_that_cuda_sees(monkeypatch):
    assert machine.listed_gpus(SMI) == ["GPU-aaaa", "MIG-1111", "MIG-2222"]
    assert machine.listed_gpus("") == []
    for value, gpus in (("2,5", ["2", "5"]), ("", []), ("-1", []), ("GPU-aaaa", ["GPU-aaaa"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert machine.visible_gpus() == gpus


def test_gpus_are_divided_over_workers():
    gpus = ["0", "1", "2", "3"]
    assert [machine.gpus_of(worker, 1, gpus) for worker in range(5)] == [["0"], ["1"], ["2"], ["3"], ["0"]]
    assert [machine.gpus_of(worker, 2, gpus) for worker in range(2)] == [["0", "1"], ["2", "3"]]
    assert machine.gpus_of(0, 4, ["0", "1"]) == ["0", "1"] and machine.gpus_of(3, 1, []) == []


def test_as_many_workers_as_the_machine_carries(monkeypatch):
    monkeypatch.setattr(machine, "usable_cores", lambda: 8)
    monkeypatch.setattr(machine, "visible_gpus", lambda: [])
    assert machine.default_workers(Engine(threads=2)) == 4
    assert machine.default_workers(Engine(threads=2, processes_per_run=2)) == 2
    assert machine.default_workers(Engine(threads=20)) == 1
    monkeypatch.setattr(machine, "visible_gpus", lambda: ["0", "1", "2", "3"])
    assert machine.default_workers(Engine(threads=20)) == 4
    assert machine.default_workers(Engine(processes_per_run=2)) == 2


# --- a worker in this process


def test_a_worker_runs_what_it_is_asked_to_and_its_cost_is_told(path, fake_run):
    assert work(path, lambda config, report: DONE, ids=[fake_run(1).id], price_per_hour=7200.0) == 1
    with Ledger(path) as ledger:
        (record,) = ledger.records(status="done")
        assert record.seed == 1 and record.cost == pytest.approx(2 * record.wall_seconds)


def test_a_run_that_was_taken_away_stops_and_its_end_is_dropped(path, capfd):
    def slow(config, report):
        with Ledger(path) as other:
            assert other.release(config.id, this_owner())
            other.claim("other:1:x", [config.id])
        while True:
            report(Progress(1, 2))
            time.sleep(0.02)

    with Ledger(path) as ledger:
        ids = [ledger.records()[0].id]
        assert work(path, slow, ids=ids, beat_seconds=0.05) == 0
        assert ledger.records(ids)[0].owner == "other:1:x"
    assert "was given to another process; its end here is dropped" in capfd.readouterr().err


def test_the_heart_beats_while_a_run_says_nothing(path):
    beats = []

    def silent(config, report):
        for _ in range(5):
            time.sleep(0.1)
            with Ledger(path, read_only=True) as reader:
                beats.append(reader.records([config.id])[0].heartbeat)
        return DONE

    with Ledger(path) as ledger:
        work(path, silent, ids=[ledger.records()[0].id], beat_seconds=0.05)
    assert len(set(beats)) >= 2


def test_a_signal_stops_a_worker_and_its_run_is_planned_again(path):
    def run(config, report):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        time.sleep(20)

    with pytest.raises(Stopped):
        work(path, run)
    with Ledger(path) as ledger:
        assert ledger.counts()["planned"] == 3


def test_a_signal_waits_where_it_may_not_interrupt():
    before = signal.getsignal(signal.SIGTERM)
    with Stopper() as stopper:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopper.is_stopped
        with pytest.raises(Stopped), stopper.may_interrupt():
            pytest.fail("it was stopped already")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_missing_library_blames_no_run(path):
    def run(config, report):
        raise MissingExtraError("install torch")

    with pytest.raises(MissingExtraError):
        work(path, run)
    with Ledger(path) as ledger:
        assert ledger.counts()["planned"] == 3


def test_reasons_are_in_the_words_of_who_knows():
    assert reason(StudyError("base 'x' has no tokenizer")) == "base 'x' has no tokenizer"
    assert reason(ZeroDivisionError("division by zero")) == "ZeroDivisionError: division by zero"
    gpu = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB")
    cpu = RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried")
    assert all(reason(error).startswith("out of memory (") for error in (gpu, cpu, MemoryError()))
    assert not reason(RuntimeError("shapes do not match")).startswith("out of memory")


# --- what people see


def test_lines_tell_new_endings_and_bars_move(path):
    lines = []
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Ledger(path) as ledger, Display(lines.append) as display:
        bars = Bars(console)
        display.update(ledger.glances())
        run = ledger.claim(this_owner())
        ledger.beat(run.id, this_owner(), Progress(30, 40, 2.5))
        bars.update(ledger.glances())
        assert [(task.description, task.completed, task.total) for task in bars.progress.tasks] == [
            ("runs", 0, 3),
            (run.label, 30, 40),
        ]
        assert bars.progress.tasks[1].fields["loss"] == "dev 2.500"
        ledger.finish(run.id, this_owner(), DONE, wall_seconds=61.0)
        bars.update(ledger.glances())
        display.update(ledger.glances())
        display.update(ledger.glances())
    assert [(task.completed, task.total) for task in bars.progress.tasks] == [(1, 3)]
    assert lines == [f"[1/3] done: {run.label}, loss 2.0000, 61 s"]


# --- several processes

SEVERAL = """
import os, time
import torch, torch.distributed as dist
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunResult

def execute(config, report):
    dist.init_process_group("gloo")
    total = torch.tensor([float(dist.get_rank() + 1)])
    dist.all_reduce(total)
    report(Progress(1, 2, 3.0))
    time.sleep(1.2)
    return RunResult("done", {"loss": float(total), "threads": float(os.environ["OMP_NUM_THREADS"])})

def fail(config, report):
    if os.environ["RANK"] == "1":
        raise ValueError("rank 1 has had enough")
    time.sleep(30)
"""


@pytest.fixture
def several(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="the finetune extra is not installed")
    (tmp_path / "several.py").write_text(SEVERAL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_run_of_two_processes_goes_through_torchrun(several, fake_run):
    said = []
    result = launch(fake_run(processes=2, threads=1), said.append, "several:execute")
    assert result == RunResult("done", {"loss": 3.0, "threads": 1.0})  # 1 + 2, summed over both
    assert said == [Progress(1, 2, 3.0)]


def test_a_process_that_fails_tells_why(several, fake_run):
    outcome = attempt(several_processes(lambda *_: DONE, "several:fail"), fake_run(processes=2), lambda _: None)
    assert outcome.result is None and outcome.error == "ValueError: rank 1 has had enough"
    assert attempt(several_processes(lambda *_: DONE, "-"), fake_run(), lambda _: None).result == DONE


def test_an_executor_is_named(tmp_path):
    assert load_execute("bayes_scaling.finetune.engines.launching:launch") is launch
    for name in ("nowhere:execute", "bayes_scaling.finetune.engines.launching:nothing", "json"):
        with pytest.raises(EngineError, match=f"cannot load '{name}'"):
            load_execute(name)
