"""Chains that mix and are only too short go on: twice as long each time, thinned, and never without an end."""

import numpy as np
import pytest

from bayes_scaling.models.nuts import NutsSettings, run_nuts
from bayes_scaling.models.stopping import Stop
from shared.counting import counting


@pytest.mark.parametrize(("asked", "thin"), [(0, 1), (1, 2), (2, 4), (5, 8)])
def test_chains_go_on_as_often_as_they_are_asked(asked: int, thin: int) -> None:
    """Twice as long each time, every second draw kept, and never beyond the most iterations for each draw."""
    settings, totals, heard = NutsSettings(chains=3, warmup=300, draws=200), list[int](), list[int]()

    def more(record: dict[str, np.ndarray], iterations: int) -> bool:
        heard.append(iterations)
        np.testing.assert_array_equal(record["z"][:, :, 1], 300 + np.arange(200)[None] * iterations * np.ones((3, 1)))
        return len(heard) <= asked

    starts = np.arange(3.0)[:, None]
    drawn = run_nuts(counting(), None, starts, settings, 0, lambda done, total: totals.append(total - done), more=more)
    assert drawn.thin == thin and totals[-1] == 0
    assert heard == [1, 2, 4, 8][: len(heard)] and drawn.record["z"].shape == (3, 200, 2)
    np.testing.assert_array_equal(drawn.record["z"][0, :, 1], 300 + thin * np.arange(200))


def test_chains_that_are_stopped_while_they_go_on_keep_what_was_whole() -> None:
    settings, stop = NutsSettings(chains=3, warmup=300, draws=200, thin=2), Stop()

    def progress(done: int, total: int) -> None:
        if done == 3 * (300 + 400) + 100:
            stop.ask()

    starts = np.arange(3.0)[:, None]
    drawn = run_nuts(counting(), None, starts, settings, 0, progress, stop=stop, more=lambda record, thin: True)
    assert drawn.thin == 2
    np.testing.assert_array_equal(drawn.record["z"][0, :, 1], 300 + 2 * np.arange(200))
