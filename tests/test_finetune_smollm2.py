"""A real pretrained LLM, SmolLM2-135M, finetuned with all three methods through a study file (slow: 15 CPU minutes)."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the finetune extra is not installed")

import bayes_scaling as bs
from bayes_scaling.finetune import export_runs, load_study
from bayes_scaling.finetune.running import run_study

STUDIES = Path(__file__).parents[1] / "studies"


@pytest.mark.slow
def test_a_real_llm_learns_with_every_method(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, str(STUDIES / "smollm2.py"), "--link", str(tmp_path / "smollm2-135m")],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"SmolLM2's package could not be had: {made.stderr[-300:]}")
    texts = STUDIES.parent / "finetune" / "data"
    (tmp_path / "study.yaml").write_text((STUDIES / "smollm2.yaml").read_text().replace("../finetune/data", str(texts)))
    study = load_study(tmp_path / "study.yaml")
    outcome = run_study(study)
    assert outcome.unfinished == 0
    exported = export_runs(study.ledger_path)
    print(exported[["method", "finetune_size", "base_loss", "loss", "loss_se", "trainable_parameters"]])
    assert len(exported) == 6
    assert (exported.loss < exported.base_loss).all()
    assert exported.model_size.unique().tolist() == [106_203_456]
    large, small = (exported[exported.finetune_size == size].set_index("method").loss for size in (128, 32))
    assert (large[["full", "lora"]] < small[["full", "lora"]]).all()
    path = tmp_path / "runs.csv"
    exported.to_csv(path, index=False)
    assert len(bs.load_runs(path)) == 6
