"""Tasks and base LLMs of families without runs: what pooled posteriors predict there."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.errors import DesignError
from bayes_scaling.models.unseen import Spread, new_task
from shared.pooled import S, canned, design, families_of, table

pytestmark = pytest.mark.numbers


@pytest.fixture(scope="module", params=["multiplicative", "additive", "rectified"])
def pooled(request: pytest.FixtureRequest) -> bs.Posterior:
    return canned(bs.JointLaw(request.param, pool=("task",)), table())


def test_an_unseen_task_is_predicted_and_wider_than_a_seen_one(pooled: bs.Posterior) -> None:
    seen, unseen = pooled.predict(design("b", base="middle")), pooled.predict(design("new", base="middle"))
    width = [np.log(t["high"] / t["low"]).to_numpy() for t in (seen, unseen)]
    assert np.all(width[1] > width[0])
    assert unseen["region"].eq("beyond").all() and np.all(np.isfinite(unseen[["mean", "sd", "low", "high"]]))
    assert "No run of task 'new' was fitted" in unseen.attrs["text"] and "text" not in seen.attrs
    pd.testing.assert_frame_equal(unseen, pooled.predict(design("new", base="middle")))  # the same in every call
    assert not np.allclose(unseen["low"], pooled.predict(design("other", base="middle"))["low"])


def test_an_unseen_task_s_exponents_are_the_population_s(pooled: bs.Posterior) -> None:
    rows = pooled.exponents().query("task == '(new task)'")
    assert list(zip(rows["method"], rows["parameter"], rows["factor"], strict=True)) == [
        ("full", "alpha", "model_size"),
        ("lora", "alpha", "model_size"),
        ("full", "beta", "finetune_size"),
        ("lora", "beta", "finetune_size"),
    ]
    known = pooled.knowing(("new",))
    assert known.layout.task[-2:] == ("new", "new") and known.knowing(("new",)) is known
    log_beta = np.log(known.family("beta")[:, -2:])
    # of the canned draws: median .1, sd of the log sqrt(.02^2 + .1^2), which 4,000 draws give within 6 %
    assert np.all(np.abs(log_beta.mean(axis=0) - np.log(0.1)) < 5 * 0.102 / np.sqrt(S))
    np.testing.assert_allclose(log_beta.std(axis=0), 0.102, rtol=0.06)
    assert known.family("alpha").shape[1] == pooled.family("alpha").shape[1] + 2
    assert np.all(known.family("E")[:, -2:] > 0) and np.all(known.family("reducible")[:, -2:] > 0)


def test_choices_and_wins_on_an_unseen_task(pooled: bs.Posterior) -> None:
    wins = pooled.win_probability([1e4, 1e6], model_size=1e9, task="new")
    assert wins["method"].tolist() == ["full", "full", "lora", "lora"]
    np.testing.assert_allclose(wins.groupby("finetune_size")["p_best"].sum(), 1.0)
    assert "No run of task 'new'" in wins.attrs["text"]
    choice = pooled.choose(1e4, model_size=1e9, task="new")
    assert "No run of task 'new'" in choice.text and len(choice.table) == 2
    assert "No run of task 'new'" in pooled.crossover("full", "lora", model_size=1e9, task="new").text


def test_without_a_pool_of_tasks_an_unseen_one_is_refused() -> None:
    fit = canned(bs.JointLaw(pool=("method",)), table(), 40)
    for ask in (lambda: fit.predict(design("new")), lambda: fit.choose(1e4, model_size=1e9, task="new")):
        with pytest.raises(DesignError, match=r"'new'.* was not fitted.*pool=\('task',\)"):
            ask()


def test_a_method_without_runs_anywhere_is_refused(pooled: bs.Posterior) -> None:
    with pytest.raises(DesignError, match="'ia3'"):
        pooled.predict(design("new", method="ia3"))


def test_levels_of_a_new_task_cover_tasks_from_the_same_population() -> None:
    """90 % intervals from four tasks cover a fifth in 90 % of 2,000 worlds, whose spread is drawn from the prior.

    The share's standard error is .7 %. Methods of one task differ by no more than methods do.
    """
    rng, usual = np.random.default_rng(1), Spread(0.5, 0.05)
    task, method = np.repeat(np.arange(4), 2), np.tile(np.arange(2), 4)
    hits, narrow, gaps = [], [], []
    for _ in range(2000):
        s_task, s_own = (usual_s * np.sqrt(2.0 / rng.chisquare(2.0)) for usual_s in usual)
        truth = s_task * rng.normal(size=(5, 1)) + s_own * rng.normal(size=(5, 2)) + [0.0, 0.3]
        drawn = new_task(np.tile(truth[:4].ravel(), (400, 1)), task, method, usual, rng)
        low, high = np.quantile(drawn[:, 0], [0.05, 0.95])
        hits.append(low <= truth[4, 0] <= high)
        centre, sd = truth[:4, 0].mean(), truth[:4, 0].std(ddof=1)
        narrow.append(abs(truth[4, 0] - centre) < 1.645 * sd)  # the broken twin: a normal with the sample's sd
        low, high = np.quantile(drawn[:, 1] - drawn[:, 0], [0.05, 0.95])
        gaps.append(low <= truth[4, 1] - truth[4, 0] <= high)
    assert 0.87 <= np.mean(hits) <= 0.93 and 0.87 <= np.mean(gaps) <= 0.95
    assert np.mean(narrow) < 0.85


# --- model families


def test_a_new_base_keeps_the_part_of_its_family() -> None:
    """On a fitted family the effect is correlated with that of its other bases; on a new one it is not.

    With ``family_scale`` .1 and ``base_scale`` .02 the family's part is 96 % of a base effect's variance; rank
    correlations of 4,000 draws are within .05 of what they should be.
    """
    fit = canned(bs.JointLaw(pool=("family",), discrepancy=False), families_of(table()))
    layout, effect = fit.layout, fit.family("base_effect")
    small, large = (effect[:, layout.effect_index[0, base]] for base in ("small", "large"))

    def effect_of(**columns: Any) -> np.ndarray:
        one = design("a", model_size=2e9, base="tiny", **columns).iloc[:1]
        law = design("a", model_size=2e9, base="small").iloc[:1]
        return np.concatenate([p.log_mean for _, p in fit.blocks(one)], axis=1)[:, 0] - (
            np.concatenate([p.log_mean for _, p in fit.blocks(law)], axis=1)[:, 0] - small
        )

    def rank(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])

    kin, stranger, unnamed = effect_of(family="Elm"), effect_of(family="Ash"), effect_of()
    assert rank(kin, small) > 0.85 and abs(rank(kin, large)) < 0.06
    assert abs(rank(stranger, small)) < 0.06 and abs(rank(unnamed, small)) < 0.06
    assert np.quantile(np.abs(stranger), 0.9) == pytest.approx(np.quantile(np.abs(small), 0.9), rel=0.1)
    with pytest.raises(DesignError, match="'small' is given as 'Oak'"):
        fit.predict(design("a", base="small", family="Oak"))


# --- files and ArviZ


def test_an_average_knows_unseen_tasks_where_every_fit_does(pooled: bs.Posterior) -> None:
    rival = canned(bs.JointLaw(pool=("task",)), table())
    both = bs.average([pooled, rival], weights=[0.5, 0.5]).predict(design("new"))
    assert both["region"].eq("beyond").all() and "No run of task 'new'" in both.attrs["text"]
    with pytest.raises(DesignError, match="'new'"):
        bs.average([canned(bs.JointLaw(), table()), rival], weights=[0.5, 0.5]).predict(design("new"))


# --- sampling
