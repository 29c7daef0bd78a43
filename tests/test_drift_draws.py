"""Beyond the data the methods of a task bend together, in part; each by itself bends as it did alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from scipy.stats import t as student_t

import bayes_scaling as bs
from bayes_scaling import drift_draws
from bayes_scaling.drift_draws import SHARE, changes_beyond
from bayes_scaling.models.drift import BEYOND, BEYOND_DF
from shared.posteriors import canned

pytestmark = pytest.mark.numbers

FAR = np.exp(2 * BEYOND)  # two changes of slope further
LARGEST = {("a", "full"): 1e5, ("a", "lora"): 1e5, ("a", "prompt"): 1e5 * FAR, ("b", "full"): 1e5}


@pytest.fixture(scope="module")
def posterior() -> bs.Posterior:
    tables = [
        pd.DataFrame({"task": t, "method": m, "base": "x", "loss": 2.0, "finetune_size": np.geomspace(1e3, end, 5)})
        for (t, m), end in LARGEST.items()
    ]
    model = bs.JointLaw(factors=(), base_effects=False, discrepancy=True)
    return canned(pd.concat(tables), model, chains=4, draws=5000, drift_scale=0.02, drift=0.0)


def cell(posterior: bs.Posterior, task: str, method: str) -> int:
    return posterior.layout.cell_index[task, method]


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two elliptical variables, by how often their signs agree: tails play no part."""
    agree = np.mean(np.sign(first) == np.sign(second))
    return float(np.sin(np.pi * (agree - 0.5)))


def test_methods_share_their_changes_of_slope_and_tasks_do_not(posterior: bs.Posterior) -> None:
    full, lora, other = (
        changes_beyond(posterior, cell(posterior, *name), 1.0, 3)
        for name in (("a", "full"), ("a", "lora"), ("b", "full"))
    )
    for knot in range(3):
        assert correlation(full[:, knot], lora[:, knot]) == pytest.approx(SHARE, abs=0.03)
        assert correlation(full[:, knot], other[:, knot]) == pytest.approx(0.0, abs=0.03)
    assert correlation(full[:, 0], lora[:, 1]) == pytest.approx(0.0, abs=0.03)


def test_what_is_shared_lies_at_one_place_in_log_d(posterior: bs.Posterior) -> None:
    """Prompt tuning was measured two changes of slope further: its first is the others' third."""
    full, prompt = (changes_beyond(posterior, cell(posterior, "a", name), 1.0, 4) for name in ("full", "prompt"))
    assert correlation(full[:, 2], prompt[:, 0]) == pytest.approx(SHARE, abs=0.03)
    assert correlation(full[:, 0], prompt[:, 0]) == pytest.approx(0.0, abs=0.03)


def test_below_the_data_is_another_walk(posterior: bs.Posterior) -> None:
    above, below = (changes_beyond(posterior, cell(posterior, "a", "full"), side, 2) for side in (1.0, -1.0))
    assert correlation(above[:, 0], below[:, 0]) == pytest.approx(0.0, abs=0.03)


def test_each_change_of_slope_is_a_student_t_as_if_nothing_were_shared(posterior: bs.Posterior) -> None:
    for name in LARGEST:
        changes = changes_beyond(posterior, cell(posterior, *name), 1.0, 3)
        for knot in range(3):
            assert kstest(changes[:, knot], student_t(BEYOND_DF).cdf).pvalue > 1e-4


def test_the_first_are_the_same_however_many_are_asked_for(posterior: bs.Posterior) -> None:
    few, many = (changes_beyond(posterior, cell(posterior, "a", "prompt"), 1.0, count) for count in (2, 9))
    np.testing.assert_array_equal(few, many[:, :2])


def ahead(posterior: bs.Posterior) -> tuple[float, float]:
    """Spread of what full tuning is ahead of LoRA by, far beyond the data, and the width of full tuning's band."""
    design = pd.DataFrame({"task": "a", "method": ["full", "lora"], "base": "x", "finetune_size": 1e7})
    drawn = np.log(bs.prediction.expected_loss(posterior, design))
    lead = np.diff(np.quantile(drawn[:, 0] - drawn[:, 1], [0.25, 0.75]))[0]
    return float(lead), float(np.diff(np.quantile(drawn[:, 0], [0.25, 0.75]))[0])


def test_a_lead_is_surer_than_two_bands_would_have_it(posterior: bs.Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    lead, band = ahead(posterior)
    monkeypatch.setattr(drift_draws, "SHARE", 0.0)
    alone, same_band = ahead(posterior)
    assert lead / alone == pytest.approx(np.sqrt(1.0 - SHARE), rel=0.1)
    assert band == pytest.approx(same_band, rel=0.05)
