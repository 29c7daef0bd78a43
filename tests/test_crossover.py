"""Where two curves of loss meet, against algebra and root finding."""

import numpy as np
import pytest
from scipy.optimize import brentq

import bayes_scaling as bs
from bayes_scaling.crossover import zero_crossings
from shared.posteriors import S8, S16, TASK, canned

RNG = np.random.default_rng(20240226)


LOG_GRID = np.linspace(0, 20, 400)


def gap(first, second):
    (a1, b1, e1), (a2, b2, e2) = first, second
    return np.log(a1 * np.exp(-b1 * LOG_GRID) + e1) - np.log(a2 * np.exp(-b2 * LOG_GRID) + e2)


def test_one_crossing_stands_where_algebra_puts_it():
    first, second = (5.0, 0.5, 1.0), (1.0, 0.1, 1.0)  # equal floors: D* = (A1 / A2)^(1 / (b1 - b2))
    found = zero_crossings(LOG_GRID, gap(first, second)[None])
    assert found[0, 0] == pytest.approx(5.0 ** (1 / 0.4), rel=1e-3) and np.isnan(found[0, 1])


def test_curves_that_never_or_twice_meet():
    never, twice = ((2.0, 0.3, 1.0), (1.0, 0.3, 0.9)), ((5.0, 0.5, 1.05), (1.0, 0.1, 1.0))
    found = zero_crossings(LOG_GRID, np.stack([gap(*never), gap(*twice)]))
    assert np.all(np.isnan(found[0]))

    def exact(log_d):
        return 5 * np.exp(-0.5 * log_d) + 1.05 - np.exp(-0.1 * log_d) - 1.0

    roots = [np.exp(brentq(exact, 0, 8)), np.exp(brentq(exact, 8, 40))]
    # the second root lies beyond this grid, unless the grid reaches it
    inside = [root for root in roots if np.log(root) < LOG_GRID[-1]]
    np.testing.assert_allclose(found[1, : len(inside)], inside, rtol=1e-3)
    longer = np.linspace(0, 40, 2000)
    both = zero_crossings(longer, np.array([[exact(x) for x in longer]]))
    np.testing.assert_allclose(both[0], roots, rtol=1e-3)


def test_crossings_of_straight_lines_are_exact():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    found = zero_crossings(x, np.array([[1.0, -1.0, -1.0, 3.0], [-1.0, -2.0, -1.0, -3.0]]))
    np.testing.assert_allclose(found[0], np.exp([0.5, 2.25]))
    assert np.all(np.isnan(found[1]))


# Bug: a crossing that falls on a point of the grid is missed, since the sign there is 0. A touch without a change of
# sign is no crossing.
def test_a_crossing_on_the_grid_is_one():
    x = np.array([0.0, 1.0, 2.0])
    found = zero_crossings(x, np.array([[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]))
    np.testing.assert_allclose(found[0, 0], np.exp(1.0))
    assert np.isnan(found[0, 1])
    assert np.all(np.isnan(found[1]))


def paper_law(runs, A, alpha, beta, E):
    """A posterior whose A, alpha, beta and E are the given draws, shape (S, 3)."""
    layout = bs.JointLaw().encode(bs.load_runs(runs)).layout
    A, alpha, beta, E = np.broadcast_arrays(*(np.atleast_2d(np.asarray(v, float)) for v in (A, alpha, beta, E)))
    reducible = A * np.exp(-alpha * layout.log_x0 - beta * layout.log_d0)
    draws = {"reducible": reducible, "alpha": alpha, "beta": beta, "E": E}
    shaped = {name: value.reshape(2, -1, 3) for name, value in draws.items()}
    return canned(runs, bs.JointLaw(base_effects=False), 2, len(A) // 2, **shaped)


def test_the_crossover_is_the_analytic_one_draw_by_draw(runs):
    A = np.column_stack([RNG.uniform(150, 250, 400), np.full(400, 50.0), RNG.uniform(8, 12, 400)])
    posterior = paper_law(runs, A, [0.2, 0.2, 0.18], [0.25, 0.1, 0.05], [0.9, 5.0, 0.9])
    found = posterior.crossover("full", "lora", model_size=[S8, S16], limits=(1e2, 1e9))
    for i, x in enumerate((S8, S16)):
        star = (A[:, 0] * x**-0.2 / (A[:, 2] * x**-0.18)) ** (1 / (0.25 - 0.05))
        np.testing.assert_allclose(found.draws[i, :, 0], star, rtol=2e-3)
        assert np.all(np.isnan(found.draws[i, :, 1]))
        row = found.table.iloc[i]
        assert (row["p_none"], row["p_one"], row["p_two"]) == (0, 1, 0)
        assert row["median"] == pytest.approx(np.median(star), rel=2e-3)
        inside = (star >= row["hdi_low"]) & (star <= row["hdi_high"])
        assert inside.mean() == pytest.approx(0.9, abs=0.02)
    turned = posterior.crossover("lora", "full", model_size=[S8, S16], limits=(1e2, 1e9))
    np.testing.assert_allclose(turned.draws, found.draws)


def test_no_crossing_says_who_is_lower(runs):
    posterior = paper_law(runs, np.full((100, 1), 200.0), 0.2, [0.25, 0.1, 0.05], [0.9, 0.9, 0.9])
    found = posterior.crossover("full", "lora", model_size=S8, limits=(1e4, 1e8))
    row = found.table.iloc[0]
    assert (row["p_none"], row["p_first_always"], row["p_second_always"]) == (1, 1, 0)
    assert np.isnan(row[["median", "hdi_low", "hdi_high"]].astype(float)).all()
    assert "between 10k and 100M examples) = 1.00 (full lower throughout 1.00, lora 0.00)." in found.text
    turned = posterior.crossover("lora", "full", model_size=S8, limits=(1e4, 1e8)).table.iloc[0]
    assert (turned["p_first_always"], turned["p_second_always"]) == (0, 1)


def test_two_crossings_are_counted_and_both_given(runs):
    # full falls faster: above lora, then below it; a higher floor brings it above again, in half of the draws
    floors = np.column_stack([np.repeat([0.95, 0.9], 50), np.full(100, 0.9), np.full(100, 0.9)])
    posterior = paper_law(runs, [200.0, 50.0, 30.0], [0.2, 0.2, 0.18], [0.25, 0.1, 0.1], floors)
    found = posterior.crossover("full", "lora", model_size=S8, limits=(1e2, 1e12))
    row = found.table.iloc[0]
    a, b = 200 * S8**-0.2, 30 * S8**-0.18

    def exact(log_d):
        return a * np.exp(-0.25 * log_d) + 0.95 - b * np.exp(-0.1 * log_d) - 0.9

    roots = np.exp([brentq(exact, np.log(1e2), 15), brentq(exact, 15, np.log(1e12))])
    assert (row["p_none"], row["p_one"], row["p_two"]) == (0, 0.5, 0.5)
    np.testing.assert_allclose(found.draws[0, :50], np.tile(roots, (50, 1)), rtol=3e-3)
    np.testing.assert_allclose(found.draws[0, 50:, 0], (a / b) ** (1 / 0.15), rtol=3e-3)
    assert np.all(np.isnan(found.draws[0, 50:, 1]))
    assert "twice with probability 0.50" in found.text


def test_the_limits_are_ten_times_beyond_what_was_measured(fit):
    found = fit.crossover("full", "lora", model_size=S8)
    assert found.limits == pytest.approx((400, 2e8))
    assert "no D_f was measured with both (full 1M to 20M, lora 4k to 90k)" in found.text
    probabilities = found.table[["p_none", "p_one", "p_two"]].sum(axis=1)
    assert probabilities.tolist() == pytest.approx([1.0])
    always = found.table[["p_first_always", "p_second_always"]].sum(axis=1)
    assert always.tolist() == pytest.approx(found.table["p_none"].tolist())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"second": "full"}, "crossover of 'full' with 'full': no task has two such methods"),
        ({"second": "adapter"}, f"no task has two such methods; fitted are {TASK}: full, prompt, lora"),
        ({"limits": (5.0, 1.0)}, "limits=(5.0, 1.0): give the smallest and the largest D_f, such as (1e3, 1e8)"),
        ({"limits": (0.0, 1e5)}, "limits=(0.0, 100000.0): give the smallest"),
        ({"task": "MLSum"}, "task='MLSum' was not fitted"),
        ({"model_size": None}, "model_size is missing"),
    ],
)
def test_a_wrong_crossover_is_refused(fit, arguments, message):
    with pytest.raises(bs.DesignError) as caught:
        fit.crossover(**({"first": "full", "second": "lora", "model_size": S8} | arguments))
    assert message in str(caught.value)


# Bug: limits=1e6 raises TypeError ('float' object is not subscriptable), (1e3,) IndexError, ("a", "b") ValueError
@pytest.mark.parametrize("limits", [1e6, (1e3,), ("a", "b")])
def test_limits_that_are_no_pair_of_numbers_are_refused(fit, limits):
    with pytest.raises(bs.DesignError, match="give the smallest and the largest D_f"):
        fit.crossover("full", "lora", model_size=S8, limits=limits)
