"""Train, dev and test never meet, stay the same whatever else changes, and the draws of D_f are nested."""

import itertools
import json
import random
from pathlib import Path

import pytest

import bayes_scaling.finetune
from bayes_scaling.finetune.config import Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.tasks import Example, load_task, subset
from bayes_scaling.finetune.tasks import loading as loading_module

FIXTURE = Path(bayes_scaling.finetune.__file__).parent / "data" / "libreoffice_help"


def rows_of(count, groups=40):
    return [{"en": f"Source number {n}", "de": f"Ziel {n}", "page": f"page {n % groups}"} for n in range(count)]


def load(folder, rows, **changes):
    chosen = {"name": "t", "train": "train.jsonl", "source": "en", "target": "de"} | changes
    for name, content in ({"train": rows} | {key: changes.pop(f"{key}_rows", None) for key in ("dev", "test")}).items():
        if content is not None:
            (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, content)), encoding="utf-8")
    chosen = {key: value for key, value in chosen.items() if not key.endswith("_rows")}
    return load_task(Task(**{"dev_examples": 30, "test_examples": 50} | chosen), folder)


def test_sets_split_off_have_their_sizes_and_share_nothing(tmp_path):
    data = load(tmp_path, rows_of(400))
    assert (len(data.train), len(data.dev), len(data.test)) == (320, 30, 50)
    digests = [{one.digest for one in part} for part in (data.train, data.dev, data.test)]
    assert sum(map(len, digests)) == len(set.union(*digests)) == 400


def test_the_split_does_not_hang_on_the_order_of_rows(tmp_path):
    rows = rows_of(400)
    first = load(tmp_path, rows)
    random.Random(1).shuffle(rows)
    assert load(tmp_path, rows) == first
    assert load(tmp_path, rows[1:]).fingerprint != first.fingerprint


def test_one_size_does_not_move_the_other_set_and_a_larger_set_holds_the_smaller(tmp_path):
    first = load(tmp_path, rows_of(400))
    more = load(tmp_path, rows_of(400), dev_examples=90)
    assert more.test == first.test and set(first.dev) < set(more.dev)
    more = load(tmp_path, rows_of(400), test_examples=90)
    assert more.dev == first.dev and set(first.test) < set(more.test)


def test_groups_stay_on_one_side_and_the_broken_twin_shows_that_the_check_sees(tmp_path):
    def sides(data):
        return [{by_text[one.source] for one in part} for part in (data.train, data.dev, data.test)]

    rows = rows_of(400)
    by_text = {row["en"]: row["page"] for row in rows}
    grouped, loose = sides(load(tmp_path, rows, group="page")), sides(load(tmp_path, rows))
    assert all(not one & other for one, other in itertools.combinations(grouped, 2))
    assert any(one & other for one, other in itertools.combinations(loose, 2))


def test_rows_with_one_source_stay_together(tmp_path):
    rows = rows_of(300) + [row | {"en": row["en"].upper() + "  ", "de": row["de"] + "!"} for row in rows_of(300)]
    data = load(tmp_path, rows)
    held_out = {one.source.casefold().strip() for one in (*data.dev, *data.test)}
    assert not held_out & {one.source.casefold().strip() for one in data.train}


def test_what_says_the_same_as_a_held_out_example_leaves_train_with_a_note(tmp_path):
    shared = [{"en": "Choose  OK", "de": "Wählen Sie OK", "page": f"page {n}"} for n in range(40)]
    data = load(tmp_path, rows_of(400) + shared, group="page")
    assert not {one.digest for one in data.train} & {one.digest for one in (*data.dev, *data.test)}
    assert any("training examples that say the same" in note for note in data.notes)


@pytest.mark.parametrize("side", ["dev", "test"])
def test_a_given_set_that_overlaps_is_refused_with_an_example_and_a_count(tmp_path, side):
    rows = rows_of(100)
    other = [{"en": f"Other {n}", "de": f"Anderes {n}"} for n in range(10)]
    overlapping = [*other, rows[3] | {"en": "SOURCE  number 3"}, rows[4]]
    with pytest.raises(StudyError, match=r"2 of 12 .*Source|2 of 12 .*SOURCE"):
        load(tmp_path, rows, **{side: f"{side}.jsonl", f"{side}_rows": overlapping})
    data = load(tmp_path, rows, **{side: f"{side}.jsonl", f"{side}_rows": other})
    assert {one.source for one in getattr(data, side)} == {row["en"] for row in other}


def test_dev_and_test_files_that_overlap_are_refused(tmp_path):
    other = [{"en": f"Other {n}", "de": "x"} for n in range(9)]
    with pytest.raises(StudyError, match="9 of 9"):
        load(tmp_path, rows_of(99), dev="dev.jsonl", dev_rows=other, test="test.jsonl", test_rows=other)


def test_one_source_with_another_target_is_no_overlap(tmp_path):
    other = [{"en": "Source number 3", "de": "Etwas anderes"}]
    assert len(load(tmp_path, rows_of(100), test="test.jsonl", test_rows=other).test) == 1


def test_given_sets_are_cut_to_a_fixed_choice(tmp_path):
    other = [{"en": f"Other {n}", "de": "x"} for n in range(200)]
    small = load(tmp_path, rows_of(100), test="test.jsonl", test_rows=other, test_examples=20)
    large = load(tmp_path, rows_of(100), test="test.jsonl", test_rows=other[::-1], test_examples=60)
    assert large.test[:20] == small.test
    assert {one.source for one in small.test} != {row["en"] for row in other[:20]}


def test_too_little_text_for_the_split_is_told(tmp_path):
    with pytest.raises(StudyError, match=r"60 examples.*dev_examples 30 and test_examples 50"):
        load(tmp_path, rows_of(60))
    with pytest.raises(StudyError, match="leaves none for training"):
        load(tmp_path, rows_of(400, groups=2), group="page")


def test_the_check_of_overlap_is_what_refuses(tmp_path, monkeypatch):
    """A broken twin: without the check, the same overlapping files load."""
    monkeypatch.setattr(loading_module, "_check_disjoint", lambda *parts: None)
    assert load(tmp_path, rows_of(200), test="test.jsonl", test_rows=rows_of(10)).test


def test_draws_are_nested_for_a_seed_and_differ_between_seeds():
    train = tuple(Example(f"source {n}", f"target {n}") for n in range(1000))
    draws = {seed: [subset(train, size, seed) for size in (1, 10, 100, 999, 1000)] for seed in range(3)}
    for seed, drawn in draws.items():
        assert all(larger[: len(smaller)] == smaller for smaller, larger in itertools.pairwise(drawn))
        assert len(set(drawn[-1])) == 1000
        assert subset(train, 100, seed) == drawn[2]
    overlap = len(set(draws[0][2]) & set(draws[1][2]))
    assert overlap < 30  # 10 on average; 30 is 7 standard deviations above


@pytest.mark.parametrize("size", [0, -1, 11])
def test_a_size_that_cannot_be_drawn_is_told_with_what_there_is(size):
    train = tuple(Example(None, f"target {n}") for n in range(10))
    with pytest.raises(StudyError, match=rf"D_f {size} .*10 training examples"):
        subset(train, size, 0)


def test_equal_rows_can_all_be_drawn():
    assert len(subset((Example("a", "b"),) * 5, 5, 0)) == 5


def test_the_shipped_corpus_loads_and_its_sides_share_no_page():
    files = {name: f"{name}.jsonl.gz" for name in ("train", "dev", "test")}
    data = load_task(Task(name="en-de", source="en", target="de", group="file", **files), FIXTURE)
    assert (len(data.train), len(data.dev), len(data.test)) == (2900, 200, 414)
    pages = [{one.group for one in part} for part in (data.train, data.dev, data.test)]
    assert all(not one & other for one, other in itertools.combinations(pages, 2))
    assert data.notes == ()
    assert (FIXTURE / "PROVENANCE.md").is_file() and (FIXTURE / "LICENSE.MPL-2.0.txt").is_file()
