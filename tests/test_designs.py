"""Designs as arrays of a fit: which base a row is on, and what may be asked."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.encoding import encode_design
from bayes_scaling.models.laws import LAWS
from shared.run_tables import crossed, problem

LAW = LAWS["multiplicative"]


def design(runs, rows, **model):
    law = bs.JointLaw(**model)
    return encode_design(law.encode(runs).layout, LAWS[law.law], runs, pd.DataFrame(rows))


def refused(runs, rows, **model):
    with pytest.raises(bs.DesignError) as caught:
        design(runs, rows, **model)
    return str(caught.value)


POINT = {"method": "lora", "model_size": 7.583e9, "finetune_size": 1e5}


def test_a_design_of_the_fitted_runs_is_encoded_as_they_were(both):
    fitted, encoded = problem(both), design(both, both)
    for name in fitted.rows._fields:
        np.testing.assert_array_equal(getattr(encoded.rows, name), getattr(fitted.rows, name))
    np.testing.assert_array_equal(encoded.effect, fitted.effect)


def test_sizes_of_a_fitted_base_are_on_that_base(runs):
    encoded = design(runs, [POINT, POINT | {"method": "full", "model_size": 956e6}])
    assert encoded.frame["base"].tolist() == ["8B", "1B"]
    layout = problem(runs).layout
    assert [layout.base_of_effect[i] for i in encoded.effect] == ["8B", "1B"]


def test_new_sizes_are_on_a_new_base_named_after_them(runs):
    encoded = design(runs, [POINT | {"model_size": 3e10}])
    assert encoded.frame["base"].tolist() == ["30B"]
    assert encoded.effect.tolist() == encoded.common.tolist() == [-1]


def test_a_named_base_goes_before_its_sizes(runs):
    encoded = design(runs, [POINT | {"base": "another 8B"}, POINT | {"base": "8B"}, POINT | {"base": None}])
    assert encoded.frame["base"].tolist() == ["another 8B", "8B", "8B"]
    assert (encoded.effect >= 0).tolist() == [False, True, True]


# Bug: a name that is no str (base=7 in a column of numbers) is dropped without a word, and the base of the sizes taken,
# while the runs table reads the same column as text.
def test_a_base_named_by_a_number_is_a_name_too():
    runs = crossed("model_size").assign(base=["7", "7", "8", "8", "9", "9"])
    encoded = design(runs, [{"method": "lora", "model_size": 1e9, "finetune_size": 1e5, "base": 8}])
    assert encoded.frame["base"].tolist() == ["8"]


def test_two_fitted_bases_of_one_size_leave_a_design_of_that_size_on_a_new_one():
    runs = crossed("model_size")
    twins = bs.load_runs(pd.concat([runs.assign(base="a" + runs["base"]), runs.assign(base="b" + runs["base"])]))
    encoded = design(twins, [{"method": "lora", "model_size": 2e9, "finetune_size": 1e5}])
    assert encoded.effect.tolist() == [-1]


def test_a_base_that_one_method_has_seen_is_known_in_part_to_the_others(runs):
    without = runs[(runs["method"] != "lora") | (runs["base"] != "8B")].reset_index(drop=True)
    encoded = design(without, [POINT])
    layout = problem(without).layout
    assert encoded.effect.tolist() == [-1]
    assert layout.base_of_common[encoded.common[0]] == "8B"


def test_the_task_may_be_left_out_where_there_is_one(runs, both):
    assert design(runs, [POINT]).frame["task"].tolist() == ["WMT19 En-Zh"]
    text = refused(both, [POINT])
    assert "design has no column 'task'; it has method, model_size, finetune_size" in text
    assert "Add it: one of 'WMT19 En-Zh', " in text


@pytest.mark.parametrize("column", ["method", "finetune_size"])
def test_a_missing_column_is_named(runs, column):
    text = refused(runs, [{k: v for k, v in POINT.items() if k != column}])
    assert f"design has no column {column!r}" in text and "Add it" in text


@pytest.mark.parametrize("change", [{"method": "adapter"}, {"task": "MLSum"}, {"task": None}])
def test_a_cell_that_was_not_fitted_is_refused_with_those_that_were(runs, change):
    text = refused(runs, [POINT, POINT | {"task": "WMT19 En-Zh"} | change])
    assert "was not fitted; fitted are WMT19 En-Zh: full; WMT19 En-Zh: prompt; WMT19 En-Zh: lora" in text
    assert repr(next(iter(change.values()))) in text or "nan" in text


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("finetune_size", value) for value in (-1.0, None, np.inf)),
        *(("model_size", value) for value in (0, -1e9, "8B", np.inf)),
    ],
)
def test_a_size_that_is_none_is_shown_with_its_row(runs, column, value):
    text = refused(runs, [POINT, POINT | {column: value}])
    assert f"design column {column!r}: " in text and " in row 1 is not a positive number" in text
    assert "sizes are counts, such as 100000" in text


@pytest.mark.parametrize("given", [{"method": "lora"}, None, pd.DataFrame()])
def test_a_design_is_a_table_with_rows(runs, given):
    with pytest.raises(bs.DesignError, match="design must be a DataFrame with at least one row"):
        encode_design(problem(runs).layout, LAW, runs, given)


def test_a_missing_factor_is_named(runs):
    text = refused(runs, [{k: v for k, v in POINT.items() if k != "model_size"}])
    assert "task 'WMT19 En-Zh', method 'lora' cannot be predicted there" in text
    assert "law of model_size: model_size is missing; add it to the design" in text


def test_a_factor_that_a_law_cannot_speak_about_is_refused_with_the_reason_of_each_law(both):
    text = refused(both, [POINT | {"task": "WMT19 En-Zh", "pet_size": 8.0}])
    assert "law of model_size: pet_size is unknown in its runs, so a given pet_size says nothing; leave it out" in text
    assert "law of pet_size: model_size was 956M in all its runs, so it cannot speak about 7.58B" in text


def test_a_fixed_factor_may_be_given_as_it_was_and_not_otherwise():
    runs = crossed("pet_size", model_size=1e9)
    point = {"method": "lora", "pet_size": 8.0, "finetune_size": 1e5}
    assert design(runs, [point | {"model_size": 1e9}]).effect.tolist() == [0]
    assert design(runs, [point]).effect.tolist() == [0]
    assert "model_size was 1B in all its runs, so it cannot speak about 2B" in refused(
        runs, [point | {"model_size": 2e9}]
    )
    alone = crossed(model_size=1e9, sizes=(1e4, 1e5, 1e6))
    text = refused(alone, [{"method": "lora", "model_size": 2e9, "finetune_size": 1e5}], factors=())
    assert "law of D_f: model_size was 1B in all its runs" in text


def test_rows_of_one_design_may_follow_different_laws(both):
    rows = [
        {"method": "lora", "model_size": 7.583e9, "pet_size": np.nan},
        {"method": "lora", "model_size": 956e6, "pet_size": 8.0},
        {"method": "lora", "model_size": np.nan, "pet_size": 8.0},
        {"method": "full", "model_size": 956e6, "pet_size": np.nan},
    ]
    encoded = design(both, pd.DataFrame(rows).assign(task="WMT19 En-Zh", finetune_size=1e5))
    np.testing.assert_array_equal(encoded.rows.active, [[1, 0], [0, 1], [0, 1], [1, 0]])


def test_a_design_is_not_changed(runs):
    given = pd.DataFrame([POINT], index=[7])
    before = given.copy()
    encode_design(problem(runs).layout, LAW, runs, given)
    pd.testing.assert_frame_equal(given, before)


# Bug: the sizes of a factor that the fit never had were ignored without a word, every row of a sweep the same
@pytest.mark.parametrize("column", [None, np.nan])
def test_a_factor_that_no_fitted_run_has_cannot_be_varied(column):
    runs = crossed("model_size") if column is None else crossed("model_size", pretrain_size=column)
    point = {"method": "lora", "model_size": 1e9, "finetune_size": 1e5}
    text = refused(runs, [point | {"pretrain_size": size} for size in (1e10, 2e10, 2e10)])
    assert "design column 'pretrain_size' goes from 10B to 20B, and no fitted run has a pretrain_size" in text
    assert "Leave the column out, or fit runs that vary it" in text
    for harmless in ({"pretrain_size": 1e10}, {"depth": 3}):
        encoded = design(runs, [point | harmless, point | harmless | {"finetune_size": 2e5}])
        assert len(encoded.rows.cell) == 2
    assert design(runs, [point | {"depth": depth} for depth in (3, 4)]).frame["depth"].tolist() == [3, 4]
