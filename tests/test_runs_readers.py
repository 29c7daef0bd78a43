"""Files to tables: every kind reads alike, and whatever is wrong with a file is one RunsError."""

import csv
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_scaling.errors import RunsError
from bayes_scaling.runs import load_runs, validate_runs
from bayes_scaling.runs.readers import read_table

HEADER = "task,method,model_size,finetune_size,loss"
TEXT = f"{HEADER}\n007,lora,1B,10k,2.1\n007,lora,2B,10k,1.9\n"
SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def runs():
    return pd.DataFrame(
        {
            "task": "sum",
            "method": ["lora", "full"],
            "base": "1B",
            "model_size": [956e6, 956e6],
            "finetune_size": [1e4, 1e5],
            "loss": [2.1, 1.9],
            "seed": pd.array([0, None], dtype="Int64"),
            "note": ["a", "b"],
        }
    )


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message(path):
    with pytest.raises(RunsError) as caught:
        load_runs(path)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".CSV"])
def test_every_kind_of_file_gives_the_same_table(tmp_path, runs, suffix):
    path = tmp_path / f"runs{suffix}"
    writers = {
        ".csv": lambda: runs.to_csv(path, index=False),
        ".tsv": lambda: runs.to_csv(path, index=False, sep="\t"),
        ".parquet": lambda: runs.to_parquet(path),
    }
    writers.get(suffix.lower(), lambda: runs.to_json(path, orient="records", lines=True))()
    pd.testing.assert_frame_equal(load_runs(path), validate_runs(runs))
    pd.testing.assert_frame_equal(load_runs(str(path)), validate_runs(runs))


def test_text_columns_stay_text_and_sizes_may_have_suffixes(tmp_path):
    runs = load_runs(write(tmp_path / "runs.csv", TEXT))
    assert runs["task"].tolist() == ["007", "007"]
    assert runs["model_size"].tolist() == [1e9, 2e9]


def test_mapped_columns_are_text_too(tmp_path):
    path = write(tmp_path / "runs.csv", TEXT.replace("task", "dataset"))
    assert load_runs(path, columns={"task": "dataset"})["task"].tolist() == ["007", "007"]


def test_a_byte_order_mark_and_spaces_after_commas_do_no_harm(tmp_path):
    path = write(tmp_path / "runs.csv", b"\xef\xbb\xbf" + TEXT.replace(",", ", ").encode())
    assert load_runs(path).columns.tolist() == [
        "task",
        "method",
        "base",
        "model_size",
        "finetune_size",
        "loss",
    ]


def test_blank_lines_in_json_lines_are_skipped(tmp_path):
    row = '{"task": "t", "method": "m", "finetune_size": %d, "loss": 1.5}'
    path = write(tmp_path / "runs.jsonl", f"\n{row % 10}\r\n\r\n{row % 20}\n")
    assert load_runs(path)["finetune_size"].tolist() == [10, 20]


def test_a_missing_file(tmp_path):
    assert "nothing.csv' does not exist: check the path" in message(tmp_path / "nothing.csv")


def test_a_folder(tmp_path):
    assert "is not a file: name one file with the runs" in message(tmp_path)


def test_an_unknown_kind_of_file(tmp_path):
    text = message(write(tmp_path / "runs.xlsx", "x"))
    assert "ends in '.xlsx', which is not read" in text
    assert ".csv, .tsv, .jsonl, .ndjson, .parquet" in text
    assert "pass the DataFrame" in text


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path, suffix, content):
    text = message(write(tmp_path / f"runs{suffix}", content))
    assert f"runs{suffix}' is empty: it needs a header and one row per finished run" in text


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator(tmp_path, mark):
    text = message(write(tmp_path / "runs.csv", TEXT.replace(",", mark)))
    assert f"is separated by {mark!r}, not by ','" in text
    assert f"read it with pandas.read_csv(path, sep={mark!r})" in text


def test_commas_in_a_tsv(tmp_path):
    assert "is separated by ',', not by '\\t'" in message(write(tmp_path / "runs.tsv", TEXT))


def test_text_that_is_not_utf8(tmp_path):
    text = message(write(tmp_path / "runs.csv", TEXT.replace("007", "café").encode("latin-1")))
    assert "is not UTF-8 text (byte 45 is 0xe9): save it as UTF-8" in text


def test_one_name_on_two_columns_of_a_file(tmp_path):
    text = message(write(tmp_path / "runs.csv", f"{HEADER},loss\nt,m,1B,10,2,3\n"))
    assert "has two columns called 'loss'" in text
    assert "rename one or leave one out" in text


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("t,m,1B,10,2,3", "its rows have more cells than its header has names"),
        ("t,m,1B,10,2\nt,m,1B,10,2,3", "Expected 5 fields in line 3, saw 6"),
        ('"t,m,1B,10,2', "EOF inside string"),
    ],
)
def test_a_ragged_csv(tmp_path, row, reason):
    text = message(write(tmp_path / "runs.csv", f"{HEADER}\n{row}\n"))
    assert "runs.csv' cannot be read: " in text
    assert reason in text
    assert "write the file again, or read it yourself and pass the DataFrame" in text


@pytest.fixture
def csv_limit():
    """csv's own limit for a cell, which importing scipy.io.arff lifts for the whole process."""
    limit = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(limit)


def test_a_csv_cell_beyond_all_measure(tmp_path, csv_limit):
    assert "field larger than field limit" in message(write(tmp_path / "runs.csv", "a" * 200_000))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "line 2 is not JSON (Expecting property name"),
        ("[" * 100_000, "line 2 is not JSON (maximum recursion depth"),
        ("9" * 5000, "line 2 is not JSON (Exceeds the limit"),
        ("[1, 2]", "line 2 is not a JSON object but '[1, 2]'"),
    ],
)
def test_damaged_json_lines(tmp_path, line, reason):
    text = message(write(tmp_path / "runs.jsonl", f'{{"task": "t"}}\n{line}\n'))
    assert reason in text
    assert "write the file again" in text


@pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="pandas 2 keeps such text as Python objects")
def test_half_a_surrogate_pair_in_json(tmp_path):
    assert "text that no encoding can hold" in message(write(tmp_path / "runs.jsonl", '{"task": "\\ud800"}'))


@pytest.mark.parametrize("keep", [0, 3, 0.5, -4])
def test_a_truncated_parquet_file(tmp_path, runs, keep):
    path = tmp_path / "runs.parquet"
    runs.to_parquet(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if keep == 0.5 else keep])
    assert "runs.parquet' cannot be read: " in message(path)


def test_one_name_on_two_columns_of_a_parquet_file(tmp_path):
    pq.write_table(pa.table([pa.array([1.0]), pa.array([1.0])], names=["loss", "loss"]), tmp_path / "runs.parquet")
    assert "cannot be read: Multiple matches" in message(tmp_path / "runs.parquet")


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = write(tmp_path / "runs.csv", TEXT)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    assert "runs.csv' cannot be read: Permission denied" in message(path)


def test_a_reader_error_keeps_its_cause(tmp_path):
    with pytest.raises(RunsError) as caught:
        load_runs(write(tmp_path / "runs.jsonl", "{"))
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)


@pytest.mark.parametrize("source", [3, None, [{"task": "t"}]])
def test_a_source_of_another_type(source):
    with pytest.raises(RunsError, match=f"source is a {type(source).__name__}: give the path of a file"):
        load_runs(source)


@SHARED_FOLDER
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"]))
def test_any_bytes_are_a_table_or_one_runs_error(tmp_path, content, suffix):
    path = write(tmp_path / f"runs{suffix}", content)
    try:
        assert isinstance(read_table(path), pd.DataFrame)
    except RunsError as error:
        assert str(path)[:20] in str(error)


SIZES = st.floats(min_value=1e-3, max_value=1e15)
EXAMPLES = st.floats(min_value=1, max_value=1e15)
EMPTY_WORDS = {"N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}  # an empty cell to pandas
NAMES = (
    st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda text: text and text not in EMPTY_WORDS)
)


@st.composite
def tables(draw):
    """Return a valid canonical table, with some of the optional columns."""
    rows = draw(st.integers(2, 6))
    column = lambda cells: draw(st.lists(cells, min_size=rows, max_size=rows))  # noqa: E731
    frame = pd.DataFrame({"task": column(NAMES), "method": column(NAMES), "base": [f"b{i}" for i in range(rows)]})
    for factor in draw(st.sets(st.sampled_from(["model_size", "pretrain_size", "pet_size"]))):
        frame[factor] = np.array(column(SIZES | st.just(np.nan)))
    frame["finetune_size"] = column(EXAMPLES)
    frame["metric"] = "some error"  # nats are never 1000
    frame["loss"] = column(st.floats(min_value=1e-6, max_value=1e3))
    if draw(st.booleans()):
        frame["loss_se"] = np.array(column(st.floats(0, 1) | st.just(np.nan)))
    if draw(st.booleans()):
        frame["seed"] = pd.array(column(st.integers(-(2**53), 2**53) | st.none()), dtype="Int64")
    return frame.assign(extra=range(rows))


@SHARED_FOLDER
@given(tables())
def test_a_written_table_reads_back_as_it_was(tmp_path, frame):
    valid = validate_runs(frame)
    valid.to_csv(tmp_path / "runs.csv", index=False)
    pd.testing.assert_frame_equal(load_runs(tmp_path / "runs.csv"), valid, check_exact=True)


@SHARED_FOLDER
@given(tables())
def test_validating_twice_changes_nothing(frame):
    valid = validate_runs(frame)
    pd.testing.assert_frame_equal(validate_runs(valid), valid, check_exact=True)


def test_the_input_side_is_light():
    code = (
        "import sys, pandas; before = set(sys.modules); import bayes_scaling.datasets; "
        "print(sorted({'jax', 'matplotlib', 'torch', 'pyarrow'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
