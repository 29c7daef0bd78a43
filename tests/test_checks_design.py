"""Design checks: sizes that move together, and what D_f moves."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.checks.collinearity import HIGH, inflations, of_sizes
from bayes_scaling.checks.ridge import reducible_share, shares
from bayes_scaling.models.nuts import NutsSettings

N = np.geomspace(1e8, 1e10, 4)


def fit_of(frame: pd.DataFrame, model: bs.JointLaw | None = None, **draws: float) -> bs.Posterior:
    """A posterior with a runs table and constant draws, but for a little scatter, and no sampling."""
    runs = bs.load_runs(frame.assign(task="t", method="full", loss=np.linspace(3.0, 2.0, len(frame))))
    model = model or bs.JointLaw()
    layout = model.encode(runs).layout
    values = {"E": 1.0, "beta": 0.1, "alpha": 0.3, "reducible": 1.5, "sigma": 0.01, "nu": 10.0} | draws
    scatter = np.exp(0.01 * np.random.default_rng(0).standard_normal((2, 50, 1)))
    families = {f: v * scatter * np.ones(layout.family_size(f)) for f, v in values.items()}
    return bs.Posterior(runs, model, families, {}, 0, NutsSettings(chains=2))


def grid(**columns: np.ndarray) -> pd.DataFrame:
    return pd.MultiIndex.from_product(columns.values(), names=list(columns)).to_frame(index=False)


def statuses(fit: bs.Posterior) -> dict[str, str]:
    return {check.check: check.status for check in of_sizes(fit)}


def test_sizes_on_a_grid_are_independent() -> None:
    fit = fit_of(grid(model_size=N, pretrain_size=20 * N, finetune_size=[1e4, 1e5, 1e6]))
    (check,) = of_sizes(fit)
    assert check.status == "passed" and "at most 1.0" in check.reason


def test_models_trained_in_proportion_cannot_tell_N_from_P() -> None:
    frame = grid(model_size=N, finetune_size=[1e4, 1e5, 1e6])
    (check,) = of_sizes(fit_of(frame.assign(pretrain_size=20 * frame["model_size"])))
    assert check.status == "failed"
    assert check.reason == "alpha[model_size] and alpha[pretrain_size] cannot be told apart in t | full"
    assert check.advice == "their sizes move together: measure runs that change one alone"


def test_more_data_for_larger_models_cannot_tell_N_from_D_f() -> None:
    (check,) = of_sizes(fit_of(pd.DataFrame({"model_size": N, "finetune_size": N / 1e4})))
    assert check.reason == "beta and alpha[model_size] cannot be told apart in t | full"


def test_nearly_in_proportion_is_said_and_passes() -> None:
    frame = grid(model_size=N, finetune_size=[1e4, 1e5, 1e6])
    wobble = np.tile([1.0, 1.3, 0.8], len(N))
    fit = fit_of(frame.assign(pretrain_size=20 * frame["model_size"] * wobble))
    assert statuses(fit) == {"collinearity": "passed", "near collinearity": "informational"}
    near = list(of_sizes(fit))[1].reason
    assert "alpha[model_size]" in near and "alpha[pretrain_size]" in near and "beta" not in near


def test_one_factor_at_a_time_is_no_collinearity() -> None:
    """The paper's design: model size moves at one pretraining size and the other way round."""
    by_n = grid(model_size=N, finetune_size=[1e4, 1e5, 1e6]).assign(pretrain_size=1e11)
    by_p = grid(pretrain_size=[1e10, 3e10, 3e11], finetune_size=[1e4, 1e5, 1e6]).assign(model_size=3e9)
    assert statuses(fit_of(pd.concat([by_n, by_p], ignore_index=True))) == {"collinearity": "passed"}


def test_inflation_is_that_of_the_slope_s_variance() -> None:
    """1 / (1 - r^2) for two columns with correlation r."""
    x, z = np.random.default_rng(1).standard_normal((2, 400))
    sizes = np.column_stack([x, x + 0.2 * z])
    sizes -= sizes.mean(axis=0)
    r = np.corrcoef(sizes.T)[0, 1]
    np.testing.assert_allclose(inflations(sizes), 1 / (1 - r**2))
    assert inflations(sizes)[0] > HIGH


@pytest.mark.parametrize("law", ["multiplicative", "rectified", "additive"])
def test_the_share_that_D_f_moves_is_the_law_s(law: str) -> None:
    """R(D_max) / R(D_min) = (D_max / D_min)^-beta, and the other laws' own algebra."""
    more = {"rectified": {"prelearned": 0.5}, "additive": {"data_term": 0.5}}.get(law, {})
    frame = grid(model_size=N, finetune_size=[1e4, 1e5, 1e6])
    fit = fit_of(frame, bs.JointLaw(law, base_effects=False), **more)
    end = 10 ** -fit.family("beta")[:, 0]  # over the centre's 1e5
    term = fit.family(next(iter(more)))[:, 0] if more else 0.0
    R = fit.family("reducible")[:, 0]
    expected = {
        "multiplicative": 1 - end**2,
        "rectified": 1 - (term + 1 / 10 ** fit.family("beta")[:, 0]) / (term + 10 ** fit.family("beta")[:, 0]),
        "additive": 1 - (R + term * end) / (R + term / end),
    }
    np.testing.assert_allclose(shares(fit)[:, 0], expected[law], rtol=1e-6)


def test_the_ridge_is_told_in_words() -> None:
    frame = grid(model_size=N, finetune_size=[1e4, 1e5, 1e6])
    (much,) = reducible_share(fit_of(frame))
    assert much.status == "informational"
    assert "t | full: D_f moves the reducible loss by 37 % [3" in much.reason
    assert "E and beta trade (r +1.00), E is told by D_f and model_size" in much.reason
    (little,) = reducible_share(fit_of(frame, beta=0.005))
    assert "by 2 % [2, 2]" in little.reason and "E is told by model_size, not by D_f" in little.reason


def test_a_floor_as_wide_as_its_prior_is_its_prior() -> None:
    frame = grid(model_size=N, finetune_size=[1e4, 1e5, 1e6])
    fit = fit_of(frame)
    wide = np.random.default_rng(0).uniform(0.01, 4.0, size=(2, 50, 1))
    unknown = bs.Posterior(fit.runs, fit.model, {**fit.draws, "E": wide}, {}, 0, fit.settings)
    (check,) = reducible_share(unknown)
    assert "E is known by its prior only" in check.reason
    held = bs.JointLaw(priors={"E": 1.0})
    draws = {**fit.draws, "E": np.ones((2, 50, 1))}
    (check,) = reducible_share(bs.Posterior(fit.runs, held, draws, {}, 0, fit.settings))
    assert check.reason.endswith("E is held fixed") and "trade" not in check.reason
