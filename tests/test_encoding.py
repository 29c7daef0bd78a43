"""From tables to arrays: which factors scale which run, and where the logs are centred."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.encoding.rows import records
from shared.run_tables import crossed, problem, sets_of, star

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


# Bug: with pandas 2 a crossover of laws without factors raised "need at least one array to stack"
def test_rows_without_columns_are_still_rows() -> None:
    assert records(pd.DataFrame(index=range(2))) == [{}, {}]
    assert records(pd.DataFrame({"a": [1, 2]})) == [{"a": 1}, {"a": 2}]
