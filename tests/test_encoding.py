"""From tables to arrays: which factors scale which run, where the logs are centred, and what a design may ask."""

import itertools

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.encoding import encode_design
from bayes_scaling.models.laws import LAWS

LAW = LAWS["multiplicative"]
SIZES = {"model_size": [1e9, 2e9, 4e9], "pretrain_size": [1e10, 3e10, 9e10], "pet_size": [4.0, 16.0, 64.0]}


def table(rows, **columns):
    """Runs of one task from (factors, D_f) rows; the losses are all different."""
    frame = pd.DataFrame(rows).assign(**{"task": "sum", "method": "lora", **columns})
    return bs.load_runs(frame.assign(loss=2 + 0.01 * np.arange(len(frame))))


def crossed(*factors, sizes=(1e4, 1e5), **columns):
    names = [*factors, "finetune_size"]
    values = [*(SIZES[f] for f in factors), sizes]
    return table([dict(zip(names, row, strict=True)) for row in itertools.product(*values)], **columns)


def star(*, centre):
    """Model size and PET size each moved away from (2e9, 16), which was measured or not."""
    points = [(1e9, 16.0), (4e9, 16.0), (2e9, 4.0), (2e9, 64.0)] + ([(2e9, 16.0)] if centre else [])
    return table([{"model_size": n, "pet_size": t, "finetune_size": d} for n, t in points for d in (1e4, 1e5)])


def problem(runs, **model):
    return bs.JointLaw(**model).encode(runs)


def sets_of(layout):
    return {
        (layout.task[c], layout.method[c], factors): fixed
        for (c, factors), fixed in zip(layout.factor_sets, layout.fixed_sizes, strict=True)
    }


@pytest.fixture(scope="module")
def both(runs):
    return bs.load_runs(pd.concat([runs, bs.load_data("zhang2024_pet")]))


# --- which factors scale which run


def test_the_papers_two_tables_together_give_a_law_for_each_factor_with_E_and_beta_shared(both):
    layout = problem(both).layout
    assert set(layout.sharing) == {"one factor at a time"}
    en_zh = {key[1:]: fixed for key, fixed in sets_of(layout).items() if key[0] == "WMT19 En-Zh"}
    assert en_zh == {
        ("full", ("model_size",)): {},
        ("prompt", ("model_size",)): {},
        ("prompt", ("pet_size",)): {"model_size": 956e6},
        ("lora", ("model_size",)): {},
        ("lora", ("pet_size",)): {"model_size": 956e6},
    }
    for method in ("prompt", "lora"):
        c = layout.cell_index["WMT19 En-Zh", method]
        assert list(layout.terms_of_cell[c]) == ["model_size", "pet_size"]
        assert [layout.factor_of_amplitude[j] for j in np.flatnonzero(layout.cell_of_amplitude == c)] == [
            "model_size",
            "pet_size",
        ]
    # one E and one beta a (task, method), one A and one alpha a (task, method, factor)
    assert layout.family_size("E") == layout.family_size("beta") == layout.n_cells == 7
    assert layout.n_terms == layout.n_amplitudes == 9


def test_rows_of_the_two_tables_read_their_own_exponent_and_amplitude(both):
    encoded = problem(both)
    layout, rows = encoded.layout, encoded.rows
    used = [f for f in ("model_size", "pet_size") if f in layout.factor_of_term]
    for i, row in enumerate(both.to_dict("records")):
        factor = "pet_size" if row.get("pet_size", np.nan) > 0 else "model_size"
        column = used.index(factor)
        assert rows.active[i].tolist() == [float(f == factor) for f in used]
        assert layout.factor_of_term[rows.term[i, column]] == factor
        assert layout.factor_of_amplitude[rows.amplitude[i, 0]] == factor
        assert layout.cell_of_term[rows.term[i, column]] == layout.cell_of_amplitude[rows.amplitude[i, 0]]
        assert layout.task[rows.cell[i]] == row["task"] and layout.method[rows.cell[i]] == row["method"]


def test_factors_that_move_together_make_one_product_law():
    layout = problem(crossed("model_size", "pet_size")).layout
    assert layout.factor_sets == ((0, ("model_size", "pet_size")),)
    assert layout.sharing == ("product",)
    assert (layout.n_amplitudes, layout.n_terms) == (1, 2)
    np.testing.assert_array_equal(layout.amplitude_has_term, [[1.0, 1.0]])


def test_three_factors_together_make_one_product_law():
    layout = problem(crossed("model_size", "pretrain_size", "pet_size", sizes=(1e4,))).layout
    assert layout.factor_sets == ((0, ("model_size", "pretrain_size", "pet_size")),)
    assert (layout.n_amplitudes, layout.n_terms) == (1, 3)


def test_the_additive_law_has_an_amplitude_a_factor_even_where_they_move_together():
    encoded = problem(crossed("model_size", "pet_size"), law="additive")
    assert encoded.layout.factor_of_amplitude == ("model_size", "pet_size")
    np.testing.assert_array_equal(encoded.rows.amplitude, np.tile([0, 1], (18, 1)))
    np.testing.assert_array_equal(encoded.layout.amplitude_has_term, np.eye(2))


def test_a_star_whose_centre_was_not_measured_is_read_one_factor_at_a_time():
    runs = star(centre=False)
    layout = problem(runs).layout
    assert sets_of(layout) == {
        ("sum", "lora", ("model_size",)): {"pet_size": 16.0},
        ("sum", "lora", ("pet_size",)): {"model_size": 2e9},
    }
    assert layout.sharing == ("one factor at a time",)


def test_a_star_whose_centre_was_measured_is_one_product_law():
    assert problem(star(centre=True)).layout.factor_sets == ((0, ("model_size", "pet_size")),)


def test_sharing_can_be_told_either_way():
    for centre in (False, True):
        product = problem(star(centre=centre), sharing="product").layout
        assert product.factor_sets == ((0, ("model_size", "pet_size")),)
        apart = problem(star(centre=centre), sharing="separate").layout
        assert {s for _, s in apart.factor_sets} == {("model_size",), ("pet_size",)}


def test_separate_is_refused_for_runs_that_move_two_factors_at_once():
    with pytest.raises(bs.ModelError) as caught:
        problem(crossed("model_size", "pet_size"), sharing="separate")
    text = str(caught.value)
    assert "sharing='separate' needs runs that move one factor at a time" in text
    assert "model_size, pet_size move together in task 'sum', method 'lora'" in text
    assert "use sharing='product' or 'auto'" in text


def test_each_method_has_the_factors_that_it_varies():
    runs = bs.load_runs(pd.concat([crossed("model_size", method="full"), crossed("pet_size", model_size=1e9)]))
    assert sets_of(problem(runs).layout) == {
        ("sum", "full", ("model_size",)): {},
        ("sum", "lora", ("pet_size",)): {"model_size": 1e9},
    }


def test_a_method_that_varies_nothing_is_fitted_on_D_f_alone_beside_one_that_does():
    runs = bs.load_runs(
        pd.concat([crossed("model_size", method="full"), crossed(model_size=1e9, sizes=(1e4, 1e5, 1e6))])
    )
    layout = problem(runs).layout
    assert sets_of(layout) == {("sum", "full", ("model_size",)): {}, ("sum", "lora", ()): {"model_size": 1e9}}
    assert layout.sharing == ("one factor at a time", "finetuning data only")
    assert layout.factor_of_amplitude == ("model_size", "")


def test_no_factors_is_a_law_of_D_f_alone():
    encoded = problem(crossed(model_size=1e9, sizes=(1e4, 1e5, 1e6)), factors=())
    assert encoded.layout.factor_sets == ((0, ()),)
    assert encoded.layout.sharing == ("finetuning data only",)
    assert encoded.rows.log_x.shape == (3, 0) and encoded.layout.n_terms == 0
    assert encoded.layout.n_amplitudes == 1


def test_a_factor_that_varies_cannot_be_left_out(runs):
    for factors in ((), ("pet_size",)):
        mixed = bs.load_runs(pd.concat([runs, bs.load_data("zhang2024_pet")]))
        with pytest.raises(bs.ModelError) as caught:
            problem(mixed, factors=factors)
        text = str(caught.value)
        assert f"factors={factors!r} leaves out 'model_size', which takes 5 values" in text
        assert "task 'WMT19 En-Zh', method 'full'" in text
        assert "Add it to factors=, or fit the runs of one model_size at a time" in text


def test_a_requested_factor_that_never_varies_is_refused():
    runs = crossed("model_size", pet_size=8.0)
    with pytest.raises(bs.RunsError) as caught:
        problem(runs, factors=("model_size", "pet_size"))
    assert "column 'pet_size': it takes one value, 8" in str(caught.value)
    assert "what to do: add runs at a second value of 'pet_size', or drop it from factors=" in str(caught.value)
    with pytest.raises(bs.RunsError, match="column 'pretrain_size' is not in the runs"):
        problem(runs, factors=("model_size", "pretrain_size"))


def test_runs_that_vary_nothing_are_refused():
    with pytest.raises(bs.RunsError, match="column 'model_size': it takes one value, 1B"):
        problem(crossed(model_size=1e9, sizes=(1e4, 1e5)))
    with pytest.raises(bs.RunsError) as caught:
        problem(crossed(sizes=(1e4, 1e5)))
    assert "no factor varies" in str(caught.value) and "JointLaw(factors=())" in str(caught.value)


def test_a_run_without_the_value_of_its_cells_factor_is_shown():
    runs = crossed("model_size")
    runs.loc[[1, 4], "model_size"] = np.nan
    with pytest.raises(bs.RunsError) as caught:
        problem(runs)
    text = str(caught.value)
    assert "column 'model_size': 2 rows are without a value that places them on a law of model_size" in text
    assert "\n1 " in text and "\n4 " in text
    assert "what to do: fill in 'model_size' for these runs, or leave them out" in text


# --- where the logs are centred


def test_logs_are_centred_where_each_cell_and_term_was_measured(both):
    encoded = problem(both)
    layout, rows = encoded.layout, encoded.rows
    for c in range(layout.n_cells):
        cell = both[(both["task"] == layout.task[c]) & (both["method"] == layout.method[c])]
        assert layout.log_d0[c] == pytest.approx(np.log(cell["finetune_size"]).mean(), rel=1e-12)
        assert rows.log_d[rows.cell == c].mean() == pytest.approx(0, abs=1e-12)
    for k, factor in enumerate(layout.factor_of_term):
        column = ["model_size", "pet_size"].index(factor)
        mine = (rows.term[:, column] == k) & (rows.active[:, column] > 0)
        assert rows.log_x[mine, column].mean() == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(rows.log_x[mine, column] + layout.log_x0[k], np.log(both.loc[mine, factor]))
    assert np.all(rows.log_x[rows.active == 0] == 0)


def test_losses_and_known_errors_are_kept_as_they_are():
    runs = crossed("model_size")
    runs["loss_se"] = [0.02, np.nan, *[0.01] * (len(runs) - 2)]
    encoded = problem(runs)
    np.testing.assert_array_equal(encoded.loss, runs["loss"])
    np.testing.assert_allclose(encoded.log_se, runs["loss_se"].fillna(0) / runs["loss"])
    assert np.all(problem(runs.drop(columns="loss_se")).log_se == 0)


def test_runs_from_one_base_share_an_effect_and_methods_share_its_common_part(both):
    encoded = problem(both)
    layout = encoded.layout
    for i, row in enumerate(both.to_dict("records")):
        effect = encoded.effect[i]
        assert layout.base_of_effect[effect] == row["base"]
        assert layout.cell_of_effect[effect] == encoded.rows.cell[i]
        common = layout.common_of_effect[effect]
        assert (layout.task_of_common[common], layout.base_of_common[common]) == (row["task"], row["base"])
    assert layout.n_effects == len(both.groupby(["task", "method", "base"]))
    assert layout.n_commons == len(both.groupby(["task", "base"]))


def test_the_order_of_the_rows_changes_nothing_but_their_order(runs):
    order = np.random.default_rng(0).permutation(len(runs))
    straight, mixed = problem(runs), problem(bs.load_runs(runs.iloc[order]))
    for name in ("log_d", "log_x"):
        before, after = getattr(straight.rows, name)[order], getattr(mixed.rows, name)
        np.testing.assert_allclose(after, before, atol=1e-12)


# --- designs


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
