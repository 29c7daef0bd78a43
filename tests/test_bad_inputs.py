"""Bad inputs of every kind: each gets the error, the warning or the reading that its table says."""

import time
from pathlib import Path

import pytest

from bayes_scaling.runs import load_runs
from shared.bad_files import FILES

FEWEST_FILES = 60
SLOWEST = 10.0  # seconds for a million runs


@pytest.mark.parametrize("name", FILES)
def test_a_file_gets_what_the_table_says(name: str, tmp_path: Path) -> None:
    case = FILES[name]
    source = case.write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    started = time.process_time()
    case.must.holds(lambda: load_runs(source, case.columns))
    assert time.process_time() - started < SLOWEST
    assert sorted(tmp_path.rglob("*")) == before, "reading writes nothing"


def test_the_table_is_as_long_as_it_should_be() -> None:
    print(f"\n{len(FILES)} files")
    assert len(FILES) >= FEWEST_FILES
