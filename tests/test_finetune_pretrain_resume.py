"""A ladder that is killed goes on where it was, to the same weights bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="the extra 'finetune' is not installed")
pytest.importorskip("yaml", reason="the extra 'finetune' is not installed")
pytest.importorskip("torch", reason="the extra 'finetune' is not installed")
pytest.importorskip("transformers", reason="the extra 'finetune' is not installed")

import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import bayes_scaling.finetune
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain import learner as learners
from bayes_scaling.finetune.pretrain import load_ladder, one_size, pretrain_ladder
from bayes_scaling.finetune.pretrain.one_size import SizeRun, pretrain_size
from bayes_scaling.finetune.pretrain.stages import leg_rate, trunk_rate
from bayes_scaling.finetune.pretrain.tokens import tokenise

TEXT = Path(bayes_scaling.finetune.__file__).parent / "data" / "libreoffice_help" / "text.jsonl.gz"
CONTENT = {
    "ladder": "try",
    "output": "out",
    "corpus": {"files": [str(TEXT)], "validation_share": 0.03, "validation_tokens": 1_024},
    "vocabulary": 400,
    "sizes": [{"name": "a", "hidden_size": 16, "layers": 1, "heads": 2, "intermediate_size": 32}],
    "tokens": [8_000, 16_000],
    "batch": {"sequences": 4, "length": 64},
    "learning_rate": 1e-2,
    "warmup": 2_000,
    "decay": 0.3,
}


class Stopped(Exception):
    """Stands for a kill inside one process."""


class StopAfter:
    """Hears of steps and stops when so many are done."""

    def __init__(self, steps=10**9):
        self.left = steps

    def steps(self, steps, loss):
        self.left -= steps
        if self.left <= 0:
            raise Stopped

    def skipped(self, steps):
        assert steps >= 0


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    torch.set_num_threads(1)  # as in the processes of a ladder
    folder = tmp_path_factory.mktemp("corpus")
    return tokenise(_ladder(folder), folder, lambda line: None)


def _ladder(folder, **keys):
    (folder / "ladder.yaml").write_text(yaml.safe_dump(CONTENT | keys))
    return load_ladder(folder / "ladder.yaml")


def _weights(folder):
    return {path.parent.name: path.read_bytes() for path in sorted((folder / "out").glob("*/model.safetensors"))}


def _train(folder, corpus, stops=(), **keys):
    """Train in this process, stopped after each number of steps and called again; the weights' bytes by base."""
    ladder = _ladder(folder, **keys)
    state = folder / "out" / ".state"
    state.mkdir(parents=True, exist_ok=True)
    for stop in (*stops, 10**9):
        missing = tuple(tokens for tokens in ladder.tokens if not ladder.folder(ladder.sizes[0], tokens).exists())
        try:
            pretrain_size(SizeRun(ladder, ladder.sizes[0], corpus, state, "cpu", StopAfter(stop)), missing)
        except Stopped:
            continue
    return _weights(folder)


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    return _train(tmp_path_factory.mktemp("whole"), corpus)


@pytest.fixture
def save_every_step(monkeypatch):
    monkeypatch.setattr(one_size, "LOOK_EVERY", 1)
    return {"save_minutes": 1e-9}


def test_the_rates_of_the_steps_are_those_of_the_schedule(corpus, tmp_path, monkeypatch):
    steps = []

    def spy(learner, ladder, windows, rate):
        steps.append((learner.step, rate))
        return learners.take_step(learner, ladder, windows, rate)

    monkeypatch.setattr(one_size, "take_step", spy)
    _train(tmp_path, corpus)
    ladder = _ladder(tmp_path)
    short, long = ladder.stages(8_000), ladder.stages(16_000)
    wanted = [(step, trunk_rate(step, 1e-2, 2_000 / 256)) for step in range(short.trunk)]
    wanted += [(step, leg_rate(step, 1e-2, short)) for step in range(short.trunk, short.steps)]
    wanted += [(step, trunk_rate(step, 1e-2, 2_000 / 256)) for step in range(short.trunk, long.trunk)]
    wanted += [(step, leg_rate(step, 1e-2, long)) for step in range(long.trunk, long.steps)]
    assert steps == wanted


def test_a_base_does_not_depend_on_the_other_numbers_of_tokens(whole, corpus, tmp_path):
    alone = _train(tmp_path, corpus, tokens=[16_000])
    assert alone["a-16k"] == whole["a-16k"]
    both = _train(tmp_path, corpus, tokens=[8_000, 16_000])  # its trunk is past the shorter one's end
    assert both == whole


def test_stopped_anywhere_it_goes_on_to_the_same_weights(whole, corpus, tmp_path, save_every_step):
    # in the first trunk, the first leg, the second trunk, twice in the second leg
    assert _train(tmp_path, corpus, stops=(7, 20, 12, 9, 5), **save_every_step) == whole
    assert len(whole) == 2


def test_weights_that_resume_without_the_optimisers_state_differ(whole, corpus, tmp_path, save_every_step):
    """The broken twin of the test above: it would see a state that is restored in part."""
    _forget_moments(tmp_path, corpus, save_every_step)
    assert _train(tmp_path, corpus, **save_every_step) != whole


def _forget_moments(folder, corpus, keys):
    ladder = _ladder(folder, **keys)
    state = folder / "out" / ".state"
    state.mkdir(parents=True)
    run = SizeRun(ladder, ladder.sizes[0], corpus, state, "cpu", StopAfter(15))
    with pytest.raises(Stopped):
        pretrain_size(run, ladder.tokens)
    with safe_open(run.trunk_file, "pt") as saved:
        facts = saved.metadata()
    tensors = {name: value * (not name.startswith("exp_avg")) for name, value in load_file(run.trunk_file).items()}
    save_file(tensors, run.trunk_file, facts)


def test_another_seed_gives_other_weights(whole, corpus, tmp_path):
    assert _train(tmp_path, corpus, seed=1)["a-8k"] != whole["a-8k"]


def test_killed_with_minus_nine_it_is_finished_by_the_next_call(corpus, tmp_path):
    settings = {"tokens": [30_000, 60_000], "save_minutes": 0.002}
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    killed.mkdir()
    calm.mkdir()
    _ladder(killed, **settings)
    code = "import sys; from bayes_scaling.finetune.pretrain import pretrain_ladder; pretrain_ladder(sys.argv[1])"
    parent = subprocess.Popen([sys.executable, "-c", code, str(killed / "ladder.yaml")], stdout=subprocess.DEVNULL)
    trunk = killed / "out" / ".state" / "a.trunk.safetensors"
    _wait_for(trunk.exists)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert not (killed / "out" / "a-60k").exists()
    pretrain_ladder(killed / "ladder.yaml", show=lambda line: None)
    assert _weights(killed) == _train(calm, corpus, **settings)
    assert not list(killed.rglob("*.part"))


def _wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_a_full_disk_or_a_closed_folder_is_told(corpus, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(learners, "save_file", full)
    with pytest.raises(StudyError, match=r"cannot write .*trunk.*No space left on device.*goes on where it was"):
        _train(tmp_path, corpus)
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".part", ".safetensors"))]
    if os.getuid():
        (tmp_path / "out").chmod(0o500)
        with pytest.raises(StudyError, match="cannot make the folder"):
            pretrain_ladder(tmp_path / "ladder.yaml", show=lambda line: None)
