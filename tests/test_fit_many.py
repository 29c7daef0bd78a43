"""``fit_many``: each group as if it were fitted alone, groups independent, and no group lost without a word."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.errors import ModelError, RunsError
from bayes_scaling.models.nuts import NutsSettings

pytestmark = pytest.mark.numbers

MODEL = bs.JointLaw("power", base_effects=False, priors={"nu": 1e6})
GROUPS = [("parse", "full"), ("parse", "lora"), ("sum", "full")]


def _runs() -> pd.DataFrame:
    parts = []
    for i, (task, method) in enumerate(GROUPS):
        truth = bs.Truth({method: bs.CellTruth(alpha={}, beta=0.1 + 0.1 * i, E=1.2, A=12.0, sigma=0.01)})
        design = pd.DataFrame({"method": method, "finetune_size": np.geomspace(500, 5e5, 11), "base": "b"})
        parts.append(bs.simulate_runs(design, truth, seed=i).assign(task=task, lab="ours" if i < 2 else "theirs"))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def many() -> bs.Fits:
    return bs.fit_many(_runs(), model=MODEL, seed=3)


def test_every_group_is_fitted_as_alone(many: bs.Fits) -> None:
    assert list(many.fits) == GROUPS
    runs = _runs()
    for (task, method), fitted in many.fits.items():
        alone = bs.fit(runs[(runs.task == task) & (runs.method == method)], MODEL, fitted.seed, engine="exact")
        np.testing.assert_array_equal(alone.family("beta"), fitted.family("beta"))
        assert len(fitted.runs) == 11


def test_a_group_does_not_depend_on_the_others_nor_on_their_order(many: bs.Fits) -> None:
    runs = _runs()[::-1]
    some = bs.fit_many(runs[runs.task == "parse"], model=MODEL, seed=3)
    for group in GROUPS[:2]:
        assert some.fits[group].seed == many.fits[group].seed
        beta = (f.fits[group].family("beta") for f in (some, many))
        np.testing.assert_allclose(*(np.mean(b) for b in beta), rtol=1e-3)


def test_draws_of_two_groups_are_independent(many: bs.Fits) -> None:
    """With one seed for all, draw i of every group would come from the same random numbers."""
    first, second = (many.fits[group].family("beta")[:, 0] for group in GROUPS[:2])
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(first.size)
    again = bs.fit_many(_runs(), model=MODEL, seed=4).fits[GROUPS[0]]
    assert not np.array_equal(again.family("beta")[:, 0], first)


def test_the_table_and_the_text_name_every_group(many: bs.Fits) -> None:
    table = many.table
    assert list(table.columns[:2]) == ["task", "method"]
    assert list(table["parameter"].unique()) == ["A", "beta", "E"]
    assert set(table["engine"]) == {"exact"}
    beta = table[table["parameter"] == "beta"].set_index(["task", "method"])
    for i, group in enumerate(GROUPS):
        assert abs(beta["mean"][group] - (0.1 + 0.1 * i)) < 4 * beta["sd"][group]
        assert f"{', '.join(group)}: beta 0." in many.text
    assert many.text.startswith("3 groups by task, method, each fitted alone (3 by exact).")


def test_groups_by_another_column() -> None:
    runs = _runs()
    found = bs.fit_many(runs[runs.method == "full"], by=["lab"], model=MODEL)
    assert list(found.table.columns[:3]) == ["lab", "task", "method"]
    assert list(found.fits) == [("ours",), ("theirs",)]


def test_a_group_with_uneven_weights_goes_to_fit(many: bs.Fits, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other engine's part is played by a posterior that stands ready."""
    other = replace(many.fits[GROUPS[0]], settings=NutsSettings(engine="smc"))
    asked: list[tuple[int, int, int]] = []

    def play(runs: pd.DataFrame, model: bs.JointLaw, seed: int, *, draws: int, chains: int) -> bs.Posterior:
        asked.append((len(runs), seed, draws * chains))
        return other

    monkeypatch.setattr("bayes_scaling.exact.HIGH_K", -9.0)
    monkeypatch.setattr("bayes_scaling.many.fit", play)
    found = bs.fit_many(_runs().iloc[:11], model=MODEL, seed=3)
    assert asked == [(11, other.seed, 4000)]
    assert found.text.startswith("1 group by task, method, each fitted alone (1 by smc).")
    assert set(found.table["engine"]) == {"smc"}


@pytest.mark.parametrize("by", [[], ["lab", "lab"], ["size"], "size"])
def test_columns_that_make_no_groups_are_refused(by: list[str]) -> None:
    with pytest.raises(RunsError, match=r"by=.*: name one or more different columns"):
        bs.fit_many(_runs(), by=by, model=MODEL)


def test_a_group_that_breaks_a_rule_is_named() -> None:
    runs = _runs().assign(model_size=[1e8, 2e8] * 11 + [1e8] * 11).drop(columns="base")
    with pytest.raises(RunsError, match="group sum, full: column 'model_size': it takes one value"):
        bs.fit_many(runs, model=bs.JointLaw(base_effects=False))


def test_draws_are_checked_as_fit_checks_them() -> None:
    with pytest.raises(ModelError, match="draws=150"):
        bs.fit_many(_runs(), model=MODEL, draws=150)
