"""A wild run that the fit follows: told by a fit without it, and only by that."""

import importlib.util
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.checks import influence

NAME = "an outlier of 10 sigma at the smallest D_f"
PLAIN = bs.JointLaw(factors=())


def cases():
    spec = importlib.util.spec_from_file_location("cases", Path(__file__).parents[1] / "benchmarks" / "pathologies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def curve(name: str, seed: int = 0) -> pd.DataFrame:
    return cases().CASES[name](np.random.default_rng([seed, crc32(NAME.encode())])).runs


def left_out_tail(posterior: bs.Posterior, i: int) -> float:
    return influence.tail_given(influence.without(posterior, i), posterior, i)


def fitted(runs: pd.DataFrame) -> bs.Posterior:
    return bs.fit(runs, PLAIN, draws=300)


@pytest.fixture(scope="module")
def wild() -> bs.Posterior:
    return fitted(curve(NAME))


@pytest.fixture(scope="module")
def healthy() -> bs.Posterior:
    return fitted(curve("nothing wrong"))


def test_a_wild_first_run_fails(wild: bs.Posterior) -> None:
    (found,) = influence.influential_runs(wild)
    assert (found.check, found.status) == ("influential runs", "failed")
    assert "at D_f 200 on b" in found.reason and "the other 13 runs expect" in found.reason
    assert "leave it out and say so" in found.advice


def test_the_same_noise_without_the_outlier_does_not(healthy: bs.Posterior) -> None:
    assert not any(found.status == "failed" for found in influence.influential_runs(healthy))


def test_weights_alone_would_not_tell(wild: bs.Posterior) -> None:
    """The twin: what PSIS says of the wild run, whose k is high, is too large by far."""
    found = influence.left_out(wild)
    assert found.k[0] > 0.7
    assert left_out_tail(wild, 0) < 0.01 / 14 < found.tails[0] / 2


def test_where_k_is_low_weights_agree_with_a_fit_without_the_run(healthy: bs.Posterior) -> None:
    found = influence.left_out(healthy)
    (low,) = np.nonzero(found.k < 0.5)
    for i in low[np.argsort(found.tails[low])][:3]:
        assert left_out_tail(healthy, int(i)) == pytest.approx(found.tails[i], rel=0.25, abs=0.01)


def test_tail_probabilities_are_uniform_where_the_model_is_right(healthy: bs.Posterior) -> None:
    """Runs drawn from the posterior: a share p has a tail probability below p."""
    tails = []
    for draw in range(0, 1200, 60):
        _, parts = next(healthy.blocks(healthy.runs))
        noise = np.random.default_rng([draw, 5]).standard_t(parts.nu[draw], size=len(healthy.runs))
        loss = np.exp(parts.log_mean[draw] + parts.sigma[draw] * noise)
        tails.append(influence.left_out(fitted(healthy.runs.assign(loss=loss))).tails)
    counts = np.array([np.mean(np.concatenate(tails) < p) for p in (0.1, 0.5)])
    assert counts[0] == pytest.approx(0.1, abs=0.06) and counts[1] == pytest.approx(0.5, abs=0.12)


def test_no_fit_that_takes_minutes_is_made(wild: bs.Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("bayes_scaling.fitting.is_quick", lambda *_: False)
    monkeypatch.setattr("bayes_scaling.fitting.fit", refused)
    (found,) = influence.influential_runs(wild)
    assert found.status == "informational" and "Pareto k above 0.7" in found.reason


def test_a_fit_without_the_run_that_did_not_converge_judges_nothing(
    wild: bs.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influence, "problems", lambda _: ["R-hat 1.2 is above 1.01"])
    (found,) = influence.influential_runs(wild)
    assert found.status == "informational"
