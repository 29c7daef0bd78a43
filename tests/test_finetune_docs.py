"""The study file in the docs, and those in ``studies/``, are read as they stand."""

import re
from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")
pytest.importorskip("yaml", reason="the finetune extra is not installed")

import yaml

from bayes_scaling.finetune.config import load_study, parse_study
from bayes_scaling.finetune.results.export import MEASURED, OWN

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "study-file.md").read_text(encoding="utf-8")


def test_the_example_of_the_docs_is_a_study() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCS, flags=re.DOTALL)
    study = parse_study(yaml.safe_load(example))
    assert [base.name for base in study.bases] == ["107k-600k", "pythia-70m@step36000"]
    assert len(study.grids) == 3


def test_the_columns_of_the_docs_are_those_of_the_export() -> None:
    table = DOCS.split("## Columns of the export")[1].split("\n## ")[0]
    told = set(re.findall(r"`([a-z_]+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line)))
    fixed = {name for name in told if not name.startswith(("zero_shot", "lm_loss")) and name not in ("loss", "loss_se")}
    assert fixed <= set(MEASURED) | set(OWN), fixed - set(MEASURED) - set(OWN)


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (ROOT / "studies").glob("*.yaml") if "bases" not in path.name)
)
def test_every_shipped_study_is_right(name: str) -> None:
    study = load_study(ROOT / "studies" / name)
    assert study.ledger_path.parent == ROOT / "studies"
