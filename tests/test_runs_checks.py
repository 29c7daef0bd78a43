"""The rules of a runs table: what canonical form is, and what each broken rule says."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_scaling.errors import RunsError
from bayes_scaling.runs import FACTORS, NAMES, check_factor_varies, load_runs, validate_runs, varied_factors


@pytest.fixture
def runs():
    return pd.DataFrame(
        {
            "loss": [2.0, 1.8, 2.1, 1.9],
            "task": "sum",
            "method": ["full", "full", "lora", "lora"],
            "model_size": [956e6, 1.5e9, 956e6, 1.5e9],
            "finetune_size": [1e4, 1e4, 2e4, 2e4],
            "note": [[1], "b", None, 4],
        }
    )


def message(call, *args, **kwargs):
    with pytest.raises(RunsError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def assert_told(text, *parts):
    """Every part is in the message, and it states a rule and a next step."""
    for part in (*parts, "the rule: ", "what to do: "):
        assert part in text


# Canonical form


def test_canonical_columns_come_first_and_others_travel_along(runs):
    valid = validate_runs(runs)
    assert valid.columns.tolist() == ["task", "method", "base", "model_size", "finetune_size", "loss", "note"]
    assert valid["note"].tolist() == [[1], "b", None, 4]


def test_canonical_types(runs):
    full = runs.assign(pretrain_size=84, pet_size="8", loss_se=Decimal("0.5"), seed=[0.0, 1, None, "3"], metric="nll")
    valid = validate_runs(full)
    text = pd.Series(["a"], dtype="str").dtype
    expected = {"task": text, "method": text, "base": text, "metric": text, "seed": pd.Int64Dtype()}
    assert valid.drop(columns="note").dtypes.to_dict() == {
        name: expected.get(name, np.dtype("float64")) for name in NAMES
    }
    assert valid["seed"].tolist() == [0, 1, pd.NA, 3]


@pytest.mark.parametrize("dtype", ["Int64", "int32", "float32", "Float64", "category", object])
def test_numbers_of_any_type_become_float64(runs, dtype):
    valid = validate_runs(runs.assign(finetune_size=pd.Series([10, 20, 30, 40]).astype(dtype)))
    assert valid["finetune_size"].dtype == np.float64
    assert valid["finetune_size"].tolist() == [10, 20, 30, 40]


def test_the_input_is_not_changed(runs):
    runs.index = list("wxyz")
    before = runs.copy(deep=True)
    valid = validate_runs(runs)
    load_runs(runs, columns={"task": "method", "method": "task"})
    pd.testing.assert_frame_equal(runs, before)
    assert valid.index.equals(pd.RangeIndex(4))
    valid["loss"] = 0.0
    pd.testing.assert_frame_equal(runs, before)


def test_columns_are_renamed(runs):
    own = runs.rename(columns={"loss": "eval_loss", "task": "loss"})
    pd.testing.assert_frame_equal(load_runs(own, columns={"loss": "eval_loss", "task": "loss"}), validate_runs(runs))
    pd.testing.assert_frame_equal(load_runs(runs, columns={"loss": "loss"}), validate_runs(runs))


def test_text_is_stripped_and_numbers_become_names(runs):
    valid = validate_runs(runs.assign(method=["full ", "full", 16, 16]))
    assert valid["method"].tolist() == ["full", "full", "16", "16"]


def test_empty_cells_of_optional_columns_stay_empty(runs):
    valid = validate_runs(runs.assign(pet_size=[None, " ", "8", 16], loss_se=[None, 0.1, np.nan, 0]))
    assert valid["pet_size"].isna().tolist() == [True, True, False, False]
    assert valid["loss_se"].isna().tolist() == [True, False, True, False]


# Bases


def test_bases_are_named_after_their_sizes(runs):
    assert validate_runs(runs)["base"].tolist() == ["956M", "1.5B", "956M", "1.5B"]
    pretrained = runs.assign(pretrain_size=[84e9, np.nan, 84e9, np.nan])
    assert validate_runs(pretrained)["base"].tolist() == ["956M@84B", "1.5B", "956M@84B", "1.5B"]
    unsized = pretrained.drop(columns="model_size").assign(seed=range(4))
    assert validate_runs(unsized)["base"].tolist() == ["@84B", "the base LLM"] * 2
    assert set(validate_runs(unsized.drop(columns="pretrain_size"))["base"]) == {"the base LLM"}


def test_only_unnamed_bases_get_a_name(runs):
    given_some = runs.assign(base=["mine", None, "mine", " "])
    assert validate_runs(given_some)["base"].tolist() == ["mine", "1.5B", "mine", "1.5B"]


@given(st.lists(st.floats(min_value=1e-3, max_value=1e18), min_size=2, max_size=8, unique=True))
def test_different_sizes_are_different_bases(sizes):
    frame = pd.DataFrame({"task": "t", "method": "m", "model_size": sizes, "finetune_size": 1.0, "loss": 1.0})
    assert validate_runs(frame)["base"].nunique() == len(sizes)


@pytest.mark.parametrize("factor", ["model_size", "pretrain_size"])
def test_one_base_of_two_sizes(runs, factor):
    text = message(validate_runs, runs.assign(base="LLM", model_size=1e9).assign(**{factor: [1e9, 1.0000001e9] * 2}))
    assert_told(
        text,
        f"column 'base': 2 rows are called 'LLM' with different values of {factor!r}, first rows:",
        "1000000100",
        "it has one model size and one pretraining size",
        f"give each LLM its own name, or correct {factor!r}",
    )


def test_a_base_of_a_size_known_in_some_rows_only_is_one_base(runs):
    assert set(validate_runs(runs.assign(base="LLM", model_size=[1e9, None, 1e9, None]))["base"]) == {"LLM"}


# Columns


def test_a_missing_column_with_a_likely_name(runs):
    text = message(load_runs, runs.rename(columns={"loss": "Eval_Loss"}))
    assert_told(
        text,
        "column 'loss' is missing (held-out loss in nats per target token); the closest name is 'Eval_Loss'",
        "columns found: Eval_Loss, task, method, model_size, finetune_size, note",
        "a runs table has the columns task, method, finetune_size, loss",
        "say what you call it: columns={'loss': 'Eval_Loss'}",
    )


def test_several_missing_columns_are_told_at_once(runs):
    text = message(validate_runs, runs[["model_size"]].rename(columns={"model_size": "N"}))
    assert_told(text, *(f"column {name!r} is missing" for name in ("task", "method", "finetune_size", "loss")))
    assert "columns={'task': 'your name for task'" in text


def test_missing_columns_that_are_in_the_index(runs):
    text = message(validate_runs, runs.set_index(["task", "method"]))
    assert_told(text, "(index levels task, method are not columns: call .reset_index() first)")


def test_a_table_without_columns():
    assert_told(message(validate_runs, pd.DataFrame()), "column 'task' is missing", "columns found: none")


def test_a_column_twice(runs):
    for call in (load_runs, validate_runs):
        text = message(call, pd.concat([runs, runs["loss"]], axis=1))
        assert_told(text, "column 'loss' occurs 2 times in the table", "rename one or leave one out")


@pytest.mark.parametrize(("name", "todo"), [("los", "write 'loss'"), ("colour", "leave it out")])
def test_a_mapping_from_an_unknown_name(runs, name, todo):
    text = message(load_runs, runs, columns={name: "note"})
    assert_told(text, f"columns= names {name!r}", "the canonical names are task, method, base", todo)


@pytest.mark.parametrize(
    ("own", "todo"),
    [("Loss", "write columns={'loss': 'loss'}"), ("xyz", "write columns={'loss': 'one of these'}")],
)
def test_a_mapping_to_a_column_that_is_not_there(runs, own, todo):
    text = message(load_runs, runs, columns={"loss": own})
    assert_told(text, f"'loss' is called {own!r}, which is not in the table", "the table has loss, task, method", todo)


def test_a_mapping_onto_a_column_that_is_there_already(runs):
    text = message(load_runs, runs.assign(nll=1.0), columns={"loss": "nll"})
    assert_told(text, "column 'loss': the table has it already, and columns= calls 'nll' that too")
    assert "frame.drop(columns='loss'), or leave 'nll' out of columns=" in text


def test_a_mapping_of_one_column_to_two_names(runs):
    text = message(load_runs, runs, columns={"pet_size": "note", "model_size": "note"})
    assert_told(text, "columns= gives 'note' to 2 canonical columns: pet_size, model_size")
    assert "keep the one that 'note' is" in text


# Rows


def test_no_rows(runs):
    assert_told(message(validate_runs, runs[:0]), "the runs table is empty", "check the file or the filter")


def test_one_row(runs):
    text = message(validate_runs, runs[1:2])
    assert_told(text, "the runs table has one row:", "1.8", "add runs, at other values of 'finetune_size' first")


@pytest.mark.parametrize("name", ["task", "method", "finetune_size", "loss", "metric"])
@pytest.mark.parametrize("empty", [None, np.nan, "", "  ", pd.NA])
def test_empty_cells(runs, name, empty):
    cells = pd.Series([empty, "1", empty, "1"], dtype=object)
    text = message(validate_runs, runs.assign(**{name: cells}))
    assert_told(text, f"column {name!r}: 2 rows are empty, first rows:", "is given in every row", "drop the rows")
    assert [line.split()[0] for line in text.splitlines()[2:4]] == ["0", "2"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("high", "'high' is not a number: write it in digits with a point, such as 1.25"),
        ("0,5", "'0,5' is not a number"),
        ("2k", "'2k' is not a number"),
        (True, "True is a bool: give a number"),
        (dt.date(2024, 1, 1), "2024-01-01 is a date: give a number"),
        ([1.0], "[1.0] is a list: give a number"),
        (10**400, "int too large to convert to float"),
    ],
)
def test_cells_that_are_no_number(runs, cell, reason):
    cells = pd.Series([1.0, cell, 1.0, 1.0], dtype=object)
    text = message(validate_runs, runs.assign(loss=cells))
    assert_told(text, "column 'loss': 1 row is not readable as a number, first rows:", f"what to do: {reason}")
    assert text.splitlines()[2].startswith("1 ")


@pytest.mark.parametrize("name", [*FACTORS, "finetune_size", "loss", "loss_se", "seed"])
@pytest.mark.parametrize("cells", [pd.Series([True] * 4), pd.Series(pd.Timestamp("2024-01-01"), range(4))])
def test_booleans_and_dates_in_numeric_columns(runs, name, cells):
    text = message(validate_runs, runs.assign(**{name: cells}))
    assert_told(text, f"column {name!r}: 4 rows are not readable as a number, first rows:")
    assert len([line for line in text.splitlines() if " sum " in line]) == 3


@pytest.mark.parametrize("name", [*FACTORS, "finetune_size"])
def test_sizes_that_are_not_understood(runs, name):
    text = message(validate_runs, runs.assign(**{name: ["1k", "20M", "1m", "1,000"]}))
    assert_told(text, f"column {name!r}: 2 rows are not readable as a number", "write 1M for a million", "1,000")


@pytest.mark.parametrize("bad", [-1, -2.5, "-2.5"])
def test_a_negative_finetune_size_is_refused_and_zero_is_a_zero_shot_run(runs, bad):
    text = message(validate_runs, runs.assign(finetune_size=["1", bad, bad, bad]))
    assert_told(
        text, "column 'finetune_size': 3 rows are negative, first rows:", str(bad), "or 0 for the LLM as it was"
    )
    assert validate_runs(runs.assign(finetune_size=["0", 1, 2, 3])).finetune_size.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", [*FACTORS, "loss"])
@pytest.mark.parametrize("bad", [0, -2.5, "-2.5"])
def test_numbers_that_are_not_positive(runs, name, bad):
    text = message(validate_runs, runs.assign(**{name: ["1", bad, bad, bad]}))
    assert_told(text, f"column {name!r}: 3 rows are zero or negative, first rows:", str(bad), f"{name} is above zero")
    assert ("correct the values" in text) == (name != "loss")
    assert ("give the loss itself" in text) == (name == "loss")


@pytest.mark.parametrize("name", [*FACTORS, "finetune_size", "loss", "loss_se"])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, "inf"])
def test_numbers_that_are_not_finite(runs, name, bad):
    text = message(validate_runs, runs.assign(**{name: ["1", "1", bad, "1"]}))
    assert_told(text, f"column {name!r}: 1 row is not finite", "inf", "drop the runs that diverged")


def test_negative_standard_errors(runs):
    text = message(validate_runs, runs.assign(loss_se=[-0.1, 0.0, np.nan, 0.1]))
    assert_told(text, "column 'loss_se': 1 row is negative", "-0.1", "leave the cells empty")


@pytest.mark.parametrize("bad", [0.5, np.inf, 2**60, "1.5"])
def test_seeds_that_are_not_whole(runs, bad):
    text = message(validate_runs, runs.assign(seed=pd.Series([0, bad, None, 3], dtype=object)))
    assert_told(text, "column 'seed': 1 row is not a whole number", str(bad), "number the repeated runs 0, 1, 2, ...")


def test_two_metrics(runs):
    text = message(validate_runs, runs.assign(metric=["nll", "nll", "bits", "bits"]))
    assert_told(
        text,
        "column 'metric': it has 2 values, first rows of each:",
        "keep one: runs[runs['metric'] == 'nll']",
    )
    assert [line.split()[0] for line in text.splitlines()[2:4]] == ["0", "2"]


def test_offending_rows_are_shown_by_their_own_labels(runs):
    runs.index = ["w", "x", "x", "z"]
    text = message(validate_runs, runs.assign(loss=[1.0, -1.0, 1.0, -1.0]))
    assert [line.split()[0] for line in text.splitlines()[2:4]] == ["x", "z"]


# Repeated runs


def test_repeats_that_disagree_without_a_seed(runs):
    twice = pd.concat([runs, runs.assign(loss=[2.0, 1.7, 2.1, 1.9])])
    text = message(validate_runs, twice)
    assert_told(
        text,
        "column 'loss': 2 rows are at odds with a run of the same setting, first rows:",
        "one setting has one loss, or one for each value of 'seed'",
        "number repeated runs in a 'seed' column",
    )
    assert "1.8" in text
    assert "1.7" in text


@pytest.mark.parametrize("seed", [3, None])
def test_repeats_that_disagree_with_equal_seeds(runs, seed):
    twice = pd.concat([runs, runs.assign(loss=9.0)]).assign(seed=seed)
    assert_told(message(validate_runs, twice), "8 rows are at odds with a run of the same setting and seed")


def test_repeats_with_their_own_seeds_are_kept(runs):
    twice = pd.concat([runs.assign(seed=0), runs.assign(seed=1, loss=9.0)])
    assert len(validate_runs(twice)) == 8


def test_exact_repeats_are_dropped_with_a_warning_at_the_callers_line(runs):
    twice = pd.concat([runs, runs[:3].assign(note="again")], ignore_index=True)
    for call in (load_runs, validate_runs):
        with pytest.warns(UserWarning, match="3 of 7 runs repeat another in setting, seed and loss") as caught:
            valid = call(twice)
        pd.testing.assert_frame_equal(valid, validate_runs(runs))
        assert caught[0].filename == __file__
        assert "tell them apart in a 'seed' column" in str(caught[0].message)


def test_one_run_given_twice_is_one_row(runs):
    with pytest.warns(UserWarning, match="1 of 2 runs repeat"):
        assert "the runs table has one row" in message(validate_runs, pd.concat([runs[:1]] * 2))


# Factors


def test_varied_factors(runs):
    cell = runs.assign(pretrain_size=[1e9, np.nan, np.nan, 1e9], pet_size=[np.nan, 4, 8, 8])
    assert varied_factors(cell) == ("model_size", "pet_size")
    assert varied_factors(cell[:1]) == ()
    assert varied_factors(cell[["loss"]]) == ()


def test_a_factor_that_varies_passes(runs):
    check_factor_varies(validate_runs(runs), "model_size")


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ([8, 8, 8, np.nan], "it takes one value, 8, first rows:"),
        ([np.nan] * 4, "it takes no value, every cell is empty, first rows:"),
        ([4, 4, 8, 8], "it takes one value in every (task, method) group (4, 8), first rows:"),
    ],
)
def test_a_factor_that_never_varies(runs, cells, shown):
    valid = validate_runs(runs.assign(pet_size=cells))
    text = message(check_factor_varies, valid, "pet_size")
    assert_told(text, f"column 'pet_size': {shown}", "two or more values (best three) in one (task, method) group")
    assert "add runs at a second value of 'pet_size', or drop it from factors=" in text


def test_many_values_that_never_vary_are_cut_short():
    frame = pd.DataFrame({"task": "t", "method": list("abcd"), "pet_size": [1.0, 2, 3, 4]})
    assert "(1, 2, 3, ...)" in message(check_factor_varies, frame, "pet_size")


def test_a_factor_without_a_column(runs):
    text = message(check_factor_varies, validate_runs(runs), "pet_size")
    assert_told(text, "column 'pet_size' is not in the runs", "columns found: task, method", "drop it from factors=")
    text = message(check_factor_varies, validate_runs(runs.assign(petsize=8)), "pet_size")
    assert_told(text, "'petsize' looks like it: load_runs(..., columns={'pet_size': 'petsize'})")


@pytest.mark.parametrize(("name", "todo"), [("modelsize", "write 'model_size'"), ("xyz", "choose one of these")])
def test_an_unknown_factor(runs, name, todo):
    text = message(check_factor_varies, validate_runs(runs), name)
    assert_told(text, f"factor {name!r} is not known", "model_size, pretrain_size, pet_size", todo)
