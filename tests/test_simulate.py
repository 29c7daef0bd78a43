"""Simulated runs: the truth they come from, the base LLMs they share, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs


def cell(**changes):
    values = {"alpha": {"model_size": 0.3}, "beta": 0.1, "E": 1.0, "A": 1000.0, "sigma": 0.0}
    return bs.CellTruth(**(values | changes))


def grid(method="full", **sizes):
    sizes = {"model_size": [1e9, 3e9, 1e10], "finetune_size": [1e4, 1e5, 1e6]} | sizes
    rows = list(itertools.product(*sizes.values()))
    return pd.DataFrame(rows, columns=list(sizes)).assign(method=method)


def n(runs, column):
    return runs[column].to_numpy(float)


def test_without_noise_the_loss_is_the_papers_formula():
    runs = bs.simulate_runs(grid(), bs.Truth({"full": cell()}))
    paper = 1000 * n(runs, "model_size") ** -0.3 * n(runs, "finetune_size") ** -0.1 + 1.0
    np.testing.assert_allclose(runs["loss"], paper, rtol=1e-12)
    np.testing.assert_array_equal(runs["expected_loss"], runs["loss"])


def test_two_factors_multiply():
    truth = bs.Truth({"lora": cell(alpha={"model_size": 0.3, "pet_size": -0.02})})
    runs = bs.simulate_runs(grid("lora", pet_size=[4.0, 64.0]), truth)
    paper = 1000 * n(runs, "model_size") ** -0.3 * n(runs, "pet_size") ** 0.02 * n(runs, "finetune_size") ** -0.1 + 1
    np.testing.assert_allclose(runs["loss"], paper, rtol=1e-12)


def test_the_additive_law_adds_a_term_a_factor():
    one = cell(alpha={"model_size": 0.3, "pretrain_size": 0.2}, A={"model_size": 300.0, "pretrain_size": 50.0}, B=2.0)
    runs = bs.simulate_runs(grid(pretrain_size=[1e10, 1e11]), bs.Truth({"full": one}, law="additive"))
    terms = 300 * n(runs, "model_size") ** -0.3 + 50 * n(runs, "pretrain_size") ** -0.2
    np.testing.assert_allclose(runs["loss"], terms + 2 * n(runs, "finetune_size") ** -0.1 + 1.0, rtol=1e-12)


def test_one_A_of_the_additive_law_serves_every_factor():
    one = cell(alpha={"model_size": 0.3, "pretrain_size": 0.2}, A=300.0, B=2.0)
    runs = bs.simulate_runs(grid(pretrain_size=[1e10, 1e11]), bs.Truth({"full": one}, law="additive"))
    terms = 300 * n(runs, "model_size") ** -0.3 + 300 * n(runs, "pretrain_size") ** -0.2
    np.testing.assert_allclose(runs["loss"], terms + 2 * n(runs, "finetune_size") ** -0.1 + 1.0, rtol=1e-12)


def test_a_factor_without_exponent_has_no_effect_and_an_empty_one_neither():
    truth = bs.Truth({"full": cell()})
    plain = bs.simulate_runs(grid(), truth)
    given = bs.simulate_runs(grid(pet_size=[8.0]), truth)
    np.testing.assert_array_equal(given["loss"], plain["loss"])
    both = bs.Truth({"full": cell(alpha={"model_size": 0.3, "pet_size": 0.5})})
    np.testing.assert_array_equal(bs.simulate_runs(grid(pet_size=[np.nan]), both)["loss"], plain["loss"])


def test_methods_and_tasks_have_their_own_truth():
    design = pd.concat([grid(m).assign(task=t) for m in ("full", "lora") for t in ("a", "b")])
    truth = bs.Truth({"full": cell(E=1.0), "lora": cell(E=2.0), ("b", "lora"): cell(E=3.0)})
    runs = bs.simulate_runs(design, truth)
    floor = runs["loss"] - 1000 * runs["model_size"] ** -0.3 * runs["finetune_size"] ** -0.1
    found = floor.groupby([runs["task"], runs["method"]]).mean().round(9).to_dict()
    assert found == {("a", "full"): 1, ("a", "lora"): 2, ("b", "full"): 1, ("b", "lora"): 3}


def test_the_truth_is_what_a_fitted_law_computes():
    from bayes_scaling.models.laws import LAWS, LawParameters
    from bayes_scaling.models.precision import in_float64

    runs = bs.simulate_runs(grid(), bs.Truth({"full": cell()}))
    problem = bs.JointLaw().encode(runs)
    x0, d0 = problem.layout.log_x0, problem.layout.log_d0
    reducible = 1000 * np.exp(-0.3 * x0 - 0.1 * d0)
    one = np.ones(1)
    parameters = LawParameters(one, 0.1 * one, 0.3 * one, reducible, np.zeros(0))
    found = in_float64(LAWS["multiplicative"].log_mean)(parameters, problem.rows)
    np.testing.assert_allclose(np.exp(found), runs["loss"], rtol=1e-12)


def test_the_seed_decides_the_runs():
    truth = bs.Truth({"full": cell(sigma=0.01)}, base_scale=0.05, nu=5.0)
    first, again, other = (bs.simulate_runs(grid(), truth, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert np.all(first["loss"] != other["loss"]) and np.all(first["expected_loss"] != other["expected_loss"])


def test_the_noise_is_on_log_loss_with_the_scale_and_the_tails_that_were_told():
    many = grid(finetune_size=np.geomspace(1e3, 1e7, 4000))
    normal = bs.simulate_runs(many, bs.Truth({"full": cell(sigma=0.02)}), seed=3)
    residual = np.log(normal["loss"] / normal["expected_loss"]) / 0.02
    # 12,000 standard normals: mean and sd are off by .04 in 1 of 10,000 seeds; |z| > 4 has probability 6e-5
    assert abs(residual.mean()) < 0.04 and abs(residual.std() - 1) < 0.04
    heavy = bs.simulate_runs(many, bs.Truth({"full": cell(sigma=0.02)}, nu=3.0), seed=3)
    tail = np.abs(np.log(heavy["loss"] / heavy["expected_loss"])) / 0.02
    # P(|t3| > 4) = .028, P(|z| > 4) = .00006
    assert 0.02 < np.mean(tail > 4) < 0.036 and np.mean(np.abs(residual) > 4) < 0.001


def effects(bases=4000, share=0.5, seed=0, **truth):
    """Base effects of three methods on many bases, one column each."""
    design = pd.concat(
        [grid(m, model_size=1e9 * (1 + np.arange(bases) / bases), finetune_size=[1e5]) for m in ("a", "b", "c")]
    )
    cells = dict.fromkeys("abc", cell())
    runs = bs.simulate_runs(design, bs.Truth(cells, base_scale=0.05, base_share=share, **truth), seed)
    law = 1000 * runs["model_size"] ** -0.3 * runs["finetune_size"] ** -0.1 + 1.0
    return np.log(runs["expected_loss"] / law).to_numpy().reshape(3, bases).T


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_methods_share_the_told_part_of_a_bases_effect(share):
    # Effects are scale (sqrt(share) t + sqrt(1 - share) t'), with t and t' of df 4: heavy tails spoil a plain
    # correlation, so the effects are clipped at their central 90 %, which shifts it by at most .034 (at .7). Over 25
    # seeds of every share its sd was .010 at most, so .07 fails for fewer than 1 of 1,000 seeds.
    found = effects(share=share)
    low, high = np.quantile(found, [0.05, 0.95])
    correlation = np.corrcoef(np.clip(found, low, high).T)[np.triu_indices(3, 1)].mean()
    assert correlation == pytest.approx(share, abs=0.07)


def test_a_bases_effect_has_the_told_scale_and_is_one_for_all_its_runs():
    whole = effects(share=1.0)
    # median |t4| = .741; 4,000 bases know it to .02
    assert np.median(np.abs(whole)) / 0.05 == pytest.approx(0.741, abs=0.07)
    truth = bs.Truth({"full": cell()}, base_scale=0.05)
    runs = bs.simulate_runs(grid(), truth)
    law = 1000 * runs["model_size"] ** -0.3 * runs["finetune_size"] ** -0.1 + 1.0
    spread = np.log(runs["expected_loss"] / law).groupby(runs["base"]).agg(["min", "max"])
    assert len(spread) == 3
    np.testing.assert_allclose(spread["min"], spread["max"], atol=1e-12)


def test_a_base_falls_by_the_told_scale_more_or_less_than_the_law():
    bases, amounts = 4000, np.array([1e4, 1e5, 1e6])
    design = grid("a", model_size=1e9 * (1 + np.arange(bases) / bases), finetune_size=amounts)
    runs = bs.simulate_runs(design, bs.Truth({"a": cell()}, slope_scale=0.2, slope_share=0.0))
    law = 1000 * runs["model_size"] ** -0.3 * runs["finetune_size"] ** -0.1 + 1.0
    table = pd.DataFrame({"base": runs["base"], "D": runs["finetune_size"], "law": np.log(law)})
    table = table.assign(loss=np.log(runs["expected_loss"])).pivot(index="base", columns="D")
    np.testing.assert_allclose(table["loss"][1e5], table["law"][1e5], atol=1e-12)  # the centre of D_f
    slope = [(table["loss"][d] - table["law"][d]) / (table["law"][d] - table["law"][1e5]) for d in (1e4, 1e6)]
    np.testing.assert_allclose(slope[0], slope[1], rtol=1e-6)
    # median |t4| = .741; 4,000 bases know it to .02
    assert np.median(np.abs(slope[0])) / 0.2 == pytest.approx(0.741, abs=0.07)


def test_a_named_base_is_one_base_whatever_its_sizes_say():
    truth = bs.Truth({"full": cell()}, base_scale=0.05)
    design = grid(model_size=[1e9]).assign(base=["a", "a", "b"])
    runs = bs.simulate_runs(design, truth)
    law = 1000 * runs["model_size"] ** -0.3 * runs["finetune_size"] ** -0.1 + 1.0
    effect = np.log(runs["expected_loss"] / law)
    assert effect[0] == pytest.approx(effect[1], abs=1e-12) and abs(effect[2] - effect[0]) > 1e-4


def test_repeats_differ_in_noise_and_are_told_apart_by_seed():
    truth = bs.Truth({"full": cell(sigma=0.01)}, base_scale=0.05)
    runs = bs.simulate_runs(grid(), truth, repeats=3)
    assert len(runs) == 27
    by_setting = runs.groupby(["model_size", "finetune_size"])
    assert by_setting["seed"].apply(sorted).tolist() == [[0, 1, 2]] * 9
    assert by_setting["loss"].nunique().eq(3).all() and by_setting["expected_loss"].nunique().eq(1).all()
    assert "seed" not in bs.simulate_runs(grid(), truth)


def test_the_result_is_a_runs_table_that_keeps_the_designs_columns():
    design = grid().assign(note="mine")
    before = design.copy()
    runs = bs.simulate_runs(design, bs.Truth({"full": cell()}))
    pd.testing.assert_frame_equal(design, before)
    assert runs["task"].unique().tolist() == ["simulated"] and runs["note"].unique().tolist() == ["mine"]
    assert sorted(runs["base"].unique()) == ["10B", "1B", "3B"]
    pd.testing.assert_frame_equal(bs.load_runs(runs), runs)


# --- what is refused


def refused(error, design, truth, **arguments):
    with pytest.raises(error) as caught:
        bs.simulate_runs(design, truth, **arguments)
    return str(caught.value)


def test_an_unknown_law_is_refused():
    text = refused(bs.ModelError, grid(), bs.Truth({"full": cell()}, law="quadratic"))
    assert text == "law='quadratic': no such law; the laws are 'multiplicative', 'additive', 'rectified', 'power'"


def test_a_method_without_truth_is_refused():
    text = refused(bs.DesignError, grid("lora"), bs.Truth({"full": cell()}))
    assert text == "method='lora' has no truth; truth.cells has 'full'"


# Bug: KeyError 'method' or 'finetune_size'; ValueError of NumPy for sizes as text; a RunsError about empty losses for a
# negative size; TypeError for an empty design; AttributeError for a dict.
@pytest.mark.parametrize(
    ("design", "named"),
    [
        (grid().drop(columns="method"), "method"),
        (grid().drop(columns="finetune_size"), "finetune_size"),
        (grid().assign(finetune_size="many"), "finetune_size"),
        (grid().assign(finetune_size=-1.0), "finetune_size"),
        (grid().iloc[:0], "design"),
        ({"method": ["full"]}, "design"),
    ],
    ids=["no method", "no D_f", "text", "negative", "empty", "dict"],
)
def test_a_design_that_cannot_be_simulated_is_refused_by_name(design, named):
    assert named in refused(bs.BayesScalingError, design, bs.Truth({"full": cell()}))


# Bug: an exponent of a factor that the design lacks, or of no factor at all, is dropped without a word: the runs are
# simulated from another truth than the one given.
@pytest.mark.parametrize("factor", ["pretrain_size", "modelsize"])
def test_an_exponent_that_no_column_belongs_to_is_refused(factor):
    truth = bs.Truth({"full": cell(alpha={"model_size": 0.3, factor: 0.2})})
    assert factor in refused(bs.BayesScalingError, grid(), truth)


# Bug: A for each factor under the multiplicative law is a TypeError of JAX; a factor missing in A of the additive law
# silently gets A = 1.
@pytest.mark.parametrize(("law", "A"), [("multiplicative", {"model_size": 10.0}), ("additive", {"pet_size": 10.0})])
def test_an_A_that_does_not_suit_the_law_is_refused(law, A):
    assert "A" in refused(bs.BayesScalingError, grid(), bs.Truth({"full": cell(A=A, B=1.0)}, law=law))


# Bug: repeats=0 gives one run of each; base_share=2 and E=-5 a RunsError about empty losses; base_scale < 0 passes;
# nu=-1 is a ValueError of NumPy.
@pytest.mark.parametrize(
    ("named", "truth", "repeats"),
    [
        ("repeats", {}, 0),
        ("base_share", {"base_share": 2.0, "base_scale": 0.1}, 1),
        ("base_scale", {"base_scale": -0.1}, 1),
        ("slope_share", {"slope_share": -0.5, "slope_scale": 0.1}, 1),
        ("slope_scale", {"slope_scale": -0.1}, 1),
        ("nu", {"nu": -1.0}, 1),
    ],
)
def test_a_truth_out_of_range_is_refused_by_name(named, truth, repeats):
    assert named in refused(bs.BayesScalingError, grid(), bs.Truth({"full": cell()}, **truth), repeats=repeats)
