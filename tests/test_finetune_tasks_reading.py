"""Files to examples: every kind reads alike, and whatever is wrong with one is one StudyError that names the place."""

import csv
import gzip
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bayes_scaling.finetune.config import HubDataset, Task
from bayes_scaling.finetune.errors import MissingExtraError, StudyError
from bayes_scaling.finetune.tasks import Example
from bayes_scaling.finetune.tasks.preparing import prepare

ROWS = [{"en": "One, two", "de": 'Eins "zwei"', "page": 1}, {"en": "Größe\nand line", "de": "Straße", "page": 2}]
EXAMPLES = [Example("One, two", 'Eins "zwei"', "1"), Example("Größe\nand line", "Straße", "2")]


def task(file="train.jsonl", **changes):
    return Task(**{"name": "t", "train": file, "source": "en", "target": "de", "group": "page"} | changes)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_csv(path, rows):
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write(folder, name, rows):
    path = folder / name.removesuffix(".gz")
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        (write_csv if path.suffix == ".csv" else write_jsonl)(path, rows)
    if name.endswith(".gz"):
        (folder / name).write_bytes(gzip.compress(path.read_bytes()))
    return task(name)


def message(folder, content=None, **changes):
    if content is not None:
        (folder / "train.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    chosen = task(**changes)
    with pytest.raises(StudyError) as caught:
        prepare(chosen, chosen.train, folder)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz", "a.parquet", "a.JSONL"])
def test_every_kind_of_file_gives_the_same_examples(tmp_path, name):
    chosen = write(tmp_path, name, ROWS)
    assert prepare(chosen, chosen.train, tmp_path).examples == EXAMPLES


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_dots_reach_into_records_and_a_column_of_that_very_name_comes_first(tmp_path, name):
    rows = [{"translation": {"en": "yes", "de": "ja"}, "x.y": "literal", "x": {"y": "nested"}}]
    write(tmp_path, name, rows)
    nested = task(name, source="translation.en", target="translation.de", group=None)
    assert prepare(nested, name, tmp_path).examples == [Example("yes", "ja")]
    literal = task(name, source="translation.en", target="x.y", group=None)
    assert prepare(literal, name, tmp_path).examples == [Example("yes", "literal")]


def test_plain_text_has_no_source(tmp_path):
    write_jsonl(tmp_path / "train.jsonl", ROWS)
    plain = Task(name="t", kind="text", train="train.jsonl", target="de")
    assert [one.source for one in prepare(plain, plain.train, tmp_path).examples] == [None, None]


def test_a_bad_line_is_named_by_its_number(tmp_path):
    good = json.dumps(ROWS[0])
    assert "line 3" in message(tmp_path, f"{good}\n\n{{broken\n{good}")
    assert "line 2" in message(tmp_path, f"{good}\n[1, 2]\n")
    assert "line 1" in message(tmp_path, "[" * 100_000)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_a_missing_column_is_told_with_those_there_are(tmp_path, name):
    write(tmp_path, name, ROWS)
    told = message(tmp_path, file=name, source="english")
    assert "'english'" in told and "'en'" in told and "'de'" in told and "'page'" in told
    assert "'fr'" in message(tmp_path, json.dumps({"en": {"de": "a"}, "de": "b", "page": 1}), source="en.fr")


@pytest.mark.parametrize("value", [7, 1.5, True, ["a"], {"a": "b"}])
def test_a_cell_that_is_not_text_is_shown(tmp_path, value):
    told = message(tmp_path, json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[0] | {"de": value}))
    assert "line 2" in told and repr(value) in told and "'de'" in told


def test_half_a_character_and_a_group_without_a_name_are_told(tmp_path):
    assert "half a character" in message(tmp_path, '{"en": "a", "de": "\\ud800", "page": 1}')
    assert "group" in message(tmp_path, '{"en": "a", "de": "b", "page": null}')


def test_a_few_empty_texts_are_dropped_and_counted(tmp_path):
    rows = [{"en": f"text {n}", "de": "x", "page": n} for n in range(18)]
    write_jsonl(tmp_path / "train.jsonl", [*rows, ROWS[0] | {"en": " \n"}, ROWS[0] | {"de": None}])
    prepared = prepare(task(), "train.jsonl", tmp_path)
    assert len(prepared.examples) == 18
    assert prepared.notes == ["'train.jsonl': 2 rows with an empty text left out"]


def test_many_empty_texts_are_a_wrong_column(tmp_path):
    rows = [{"en": "a", "de": "x", "page": 1}] * 8 + [{"en": "", "de": "x", "page": 1}] * 2
    assert "2 of 10" in message(tmp_path, "\n".join(json.dumps(row) for row in rows))


@pytest.mark.parametrize("name", ["train.jsonl", "train.csv"])
def test_an_empty_file_has_no_examples(tmp_path, name):
    (tmp_path / name).touch()
    assert "no examples" in message(tmp_path, file=name)


def test_files_that_are_not_there_or_not_what_they_say(tmp_path):
    assert "no such file" in message(tmp_path, file="absent.jsonl")
    assert "unknown kind" in message(tmp_path, file="train.txt")
    assert "unknown kind" in message(tmp_path, file="a.parquet.gz")
    assert "UTF-8" in message(tmp_path, b'{"en": "\xff"}')
    (tmp_path / "a.parquet").write_bytes(b"not parquet")
    assert "Parquet" in message(tmp_path, file="a.parquet")
    for content in (b"not gzip", gzip.compress(b'{"en": "a"}' * 99)[:-9], gzip.compress(b"x" * 99)[:20] + b"\0" * 20):
        (tmp_path / "a.jsonl.gz").write_bytes(content)
        assert "cannot be read" in message(tmp_path, file="a.jsonl.gz")


def test_broken_csv_is_named_by_its_line(tmp_path):
    (tmp_path / "a.csv").write_text("en,de,page\nx,y,1\nx,y\n")
    assert "line 3" in message(tmp_path, file="a.csv")
    (tmp_path / "a.csv").write_text("en,de,en\nx,y,1\n")
    assert "twice" in message(tmp_path, file="a.csv")


def test_a_hub_task_without_the_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"bayes_scaling\[finetune\]"):
        prepare(task("train", hub=HubDataset(id="some/thing")), "train", tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:datasets.*", "ignore::DeprecationWarning:dill.*")
def test_a_hub_data_set_is_read_by_its_splits(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="the finetune extra is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    rows = [{"pair": {"en": row["en"], "de": row["de"]}, "page": row["page"]} for row in ROWS]
    write_jsonl(tmp_path / "corpus" / "train.jsonl", rows)
    chosen = task("train", hub=HubDataset(id="./corpus"), source="pair.en", target="pair.de")
    assert prepare(chosen, "train", tmp_path).examples == EXAMPLES
    with pytest.raises(StudyError, match="'absent'"):
        prepare(chosen, "absent", tmp_path)
