"""Files that other versions saved, and the answers they gave: made by benchmarks/make_saved.py, files never made anew.

An answer is renewed only with a change of what is predicted that CHANGELOG.md names: those beyond the measured D_f
were, when methods came to drift together there.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.storage import READ

FOLDER = Path(__file__).parent / "data" / "saved"
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "make_saved.py"
FILES = sorted(FOLDER.glob("*.nc"))


def answers(fit: bs.Posterior) -> dict[str, list[float | None]]:
    spec = importlib.util.spec_from_file_location("make_saved", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.answers(fit)


def agree(found: dict[str, list[float | None]], told: dict[str, list[float | None]]) -> bool:
    """The same names and, but for rounding, the same numbers."""
    return set(found) == set(told) and all(
        np.allclose(np.array(found[name], float), np.array(told[name], float), rtol=1e-6, atol=1e-9, equal_nan=True)
        for name in told
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_posterior_of_another_version_gives_its_answers_again(path: Path) -> None:
    """The broken twin has another draw of beta."""
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    fit = bs.load_posterior(path)
    assert path.stem == f"format{told['format']}" and told["format"] in READ
    found = answers(fit)
    assert agree(found, told["answers"])
    fit.draws["beta"][0, 0] *= 1.01
    assert not agree(answers(fit), told["answers"])


def test_the_format_that_is_written_has_a_file_here() -> None:
    """Whoever changes the format adds one."""
    assert {path.stem for path in FILES} >= {f"format{max(READ)}"}
    assert all(path.stat().st_size < 300_000 for path in FILES)
