"""Posterior predictive and leave-one-out checks: their failure rates under a right model, and broken twins.

A line through 14 runs with normal noise has an exact posterior (flat in the line and in log sigma), so that hundreds
of data sets cost seconds and no sampler is in doubt.
"""

import numpy as np
import pytest
from scipy.stats import binom

from bayes_scaling.checks import breaks
from bayes_scaling.checks.calibration import MIN_P, departures
from bayes_scaling.checks.predictive import FAMILY_RATE, Fitted, p_values
from bayes_scaling.checks.statistics import curvature, neighbours, of_cell, p_outlier

X = np.linspace(-3.0, 3.0, 14)
GROUP = np.zeros(14, np.int64)
DRAWS, DATA_SETS = 400, 300
NORMAL = 1e6  # degrees of freedom


def fitted(log_loss: np.ndarray, rng: np.random.Generator) -> Fitted:
    design = np.column_stack([np.ones(14), X])
    line, rest = np.linalg.lstsq(design, log_loss, rcond=None)[:2]
    sigma = np.sqrt(rest[0] / rng.chisquare(12, size=(DRAWS, 1)))
    spread = sigma * rng.standard_normal((DRAWS, 2)) @ np.linalg.cholesky(np.linalg.inv(design.T @ design)).T
    log_mean, scale = (line + spread) @ design.T, np.broadcast_to(sigma, (DRAWS, 14))
    return Fitted(log_mean, scale, np.full((DRAWS, 1), NORMAL), (log_loss - log_mean) / scale)


def failed(log_loss: np.ndarray, rng: np.random.Generator) -> list[str]:
    """Names of the statistics that fail, as in a fit with this one (task, method)."""
    cell = fitted(log_loss, rng)
    wanted = of_cell(X, GROUP, cell.log_mean, cell.scale)
    count = len(wanted) + 1
    p = p_values(cell, wanted, 4 * count / FAMILY_RATE, rng)
    found = [s.name for s, value in zip(wanted, p, strict=True) if value < FAMILY_RATE / count]
    return found + ["outlier"] * (p_outlier(cell.residuals, cell.nu) < FAMILY_RATE / count)


def test_a_right_model_fails_in_at_most_two_of_a_hundred() -> None:
    """Of 300 data sets at most 13 may (99.9 % range of binomial(300, .02))."""
    rng = np.random.default_rng(0)
    alarms = sum(bool(failed(1 - 0.1 * X + 0.01 * rng.standard_normal(14), rng)) for _ in range(DATA_SETS))
    assert alarms <= binom.ppf(0.999, DATA_SETS, 2 * FAMILY_RATE)


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (lambda noise: 0.01 * noise * np.where(X < 0, 20.0, 1.0), "noise at small D_f over large D_f"),
        (lambda noise: 0.01 * noise + 0.02 * X**2, "curvature of residuals along D_f"),
    ],
)
def test_broken_twins_fail_by_name(broken, name) -> None:
    """In nine of ten data sets at least."""
    rng = np.random.default_rng(1)
    found = [failed(1 - 0.1 * X + broken(rng.standard_normal(14)), rng) for _ in range(20)]
    assert sum(name in names for names in found) >= 18


def test_a_line_that_misses_an_end_makes_no_loss_so_small() -> None:
    """The last run is far below what the rest and a right noise scale allow."""
    rng = np.random.default_rng(2)
    cell = fitted(1 - 0.1 * X + 0.01 * rng.standard_normal(14), rng)
    low = cell._replace(residuals=cell.residuals - 9.0 * (np.arange(14) == 13))
    wanted = [s for s in of_cell(X, GROUP, cell.log_mean, cell.scale) if s.name == "smallest loss"]
    assert p_values(cell, wanted, 2000, rng)[0] > 0.01
    assert p_values(low, wanted, 2000, rng)[0] < 0.005


@pytest.mark.parametrize("nu", [1.5, 4.0, 30.0])
def test_one_wild_run_is_no_part_of_the_noise_that_it_makes_heavy(nu: float) -> None:
    residuals = np.random.default_rng(3).standard_normal((100, 14))
    assert p_outlier(residuals, np.full((100, 1), nu)) > 0.05
    residuals[:, 5] += 30.0
    assert p_outlier(residuals, np.full((100, 1), nu)) < 0.001


@pytest.mark.parametrize("n", [14, 200])
def test_the_largest_of_t4_residuals_is_an_outlier_as_often_as_it_says(n: int) -> None:
    """Known scale: 2,000 sets of n residuals, 1 % of them beyond the 1 % point, within binomial error (99.9 %)."""
    residuals = np.random.default_rng(4).standard_t(4.0, size=(2000, 1, n))
    alarms = sum(p_outlier(r, np.full((1, 1), 4.0)) < 0.01 for r in residuals)
    assert binom.ppf(0.0005, 2000, 0.01) <= alarms <= binom.ppf(0.9995, 2000, 0.01)


def test_curvature_is_what_no_lines_explain() -> None:
    log_d, group = np.tile(np.arange(5.0), 2), np.repeat([0, 1], 5)
    bend = curvature(log_d, group)
    assert np.sum(bend**2) == pytest.approx(1.0)
    lines = np.concatenate([3 - 2 * np.arange(5.0), 1 + np.arange(5.0)])
    assert abs(bend @ lines) < 1e-12
    assert abs(bend @ (log_d**2)) == pytest.approx(np.sqrt(2 * 14), rel=1e-12)
    assert not np.any(curvature(np.tile(np.arange(3.0), 2), np.repeat([0, 1], 3)))


def test_neighbours_differ_in_D_f_only() -> None:
    log_d, group = np.array([3.0, 1.0, 2.0, 1.0, 2.0]), np.array([0, 0, 0, 1, 1])
    here, after = neighbours(log_d, group)
    assert list(zip(here.tolist(), after.tolist(), strict=True)) == [(1, 2), (2, 0), (3, 4)]


# --- breaks


@pytest.mark.parametrize("n", [14, 42])
@pytest.mark.parametrize("nu", [5.0, np.inf])
def test_breaks_are_as_rare_under_a_smooth_curve_as_replicates_say(n: int, nu: float) -> None:
    """Measured against replicated losses of the same kind: 1 % of 1,000 are beyond the 1 % point (99.9 % range)."""
    rng = np.random.default_rng(7)
    log_d, group = np.tile(X, n // 14), np.repeat(np.arange(n // 14), 14)
    smooth = breaks.curve(log_d, group)
    bent = np.log(1 + np.exp(-0.3 * log_d)) + 0.2 * group

    def losses(count: int) -> np.ndarray:
        noise = rng.standard_normal((count, n)) if np.isinf(nu) else rng.standard_t(nu, (count, n))
        return bent + 0.01 * noise

    for statistic in (breaks.step(log_d, smooth), breaks.two_bands(smooth)):
        alarms = np.sum(statistic(losses(1000)) > np.quantile(statistic(losses(20_000)), 0.99))
        assert binom.ppf(0.0005, 1000, 0.01) <= alarms <= binom.ppf(0.9995, 1000, 0.01)


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (lambda rng: np.where(X > 0, -0.1, 0.0), "a step along D_f"),
        (lambda rng: 0.37 * rng.permutation(np.arange(14) % 2), "two bands of losses"),
    ],
    ids=["step", "bands"],
)
def test_breaks_are_found_where_the_noise_was_learned_from_them(broken, name) -> None:
    """A step of ten per cent, and half of the losses in bits: in 16 of 20 data sets at least."""
    rng = np.random.default_rng(8)
    found = [failed(1 - 0.1 * X + broken(rng) + 0.01 * rng.standard_normal(14), rng) for _ in range(20)]
    assert sum(name in names for names in found) >= 16


def test_a_curve_takes_in_each_group_s_own_parabola_and_no_step() -> None:
    group = np.repeat([0, 1], 14)
    smooth = breaks.curve(np.tile(X, 2), group)
    assert smooth.shape == (28, 6)
    parabolas = np.concatenate([3 - 2 * X + X**2, 1 + X - 5 * X**2])
    np.testing.assert_allclose(smooth @ (smooth.T @ parabolas), parabolas, atol=1e-10)
    share = breaks.step(np.tile(X, 2), smooth)
    assert share((parabolas + (np.tile(X, 2) > 0))[None])[0] == pytest.approx(1.0)
    assert breaks.two_bands(smooth)((parabolas + np.arange(28) % 2)[None])[0] == pytest.approx(1.0)


def test_few_runs_have_no_breaks() -> None:
    assert breaks.curve(X[:8], GROUP[:8]) is None and breaks.curve(X[:9], GROUP[:9]) is not None
    assert breaks.step(np.zeros(9), breaks.curve(np.zeros(9), GROUP[:9])) is None


# --- the leave-one-out PIT


@pytest.mark.parametrize("n", [12, 120])
def test_uniform_values_depart_at_most_at_the_stated_rate(n: int) -> None:
    """Three tests at .001 each; of 2,000 at most 16 may fail (99.9 % range of binomial(2000, .003))."""
    values = np.random.default_rng(5).uniform(size=(2000, n))
    alarms = sum(bool(departures(pit)) for pit in values)
    assert alarms <= binom.ppf(0.999, 2000, 3 * MIN_P)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda u: np.where(u < 0.5, u / 8, 1 - (1 - u) / 8), "leave-one-out 90 % band"),  # bands too narrow
        (lambda u: 0.5 + (u - 0.5) / 3, "(100 %) lie in their leave-one-out 50 % band"),  # bands too wide
        (lambda u: u**3, "runs lie below their leave-one-out prediction: mean PIT 0.2"),
    ],
)
def test_wrong_bands_depart(change, words) -> None:
    found = departures(change(np.random.default_rng(6).uniform(size=60)))
    assert any(words in text for text in found)
