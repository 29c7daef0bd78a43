"""D_f = 0, the LLM before finetuning: read exactly by the rectified law, refused by name everywhere else."""

import jax
import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student_t
from typer.testing import CliRunner

matplotlib.use("Agg")

import matplotlib.pyplot as plt

import bayes_scaling as bs
from bayes_scaling.backtesting import forecasters
from bayes_scaling.backtesting.holdouts import splits
from bayes_scaling.cli import app
from bayes_scaling.encoding import encode_design
from bayes_scaling.models import drift
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laws import LAWS, LawParameters
from bayes_scaling.models.layout import RowArrays
from bayes_scaling.models.least_squares import least_squares, log_mean
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.starts import start
from bayes_scaling.prediction import expected_loss

pytestmark = pytest.mark.numbers

E, BETA, A, D_L = 1.2, 0.3, 12.0, 5.0
SIZES = np.geomspace(200, 2e5, 11).round()
MODEL = bs.JointLaw("rectified", factors=(), base_effects=False, discrepancy=True)
ZERO = pd.DataFrame({"method": "full", "base": "b", "finetune_size": [0.0]})


def curve(sigma: float = 0.01, zero_shot: bool = True, bases: tuple[str, ...] = ("b",)) -> pd.DataFrame:
    truth = bs.Truth({"full": bs.CellTruth(alpha={}, beta=BETA, E=E, A=A, D_l=D_L, sigma=sigma)}, law="rectified")
    sizes = [*([0.0] if zero_shot else []), *SIZES]
    design = pd.DataFrame([{"method": "full", "base": b, "finetune_size": d} for b in bases for d in sizes])
    return bs.simulate_runs(design, truth)


@pytest.fixture(scope="module")
def fit() -> bs.Posterior:
    return bs.fit(curve(), MODEL, draws=500)


@pytest.fixture(scope="module")
def without(fit: bs.Posterior) -> bs.Posterior:
    """The same draws, of a fit that has not seen the zero-shot run."""
    runs = bs.load_runs(curve(zero_shot=False))
    return bs.Posterior(runs, MODEL, fit.draws, fit.stats, fit.seed, fit.settings)


# --- the law


def rows(log_d: float, zero_shot: bool) -> RowArrays:
    none, one = np.zeros(1, np.int64), np.ones((1, 1))
    flag = one * zero_shot
    return RowArrays(none, none[:, None], one, none[:, None], 0.7 * one, np.array([log_d]), zero_shot=flag)


def parameters() -> LawParameters:
    """At X = D_f = 1 the amplitude is the reducible loss, A / (D_l + 1)."""
    return LawParameters(*(np.array([v]) for v in (E, BETA, 0.4, A / (D_L + 1), 0.0, D_L)))


def log_loss(p: LawParameters, r: RowArrays) -> jax.Array:
    return LAWS["rectified"].log_mean(p, r).sum()


@in_float64
def test_its_loss_is_the_formula_s_and_the_limit_of_few_examples() -> None:
    """And the broken twin: one example is not yet none."""
    by_hand = A * np.exp(-0.4 * 0.7) / D_L + E
    at_zero = float(np.exp(log_loss(parameters(), rows(0.0, True))))
    assert at_zero == pytest.approx(by_hand, rel=1e-12)
    assert float(np.exp(log_loss(parameters(), rows(-200.0, False)))) == pytest.approx(by_hand, rel=1e-12)
    assert float(np.exp(log_loss(parameters(), rows(0.0, False)))) < 0.95 * by_hand


@in_float64
def test_its_gradient_is_finite_and_beta_has_no_say() -> None:
    gradient = jax.grad(log_loss)(parameters(), rows(-8.0, True))
    assert all(np.all(np.isfinite(part)) for part in jax.tree.leaves(gradient))
    assert gradient.beta[0] == 0.0 and gradient.prelearned[0] < 0
    assert jax.grad(log_loss)(parameters(), rows(-8.0, False)).beta[0] != 0.0


@in_float64
def test_the_joint_model_s_gradient_is_finite_with_base_effects_and_drift() -> None:
    model = bs.JointLaw("rectified", factors=())
    problem = model.encode(curve(bases=("b", "c", "d")))
    resolved = model.resolve(problem.layout)
    c = Coordinates(resolved, problem, True)
    value, gradient = jax.jit(jax.value_and_grad(c.potential))(start(c) + 0.1)
    assert np.isfinite(value) and np.all(np.isfinite(gradient))


def test_a_truth_is_simulated_at_zero_where_its_law_is_finite() -> None:
    assert curve(sigma=0.0).loss[0] == pytest.approx(A / D_L + E, rel=1e-12)
    power = bs.Truth({"full": bs.CellTruth(alpha={}, beta=BETA, E=E, A=A)})
    with pytest.raises(bs.DesignError, match=r"row 0 is zero-shot \(0\), where the multiplicative law is infinite"):
        bs.simulate_runs(ZERO, power)


# --- the table


def test_a_zero_shot_row_is_read_and_a_negative_one_refused() -> None:
    assert bs.load_runs(curve()).finetune_size.min() == 0
    with pytest.raises(bs.RunsError, match="column 'finetune_size': 1 row is negative"):
        bs.load_runs(curve().replace({"finetune_size": {0.0: -1.0}}))


@pytest.mark.parametrize("law", [name for name in LAWS if name != "rectified"])
def test_other_laws_name_the_rows_and_a_law_that_reads_them(law: str) -> None:
    with pytest.raises(bs.RunsError) as told:
        bs.JointLaw(law, factors=()).encode(curve())
    text = str(told.value)
    assert text.startswith("column 'finetune_size': 1 row is zero-shot (zero), first rows:")
    assert f"the {law} law is infinite at D_f = 0" in text
    assert "fit law='rectified'" in text and "drop these rows: runs[runs['finetune_size'] > 0]" in text


def test_a_cell_of_zero_shot_rows_alone_is_refused() -> None:
    lonely = pd.concat([curve(), curve().iloc[:1].assign(method="lora")])
    with pytest.raises(bs.RunsError, match=r"zero-shot \(zero\), and the only ones of their task and method"):
        MODEL.encode(lonely)


def test_the_centre_is_that_of_the_finetuned_runs_and_the_drift_that_of_one_example() -> None:
    problem, other = MODEL.encode(curve()), MODEL.encode(curve(zero_shot=False))
    assert problem.layout.log_d0[0] == pytest.approx(np.log(SIZES).mean()) == other.layout.log_d0[0]
    assert problem.rows.log_d[0] == pytest.approx(-np.log(SIZES).mean())
    assert problem.rows.zero_shot[:, 0].tolist() == [1.0] + [0.0] * SIZES.size
    assert not other.rows.has_zero_shot


def test_it_is_counted_aloud(tmp_path) -> None:
    curve().to_csv(tmp_path / "runs.csv", index=False)
    result = CliRunner().invoke(app, ["check", f"{tmp_path}/runs.csv", "--law", "rectified", "--factors", "none"])
    assert result.exit_code == 0, result.stderr
    assert "12 runs (1 zero-shot, with D_f = 0), and they pass" in result.stdout
    assert "200 to 200k (11)" in result.stdout and "1 run has D_f = 0, which the law reads exactly" in result.stdout


# --- the posterior


def test_the_zero_shot_loss_comes_back(fit: bs.Posterior) -> None:
    point = fit.predict(ZERO, prob=0.99).iloc[0]
    assert point.low < A / D_L + E < point.high
    assert (point.region, point.distance) == ("interior", 0.0)


def test_unmeasured_it_is_beyond_and_the_law_may_have_drifted(
    without: bs.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as one example. The broken twin stops drifting at the smallest run: it lacks tau^2 distance^3 / 3."""
    point = without.predict(ZERO).iloc[0]
    assert (point.region, point.distance) == ("beyond", pytest.approx(np.log10(200)))
    with_drift = np.log(expected_loss(without, ZERO))[:, 0]
    monkeypatch.setattr(drift, "beyond", lambda *_: 0.0)
    since_the_runs = with_drift - np.log(expected_loss(without, ZERO))[:, 0]
    scale = without.family("drift_scale")[:, 0] * np.sqrt(np.log(200) ** 3 / 3)
    quartiles = student_t.ppf([0.25, 0.75], drift.BEYOND_DF)
    np.testing.assert_allclose(np.quantile(since_the_runs / scale, [0.25, 0.75]), quartiles, atol=0.1)


def test_few_examples_are_as_far_from_the_runs_as_they_were(fit: bs.Posterior, without: bs.Posterior) -> None:
    few = ZERO.assign(finetune_size=20.0)
    assert fit.predict(few).distance[0] == without.predict(few).distance[0] == pytest.approx(1.0)


def test_a_law_that_is_infinite_there_cannot_predict_it() -> None:
    runs = bs.load_runs(curve(zero_shot=False))
    layout = bs.JointLaw(factors=()).encode(runs).layout
    with pytest.raises(bs.DesignError, match="where the multiplicative law is infinite; fit law='rectified'"):
        encode_design(layout, LAWS["multiplicative"], runs, ZERO)
    assert encode_design(layout, LAWS["rectified"], runs, ZERO).rows.zero_shot[0, 0] == 1.0


def test_a_plot_stands_it_on_the_left_edge(fit: bs.Posterior) -> None:
    (ax,) = bs.plot_fit(fit)
    ax.figure.canvas.draw()
    left = ax.get_xlim()[0]
    assert 100 < left < 200
    at_edge = [line for line in ax.lines if list(line.get_xdata()) == [left]]
    assert [line.get_ydata()[0] for line in at_edge] == [fit.runs.loss[0]]
    assert "$D_f = 0$" in [text.get_text() for text in ax.texts]
    plt.close("all")


# --- rivals and hold-outs


def test_least_squares_reads_it() -> None:
    """Without noise the curve comes back, the zero-shot point with it."""
    problem = MODEL.encode(curve(sigma=0.0))
    found = least_squares(LAWS["rectified"], problem)
    fitted = log_mean(LAWS["rectified"], {k: v[None] for k, v in found.items()}, problem.rows)[0]
    np.testing.assert_allclose(fitted, np.log(problem.loss), atol=1e-5)


def test_the_last_value_is_not_moved_by_it() -> None:
    """The nearest run of a larger size is the same, and the step from no example to some is no typical one."""
    train, test = curve(), ZERO.assign(finetune_size=1e6, task="simulated", loss=1.4)
    said, plain = (forecasters.by_last_value(t, test, seed=0) for t in (train, train[train.finetune_size > 0]))
    np.testing.assert_array_equal(said.draws, plain.draws)
    zero = forecasters.by_last_value(train, ZERO.assign(task="simulated", loss=3.6), seed=0)
    assert np.exp(np.median(zero.draws)) == pytest.approx(train.loss[0], rel=0.02)


def test_a_rolling_origin_starts_at_the_fourth_finetuned_size() -> None:
    assert len(splits(curve(), "rolling_origin")) == len(splits(curve(zero_shot=False), "rolling_origin"))
