"""Bands at many D_f: curves through a few points of each draw, against every point by itself; bounded memory."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling import prediction, stretches
from bayes_scaling.models import order_statistics
from bayes_scaling.models.order_statistics import quantiles
from bayes_scaling.models.products import product
from shared.posteriors import METHODS, S8, scattered

pytestmark = pytest.mark.numbers

PROBS = (0.05, 0.95, 0.15, 0.85)
NUMBERS = ["mean", "sd", "low", "high"]


@pytest.fixture(scope="module")
def posterior(runs):
    return scattered(runs, bs.JointLaw(), chains=4, draws=250)


def many(n=4000):
    """Random D_f, from below the measured ones to the middle of them, of two methods on a fitted LLM and a new one."""
    rng = np.random.default_rng(5)
    sizes, method, base = 10 ** rng.uniform(3, 5.5, n), rng.choice(METHODS[:2], n), rng.choice(["8B", "new"], n)
    return pd.DataFrame({"finetune_size": sizes, "model_size": S8, "method": method, "base": base})


EVERY = 10


def some_of(table):
    return table.iloc[::EVERY].reset_index(drop=True)


def point_by_point(posterior, design, monkeypatch):
    """Some of the design's rows, each evaluated by itself."""
    some = some_of(design)
    with monkeypatch.context() as patch:
        patch.setattr(stretches, "FEWEST", len(some) + 1)
        assert not stretches.find(posterior, prediction.completed(posterior, some))
        return posterior.predict(some)


@pytest.mark.parametrize("law", ["multiplicative", "additive", "rectified"])
def test_bands_at_many_sizes_are_those_of_every_point_by_itself(runs, law, monkeypatch):
    posterior, design = scattered(runs, bs.JointLaw(law), chains=4, draws=100), many()
    found = stretches.find(posterior, prediction.completed(posterior, design))
    assert sum(stretch.rows.size for stretch in found) > len(design) / 2
    expected = point_by_point(posterior, design, monkeypatch)
    np.testing.assert_allclose(some_of(posterior.predict(design))[NUMBERS], expected[NUMBERS], rtol=1e-9)
    assert some_of(posterior.predict(design))["region"].equals(expected["region"])


def test_a_kink_that_is_overlooked_is_caught_by_the_points_between(posterior, monkeypatch):
    design = many()
    expected = point_by_point(posterior, design, monkeypatch)
    monkeypatch.setattr(stretches, "kinks", lambda drift, cell, log_d: np.zeros(0))
    np.testing.assert_allclose(some_of(posterior.predict(design))[NUMBERS], expected[NUMBERS], rtol=1e-9)
    monkeypatch.setattr(stretches, "TOLERANCE", np.inf)  # the broken twin: nothing is checked
    wrong = np.abs(some_of(posterior.predict(design))[NUMBERS] / expected[NUMBERS] - 1).to_numpy().max()
    assert wrong > 1e-7


def test_an_average_of_laws_has_its_bands_at_many_sizes_too(runs, monkeypatch):
    both = [
        scattered(runs, bs.JointLaw(law), chains=2, draws=100, seed=i)
        for i, law in enumerate(("additive", "rectified"))
    ]
    average, design = bs.average(both, [0.3, 0.7]), many()
    expected = point_by_point(average, design, monkeypatch)
    np.testing.assert_allclose(some_of(average.predict(design))[NUMBERS], expected[NUMBERS], rtol=1e-9)


def test_one_size_asked_for_many_times_and_a_zero_shot_row_among_many(runs, monkeypatch):
    posterior = scattered(runs, bs.JointLaw("rectified"))
    sizes = np.concatenate([np.full(60, 3e4), np.zeros(2 * EVERY), np.geomspace(1e4, 2e4, 60)])
    design = pd.DataFrame({"method": "lora", "finetune_size": sizes, "model_size": S8, "base": "8B"})
    expected = point_by_point(posterior, design, monkeypatch)
    np.testing.assert_allclose(some_of(posterior.predict(design))[NUMBERS], expected[NUMBERS], rtol=1e-9)


@pytest.mark.parametrize("draws", [1, 2, 50, 1000])
@pytest.mark.parametrize("order", ["sorted", "nearly", "none", "equal"])
def test_quantiles_are_numpys(draws, order):
    rng = np.random.default_rng(3)
    values = rng.standard_normal((20, draws))
    if order != "none":
        values.sort(axis=1)
    if order == "nearly":
        values += 0.05 * rng.standard_normal(values.shape)
    if order == "equal":
        values = np.round(values)
    probs = (0.0, *PROBS, 0.5, 1.0)
    np.testing.assert_allclose(quantiles(values, probs), np.quantile(values, probs, axis=1), rtol=1e-14, atol=1e-15)


def test_a_window_that_misses_the_rank_is_noticed(monkeypatch):
    values = np.random.default_rng(4).standard_normal((20, 1000))
    monkeypatch.setattr(order_statistics, "WINDOW", 0)
    np.testing.assert_array_equal(quantiles(values, (0.05,)), np.quantile(values, [0.05], axis=1))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 12, 4000), (700, 12, 30), (300_000, 1, 2)])
def test_products_in_slices_are_products(shape):
    rng = np.random.default_rng(6)
    left, right = rng.standard_normal(shape[:2]), rng.standard_normal(shape[1:])
    np.testing.assert_allclose(product(left, right), left @ right, rtol=1e-12, atol=1e-12)


def test_without_drift_there_are_no_kinks(posterior):
    plain = replace(posterior, model=bs.JointLaw(discrepancy=False))
    design = pd.DataFrame(
        {"method": "lora", "finetune_size": np.geomspace(1e4, 2.6e4, 100), "model_size": S8, "base": "8B"}
    )
    assert len(stretches.find(plain, prediction.completed(plain, design))) == 1


MEMORY = """
import sys
import numpy as np, pandas as pd
import bayes_scaling as bs
sys.path.insert(0, "tests")
from shared.memory import peak_megabytes
from shared.posteriors import scattered

posterior = scattered(bs.load_data("zhang2024_en_zh"), bs.JointLaw(), chains=4, draws=1000)
n = int(sys.argv[1])
sizes = np.geomspace(1e3, 1e8, n)
table = posterior.predict(pd.DataFrame({"method": "lora", "finetune_size": sizes, "model_size": 7.583e9}))
assert np.isfinite(table["high"]).all() and len(table) == n
print(peak_megabytes())
"""


@pytest.mark.slow
def test_a_million_points_take_less_than_a_gigabyte():
    def peak(n):
        ran = subprocess.run([sys.executable, "-c", MEMORY, str(n)], capture_output=True, text=True, check=True)
        return float(ran.stdout)

    few, million = peak(1000), peak(1_000_000)
    assert million < 1000 and million - few < 500  # MB; all draws at once would take 32 GB
