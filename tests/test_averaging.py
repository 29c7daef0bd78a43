"""Several laws: stacking weights, leave-one-out, the comparison in words, and bands that carry the disagreement."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import bayes_scaling as bs
from bayes_scaling.backtesting.forecasters import by_posterior
from bayes_scaling.errors import BayesScalingError, ModelError
from bayes_scaling.loo import leave_one_out
from bayes_scaling.stacking import bootstrapped_weights, stacking_weights
from shared.posteriors import canned

SIZES = np.geomspace(200, 4e5, 12)


def curve(law: str = "rectified", sigma: float = 0.004, method: str = "full", **changes: float) -> pd.DataFrame:
    cell = bs.CellTruth(alpha={}, **{"beta": 0.45, "E": 1.2, "A": 300.0, "D_l": 90.0, "sigma": sigma, **changes})
    design = pd.DataFrame({"method": method, "finetune_size": SIZES, "base": "b"})
    return bs.simulate_runs(design, bs.Truth({method: cell}, law=law), seed=1)


def model(law: str) -> bs.JointLaw:
    return bs.JointLaw(law, factors=(), base_effects=False, discrepancy=False)


LAWS = [model("multiplicative"), model("rectified")]


@pytest.fixture(scope="module")
def fits() -> list[bs.Posterior]:
    return [bs.fit(curve(), law, seed=0) for law in LAWS]


def test_stacking_finds_the_mixture_that_data_come_from() -> None:
    """2,000 points of .7 N(0, 1) + .3 N(4, 1): the weight's standard error is about .011."""
    rng = np.random.default_rng(0)
    y = np.where(rng.uniform(size=2000) < 0.7, rng.normal(size=2000), rng.normal(4.0, 1.0, size=2000))
    pointwise = np.stack([norm.logpdf(y), norm.logpdf(y, 4.0)], axis=1)
    assert stacking_weights(pointwise)[0, 0] == pytest.approx(0.7, abs=0.045)
    draws = bootstrapped_weights(pointwise, seed=0)[:, 0]
    assert draws.std() == pytest.approx(0.011, rel=0.3)
    equal = bootstrapped_weights(np.stack([norm.logpdf(y)] * 2, axis=1), seed=0)
    np.testing.assert_allclose(equal, 0.5)


def test_leave_one_out_is_what_a_fit_without_the_run_says(fits: list[bs.Posterior]) -> None:
    loo = leave_one_out(fits[1])
    i = 6
    without = bs.fit(fits[1].runs.drop(index=i), LAWS[1], seed=0)
    exact = by_posterior(without, fits[1].runs.iloc[[i]].reset_index(drop=True)).log_density[0]
    assert loo.k[i] < 0.7 and loo.elpd[i] == pytest.approx(exact, abs=0.15)


def test_a_clear_winner_is_named_and_gets_the_weight() -> None:
    found = bs.compare_laws(curve(), LAWS, holdout=None)
    assert found.table["law"].tolist() == ["rectified", "multiplicative"]
    assert found.told_apart and found.table["weight"].iloc[0] > 0.9
    assert found.text.startswith("rectified predicts left-out runs best, clearly ahead of every other law.")
    assert found.table["refits"].tolist() == found.table["high_k"].tolist()


def test_laws_that_are_one_and_the_same_cannot_be_told_apart() -> None:
    found = bs.compare_laws(curve(), [model("rectified"), model("rectified")], holdout=None)
    assert not found.told_apart
    assert "rectified and rectified cannot be told apart by these 12 runs." in found.text
    assert found.table["weight"].between(0.2, 0.8).all()


def test_larger_sizes_are_held_out_too() -> None:
    found = bs.compare_laws(curve(), LAWS)
    table = found.table.set_index("law")
    assert table.loc["rectified", "held_out"] > table.loc["multiplicative", "held_out"]
    assert "At held-out larger sizes rectified scores best, which agrees." in found.text


def test_an_average_lies_between_its_laws_and_carries_their_disagreement(fits: list[bs.Posterior]) -> None:
    far = pd.DataFrame({"method": "full", "base": "b", "finetune_size": [4e6, 4e7]})
    both = bs.average(fits, weights=[1, 1])
    means = [fit.predict(far)["mean"] for fit in fits]
    got = both.predict(far)
    assert np.all(got["mean"] > np.minimum(*means)) and np.all(got["mean"] < np.maximum(*means))
    assert np.all(got["low"] < np.maximum(*(fit.predict(far)["low"] for fit in fits)))
    assert np.all(got["high"] > np.minimum(*(fit.predict(far)["high"] for fit in fits)))
    widths = [fit.predict(far)["high"] - fit.predict(far)["low"] for fit in fits]
    assert np.all(got["high"] - got["low"] > np.minimum(*widths))


def test_all_the_weight_on_one_law_is_that_law(fits: list[bs.Posterior]) -> None:
    far = pd.DataFrame({"method": "full", "base": "b", "finetune_size": [4e6]})
    one = bs.average(fits, weights=[0, 1])
    pd.testing.assert_frame_equal(one.predict(far), fits[1].predict(far))
    assert one.family("beta").shape == fits[1].family("beta").shape


def test_an_average_chooses_and_crosses() -> None:
    runs = pd.concat([curve(), curve(method="lora", A=250.0, E=1.3)])
    laws = {"multiplicative": {}, "rectified": {"prelearned": 0.1}}
    floor = {"E": np.random.default_rng(0).normal(1.2, 0.05, (4, 500, 2))}
    fits = [
        canned(runs, bs.JointLaw(law, factors=(), discrepancy=False), 4, 500, **floor, **own)
        for law, own in laws.items()
    ]
    both = bs.average(fits, weights=[0.5, 0.5])
    wins = both.win_probability([1e3, 1e6])
    assert wins.groupby("finetune_size")["p_best"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert both.choose(1e6).p_best > 0 and both.crossover("full", "lora").draws.shape[1] == 2000


def test_wrong_input_is_told(fits: list[bs.Posterior]) -> None:
    with pytest.raises(ModelError, match="laws='rectified': give two or more"):
        bs.compare_laws(curve(), "rectified")
    with pytest.raises(BayesScalingError, match="give two or more posteriors"):
        bs.average(fits[:1])
    with pytest.raises(BayesScalingError, match="one number of at least 0 for each of the 2 fits"):
        bs.average(fits, weights=[1.0, -1.0])
    with pytest.raises(BayesScalingError, match="fit every law to the same runs"):
        bs.average([fits[0], bs.fit(curve().iloc[1:], LAWS[1])])
