"""Notebooks: they run from top to bottom, and the two halves of a pair say the same."""

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PAIRS = sorted(NOTEBOOKS.glob("*.py"))

# the quickstart meets ArviZ and the plots on every Python; the others are long
RUN_ON = [path if path.stem == "quickstart" else pytest.param(path, marks=pytest.mark.numbers) for path in PAIRS]

# In a process of its own: Jupyter and its event loops warn of much that is not ours
RUN = """
import sys, jupytext, nbclient
notebook = jupytext.read(sys.argv[1])
resources = {"metadata": {"path": sys.argv[2]}}
nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=resources).execute()
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        print(output.get("text", ""))
"""


def name(path):
    return path.stem


def test_there_is_a_quickstart():
    assert "quickstart" in map(name, PAIRS)


@pytest.mark.parametrize("path", PAIRS, ids=name)
def test_a_pair_says_the_same(path):
    script, notebook = jupytext.read(path), jupytext.read(path.with_suffix(".ipynb"))
    same = f"run: jupytext --sync notebooks/{path.name}"
    assert [cell.cell_type for cell in script.cells] == [cell.cell_type for cell in notebook.cells], same
    assert [cell.source for cell in script.cells] == [cell.source for cell in notebook.cells], same
    assert notebook.metadata["jupytext"]["formats"] == "ipynb,py:percent"


@pytest.mark.parametrize("path", PAIRS, ids=name)
def test_no_output_is_committed(path):
    for cell in jupytext.read(path.with_suffix(".ipynb")).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.parametrize("path", RUN_ON, ids=name)
def test_a_notebook_runs(path, tmp_path):
    if "from bayes_scaling.finetune import" in path.read_text(encoding="utf-8"):
        pytest.importorskip("torch", reason="the finetune extra is not installed")
    command = [sys.executable, "-c", RUN, str(path.with_suffix(".ipynb")), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"MPLBACKEND": "Agg"}, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "PASS: " in done.stdout
    assert "ConvergenceWarning" not in done.stdout
