"""The drift is an integrated random walk that starts at the centre of the data."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student_t

import bayes_scaling as bs
from bayes_scaling.drift_draws import changes_beyond
from bayes_scaling.models import drift
from bayes_scaling.models.drift import BEYOND_DF
from bayes_scaling.models.layout import Drift

pytestmark = pytest.mark.numbers

CENTRED = np.log(np.geomspace(1e3, 1e7, 9))
CENTRED = CENTRED - CENTRED.mean()


@pytest.fixture(scope="module")
def knots() -> Drift:
    return drift.make(np.zeros(CENTRED.size, np.int64), CENTRED, np.ones(1))


def variance(knots: Drift, x: np.ndarray) -> np.ndarray:
    """Of the drift over its squared scale: the knots inside the range and those beyond it."""
    inside = drift.basis(knots, np.zeros(x.size, np.int64), x)
    total = (inside**2).sum(axis=1)
    for side in (-1.0, 1.0):
        count = drift.knots_beyond(knots, 0, x, side)
        if count:
            total += (drift.beyond(knots, 0, x, np.eye(count), side) ** 2).sum(axis=0)
    return np.asarray(total)


def test_the_law_holds_at_the_centre(knots: Drift) -> None:
    near = np.array([-1e-3, 0.0, 1e-3])
    np.testing.assert_array_equal(drift.basis(knots, np.zeros(3, np.int64), near), 0.0)


@pytest.mark.parametrize("distance", [3.0, 4.6, 6.9, 9.2, 13.8])
def test_variance_grows_with_the_cube_of_the_distance(knots: Drift, distance: float) -> None:
    """tau^2 |x|^3 / 3, in the data and past them; a few knots are within 1 % of the continuous walk."""
    for x in (distance, -distance):
        assert variance(knots, np.array([x]))[0] == pytest.approx(distance**3 / 3, rel=0.01)


def test_variance_is_exact_at_the_edge_of_the_data(knots: Drift) -> None:
    for edge in knots.edge[0]:
        assert variance(knots, np.array([edge]))[0] == pytest.approx(abs(edge) ** 3 / 3, rel=1e-9)


def test_what_the_data_s_range_adds_beyond_it_is_exact(knots: Drift) -> None:
    """The part of the walk inside [0, L] contributes (x^3 - (x - L)^3) / 3 at every x past L."""
    x, edge = np.array([6.0, 9.2, 20.0]), knots.edge[0, 1]
    inside = (drift.basis(knots, np.zeros(3, np.int64), x) ** 2).sum(axis=1)
    np.testing.assert_allclose(inside, (x**3 - (x - edge) ** 3) / 3, rtol=1e-9)


def test_broken_twin_a_drift_that_stops_at_the_last_run_does_not_grow_like_that(knots: Drift) -> None:
    inside = drift.basis(knots, np.zeros(1, np.int64), np.array([13.8]))
    assert (inside**2).sum() < 0.9 * 13.8**3 / 3


def test_other_cells_do_not_feel_it() -> None:
    two = drift.make(np.repeat([0, 1], CENTRED.size), np.tile(CENTRED, 2), np.ones(2))
    felt = drift.basis(two, np.ones(CENTRED.size, np.int64), CENTRED)
    assert np.all(felt[:, two.cell == 0] == 0) and np.any(felt[:, two.cell == 1] > 0)


def test_a_steeper_law_drifts_as_many_times_as_far() -> None:
    """Inside the data and beyond, as if its scale were so many times larger."""
    one, three = (drift.make(np.zeros(CENTRED.size, np.int64), CENTRED, np.full(1, s)) for s in (1.0, 3.0))
    x = np.array([-8.0, -2.0, 1.0, 3.0, 9.0])
    np.testing.assert_allclose(variance(three, x), 9.0 * variance(one, x), rtol=1e-12)


def test_what_happens_beyond_is_the_same_in_every_call() -> None:
    """A row's drift does not depend on which other rows are asked for: choices and plots agree."""
    table = pd.DataFrame({"task": "t", "method": "m", "base": "b", "finetune_size": np.geomspace(1e3, 1e5, 6)})
    fit = bs.fit(table.assign(loss=[3.0, 2.8, 2.62, 2.45, 2.31, 2.2]), bs.JointLaw(factors=()), seed=3)
    far = pd.DataFrame({"method": "m", "base": "b", "finetune_size": [2e5, 1e6, 1e8, 1e2]})
    together = fit.predict(far)
    alone = pd.concat([fit.predict(far.iloc[[i]]) for i in range(4)], ignore_index=True)
    np.testing.assert_allclose(together["low"], alone["low"], rtol=1e-12)
    widths = np.log(together["high"] / together["low"]).to_numpy()
    assert widths[0] < widths[1] < widths[2]
    plain = bs.fit(fit.runs, bs.JointLaw(factors=(), discrepancy=False), seed=3).predict(far)
    assert np.all(widths[:3] > np.log(plain["high"] / plain["low"])[:3])


def test_a_law_that_held_may_still_break() -> None:
    """Past the data the drift is a Student-t process: its far quantiles are wider than a normal's of that middle."""
    table = pd.DataFrame({"task": "t", "method": "m", "base": "b", "finetune_size": np.geomspace(1e3, 1e5, 6)})
    fit = bs.fit(table.assign(loss=[3.0, 2.8, 2.62, 2.45, 2.31, 2.2]), bs.JointLaw(factors=()), seed=3)
    changes = changes_beyond(fit, 0, 1.0, 40)
    middle, far = np.quantile(np.abs(changes[:, 0]), [0.5, 0.99])
    assert far / middle == pytest.approx(student_t.ppf(0.995, BEYOND_DF) / student_t.ppf(0.75, BEYOND_DF), rel=0.2)
    assert far / middle > 1.5 * norm.ppf(0.995) / norm.ppf(0.75)
    of_draw = (changes**2).mean(axis=1)  # one factor a draw, not one a knot: a break goes on
    assert of_draw.std() > 3 * np.sqrt(2 / 40)
