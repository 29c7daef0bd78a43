"""False alarms and power of the checks, end to end: minutes of fits, from benchmarks/checks.py."""

import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from scipy.stats import binom

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "checks.py"
RATES = {
    "calibration": 0.003,
    "influential runs": 0.01,
    "posterior predictive": 0.02,
    "prior sensitivity of the decision": 0.05,
}


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("benchmark_of_checks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield module


@pytest.mark.slow
def test_healthy_curves_pass(benchmark: ModuleType) -> None:
    """Of 40 curves, no check fails more than its rate allows (99.9 % range of the binomial)."""
    failed = [name for seed in range(40) for name in benchmark.failures("healthy", seed)]
    counts = {name: failed.count(name) for name in RATES}
    assert all(counts[name] <= binom.ppf(0.999, 40, rate) for name, rate in RATES.items()), counts
    assert failed.count("collinearity") == 0


@pytest.mark.slow
def test_drifting_curves_have_no_breaks(benchmark: ModuleType) -> None:
    """Of 40 curves that leave the law smoothly, as many as under the law (measured: none of 100)."""
    failed = [name for seed in range(40) for name in benchmark.failures("drifting", seed)]
    assert all(failed.count(name) <= binom.ppf(0.999, 40, 0.02) for name in ("posterior predictive", *benchmark.BREAKS))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("outlier", "posterior predictive"),
        ("noise by D_f", "posterior predictive"),
        ("step", "a step along D_f"),
        ("two units", "two bands of losses"),
        ("wrong law", "posterior predictive"),
        ("strong prior", "prior sensitivity of the decision"),
    ],
)
def test_broken_twins_fail(benchmark: ModuleType, kind: str, check: str) -> None:
    """At least eight of ten."""
    assert sum(check in benchmark.failures(kind, seed) for seed in range(10)) >= 8
