"""Readers of runs, study files and saved posteriors, fed with what nobody wrote: a value, or an error of ours.

A few inputs of each target, the same in every session; ``benchmarks/fuzz.py`` goes on with others.
"""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayes_scaling as bs
from shared.fuzzing import Target, outcome, targets
from shared.posteriors import saved

WITH_STUDIES = find_spec("pydantic") is not None
NAMES = list(targets(b"x", b"x", WITH_STUDIES))
EXAMPLES = 60


@pytest.fixture(scope="module")
def found(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    folder = tmp_path_factory.mktemp("good")
    runs.head(8).to_parquet(folder / "runs.parquet")
    return targets((folder / "runs.parquet").read_bytes(), saved(runs, folder).read_bytes(), WITH_STUDIES)


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_ends_in_a_value_or_an_error_of_the_package(name: str, found: dict[str, Target]) -> None:
    target = found[name]
    ends = []

    @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None)
    @given(content=target.content)
    def hold(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            ends.append(outcome(target, content, Path(folder)))

    hold()
    assert "refused" in ends, "nothing bad was drawn"


def test_a_foreign_error_is_found(tmp_path: Path) -> None:
    """The broken twin: a reader that lets an error of a library out."""
    twin = Target(st.binary(), ".csv", lambda path: int(path.read_text(encoding="utf-8")))
    with pytest.raises(ValueError) as caught:
        outcome(twin, b"x", tmp_path)
    assert not isinstance(caught.value, bs.BayesScalingError)


def test_a_file_left_behind_is_found(tmp_path: Path) -> None:
    """The broken twin: a reader that writes."""
    twin = Target(st.binary(), ".csv", lambda path: path.with_suffix(".part").write_text("half"))
    with pytest.raises(AssertionError, match="reading wrote something"):
        outcome(twin, b"x", tmp_path)
