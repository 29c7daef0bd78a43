"""Base LLM x method x PET size, ranked jointly: what is shared by a base cancels, what is not does not."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from shared.posteriors import S8, S16, canned, flat

pytestmark = pytest.mark.numbers

RNG = np.random.default_rng(5)
BOTH = pd.DataFrame({"method": ["full", "lora", "full", "lora"], "base": ["8B", "8B", "1B", "1B"]})
BOTH = BOTH.assign(model_size=[S8, S8, 0.956e9, 0.956e9])


def test_on_one_base_it_is_win_probability(runs):
    losses = 1.1 + RNG.normal(0, 0.01, (3, 1000))
    posterior = flat(runs, *losses)
    methods = pd.DataFrame({"method": ["full", "prompt", "lora"], "model_size": S8})
    ranked = posterior.rank_candidates(methods, [1e5, 1e6])
    wins = posterior.win_probability([1e5, 1e6], model_size=S8)
    merged = ranked.merge(wins, on=["method", "finetune_size"])
    for column in ("p_best", "mcse", "expected_loss", "expected_regret"):
        np.testing.assert_allclose(merged[f"{column}_x"], merged[f"{column}_y"])
    assert (merged["region_x"] == merged["region_y"]).all()


def test_what_methods_share_of_a_new_base_cancels_between_them_and_not_between_bases(runs):
    """Both methods have one curve. On a new base with all of its effect shared they tie; the base is a coin."""
    posterior = canned(runs, base_scale=0.05, base_share=1.0 - 1e-12, alpha=0.0, beta=0.0)
    new = BOTH.assign(base=["new", "new", "other", "other"], model_size=[S16, S16, 3e10, 3e10])
    ranked = posterior.rank_candidates(new, 1e5)
    by_base = ranked.groupby("base")
    np.testing.assert_allclose(by_base["expected_loss"].std(), 0.0, atol=1e-4)
    assert by_base["p_best"].sum()["new"] == pytest.approx(0.5, abs=0.06)
    alone = posterior.rank_candidates(new[new["base"] == "new"], 1e5)
    assert alone["expected_regret"].min() < 0.1 * ranked["expected_regret"].min()


def test_a_fitted_base_keeps_its_own_effect(fit):
    ranked = fit.rank_candidates(BOTH, 1e5)
    expected = [fit.predict(BOTH.iloc[[i]].assign(finetune_size=1e5))["mean"].iloc[0] for i in range(4)]
    np.testing.assert_allclose(ranked["expected_loss"], expected)
    assert ranked["p_best"].sum() == pytest.approx(1.0)
    assert ranked["candidate"].tolist() == ["full, 8B", "lora, 8B", "full, 1B", "lora, 1B"]
    assert "is likeliest the best of 4" in ranked.attrs["text"]


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        (BOTH.head(1), "two or more rows"),
        (pd.concat([BOTH, BOTH]), "is there twice"),
        (BOTH.drop(columns="method"), "no column 'method'"),
        (BOTH.replace({"method": {"lora": "ia3"}}), "was not fitted"),
    ],
)
def test_wrong_candidates_are_told(runs, candidates, message):
    with pytest.raises(bs.DesignError, match=message):
        flat(runs, 1.1, 1.2, 1.3).rank_candidates(candidates, 1e5)
