"""The Ray engine on a cluster of this machine with two workers, one of which is killed on the way."""

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.config import Engine
from bayes_scaling.finetune.engines import run_planned
from bayes_scaling.finetune.errors import EngineError, MissingExtraError
from bayes_scaling.finetune.ledger import Ledger

FAKE = """
import os, signal, time
from pathlib import Path
from bayes_scaling.finetune.progress import Progress
from bayes_scaling.finetune.runs import RunResult

FOLDER = Path(__file__).parent

def execute(config, report):
    with open(FOLDER / "begun", "a") as file:
        file.write(f"{config.seed} {os.getpid()}\\n")
    if config.seed == 1 and not (FOLDER / "died").exists():
        (FOLDER / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if config.seed == 2:
        raise KeyError("no such column")
    for step in range(4):
        report(Progress(step, 4, 3.0))
        time.sleep(0.5)
    return RunResult("diverged" if config.seed == 3 else "done", {"loss": 2.0 + config.seed})
"""


# What Ray leaves to the garbage collector: log files, sockets, and the five servers of a cluster that did not come up
# in time. Raised in a destructor, each would be an error of whatever test runs then.
LEFT_BY_RAY = (
    "ignore:unclosed:ResourceWarning",
    r"ignore:subprocess \d+ is still running:ResourceWarning",
    "ignore:(?s).*/ray/:pytest.PytestUnraisableExceptionWarning",
    # Ray forks to start a server, and JAX, which an earlier test of the worker may have loaded, warns of any fork
    r"ignore:os\.fork\(\) was called:RuntimeWarning",
)


@pytest.fixture
def path(tmp_path, fake_run, monkeypatch):
    (tmp_path / "fake_on_ray.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Ledger(tmp_path / "study.ledger") as ledger:
        ledger.plan([fake_run(seed) for seed in range(6)])
    return tmp_path / "study.ledger"


def start(ray, attempts=4):
    """A cluster here. Ray gives its servers 30 s to come up, which on a busy machine may take another attempt."""
    import psutil

    small = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 100_000_000}
    before = psutil.Process().children(recursive=True)
    for left in reversed(range(attempts)):
        try:
            ray.init(address="local", log_to_driver=False, **small)
            return
        except Exception as error:  # Ray's is of no narrower class
            if "timed out during startup" not in str(error) or not left:
                raise
        for server in set(psutil.Process().children(recursive=True)) - set(before):
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()


@pytest.fixture
def cluster(path, monkeypatch):
    ray = pytest.importorskip("ray", reason="the cluster extra is not installed")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    start(ray)
    yield ray
    ray.shutdown()
    gc.collect()  # here and now, where it is ignored


@pytest.mark.filterwarnings(*LEFT_BY_RAY)
def test_a_study_on_ray_with_a_worker_killed_on_the_way(path, cluster, fake_run):
    lines = []
    run_planned(path, Engine(kind="ray", price_per_hour=3600.0), show=lines.append, execute="fake_on_ray:execute")
    with Ledger(path) as ledger:
        records = ledger.records()
    assert [record.status for record in records] == ["done", "done", "failed", "diverged", "done", "done"]
    assert [record.attempts for record in records] == [1, 2, 1, 1, 1, 1]
    assert [record.kills for record in records] == [0, 1, 0, 0, 0, 0]
    assert records[5].measures == {"loss": 7.0} and records[2].error == "KeyError: 'no such column'"
    assert records[4].cost == records[4].wall_seconds >= 2.0 and records[4].versions["python"]
    begun = [line.split() for line in (path.parent / "begun").read_text().splitlines()]
    assert sorted(int(seed) for seed, _ in begun) == [0, 1, 1, 2, 3, 4, 5]
    assert len({pid for _, pid in begun}) >= 3 and str(os.getpid()) not in {pid for _, pid in begun}
    assert any("a worker was lost at" in line and "planned again" in line for line in lines)
    assert cluster.is_initialized()  # it was there before, it stays

    with Ledger(path) as ledger:
        assert ledger.retry_failed() == 1
    with pytest.raises(EngineError, match="cannot load 'fake_on_ray:nothing'"):
        run_planned(path, Engine(kind="ray"), show=lines.append, execute="fake_on_ray:nothing")
    with Ledger(path) as ledger:
        assert ledger.counts()["planned"] == 1
        ledger.plan([fake_run(10), fake_run(11)])

    def interrupt():
        while not {"10", "11"} & {line.split()[0] for line in (path.parent / "begun").read_text().splitlines()}:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_planned(path, Engine(kind="ray"), show=lines.append, execute="fake_on_ray:execute")
    with Ledger(path) as ledger:
        counts = ledger.counts()
        assert counts["running"] == 0 and counts["planned"] >= 2
        assert {record.kills for record in ledger.records(status="planned")} == {0}


def test_an_address_where_nobody_listens_is_told_at_once(path):
    pytest.importorskip("ray", reason="the cluster extra is not installed")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(
            EngineError, match=f"no Ray cluster at engine.address '{address}' .*; start one with 'ray start"
        ):
            run_planned(path, Engine(kind="ray", address=address))
    with Ledger(path) as ledger:
        assert ledger.counts()["planned"] == 6


# Bug: a bare Exception of Ray left as a foreign traceback
def test_a_cluster_that_does_not_come_up_is_told(path, monkeypatch):
    ray = pytest.importorskip("ray", reason="the cluster extra is not installed")

    def too_slow(**_):
        raise Exception("The current node timed out during startup. This could happen because")

    monkeypatch.setattr(ray, "init", too_slow)
    with pytest.raises(EngineError, match=r"no Ray cluster at .* None \(The current node timed out"):
        run_planned(path, Engine(kind="ray"))


def test_without_ray_it_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'bayes_scaling\[cluster\]'"):
        run_planned(path, Engine(kind="ray"))
