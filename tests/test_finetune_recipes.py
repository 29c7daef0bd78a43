"""The recipes are studies, and say of the models what is true of them. No torch needed."""

from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

import yaml

from bayes_scaling.finetune.config import load_study, parse_study
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.planning.grid import cells, trials, unused
from bayes_scaling.finetune.recipes import recipe, write_recipe


def test_the_pythia_recipe_is_a_study(tmp_path: Path):
    file = tmp_path / "study.yaml"
    write_recipe("pythia", file)
    study = load_study(file)
    assert unused(study) == () and len(cells(study)) == 460 and len(trials(study)) == 24
    for base in study.bases:
        assert base.revision is not None and base.pretrain_size == int(base.revision.removeprefix("step")) * 2_097_152
    with pytest.raises(StudyError, match="left as it is"):
        write_recipe("pythia", file)
    with pytest.raises(StudyError, match="choose one of pythia"):
        write_recipe("llama", tmp_path / "x.yaml")
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 110


PYTHIA = {  # layers, width: table 1 of Biderman et al. (2023)
    "70m": (6, 512),
    "160m": (12, 768),
    "410m": (24, 1024),
    "1b": (16, 2048),
    "1.4b": (24, 2048),
    "2.8b": (32, 2560),
    "6.9b": (32, 4096),
}


def test_the_sizes_of_the_pythia_recipe_are_those_of_their_architectures():
    """A layer of GPT-NeoX: attention 4 h^2 + 4 h, feed-forward 8 h^2 + 5 h, two norms 4 h; and the last norm."""
    for base in parse_study(yaml.safe_load(recipe("pythia"))).bases:
        layers, width = PYTHIA[str(base.hub).removeprefix("EleutherAI/pythia-")]
        assert base.model_size == layers * (12 * width**2 + 13 * width) + 2 * width
