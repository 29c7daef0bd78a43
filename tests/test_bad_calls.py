"""Wrong arguments of the public functions: each is one error of the package, before anything is sampled."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.checks import collinearity, measured
from bayes_scaling.checks.finding import FAILED
from shared.bad_calls import CALLS
from shared.posteriors import canned, scattered

FEWEST = 400


@pytest.fixture(scope="module")
def drawn(runs: pd.DataFrame) -> bs.Posterior:
    """A posterior that was not sampled."""
    return scattered(runs[runs.split == "fit"], bs.JointLaw(), chains=2)


@pytest.fixture(autouse=True)
def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where something is sampled."""

    def sampled(*args: object, **kwargs: object) -> None:
        raise AssertionError("it was sampled before the argument was refused")

    for name in ("sample_posterior", "sample_curve", "by_importance"):
        monkeypatch.setattr(f"bayes_scaling.fitting.{name}", sampled)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gets_what_the_table_says(name: str, drawn: bs.Posterior) -> None:
    call, must = CALLS[name]
    must.holds(lambda: call(drawn))


def test_the_table_is_as_long_as_it_should_be() -> None:
    print(f"\n{len(CALLS)} calls")
    assert len(CALLS) >= FEWEST


def table(**columns: object) -> pd.DataFrame:
    """Nine crossed runs whose loss falls with both sizes."""
    cells = [(n, d) for n in (1e9, 2e9, 4e9) for d in (1e3, 1e4, 1e5)]
    frame = pd.DataFrame(cells, columns=["model_size", "finetune_size"]).assign(task="sum", method="lora")
    loss = 1 + 30 * frame["model_size"] ** -0.1 * frame["finetune_size"] ** -0.1
    return frame.assign(loss=loss).assign(**columns)


def test_a_loss_that_rises_with_data_fails_the_check_of_direction() -> None:
    good = table()
    (passed,) = measured.direction(canned(good))
    (failed,) = measured.direction(canned(good.assign(loss=3 - good["loss"])))
    assert passed.status != FAILED
    assert failed.status == FAILED and "measured loss rises with finetune_size in sum | lora" in failed.reason


def test_sizes_that_move_together_fail_the_check_of_collinearity() -> None:
    good = table(pretrain_size=[2e10, 1e10, 3e10, 1e10, 3e10, 2e10, 3e10, 2e10, 1e10], base=list("abcdefghi"))
    (passed, *_) = collinearity.of_sizes(canned(good))
    (failed, *_) = collinearity.of_sizes(canned(good.assign(pretrain_size=20 * good["model_size"])))
    assert passed.status != FAILED
    assert failed.status == FAILED and "cannot be told apart in sum | lora" in failed.reason


@pytest.mark.parametrize("call", [bs.fit, bs.fit_many])
def test_losses_that_look_like_perplexities_are_told_of_before_they_are_fitted(call, drawn: bs.Posterior) -> None:
    perplexities = drawn.runs.assign(loss=np.exp(2.0 + drawn.runs["loss"])).drop(columns="metric")
    assert perplexities["loss"].median() > 13
    with (
        pytest.warns(UserWarning, match="natural logarithm of a perplexity"),
        pytest.raises(AssertionError, match="sampled"),
    ):
        call(perplexities)
