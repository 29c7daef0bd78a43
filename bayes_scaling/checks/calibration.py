"""Leave-one-out: does each run fall where the other runs say it would?

The leave-one-out probability integral transform (PIT) of a run is uniform where the model is right (Gelfand, Dey and
Chang 1992; Säilynoja, Bürkner and Vehtari 2022, arXiv 2103.10522). Three features of it are tested, each so that a
right model fails at most one time in a thousand, were runs independent: the share of runs in the central 90 % and in
the central 50 % band, by the exact binomial test, and the mean PIT against that of as many uniforms (Irwin and Hall;
its normal approximation has the heavier tails, and so errs on the careful side).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest, norm

from bayes_scaling import arviz_bridge
from bayes_scaling.checks.finding import FAILED, PASSED, Check
from bayes_scaling.models.layout import Floats

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

BANDS = (0.9, 0.5)
MIN_P = 0.001  # of one test: how unlikely a feature must be to call the bands wrong


def leave_one_out(posterior: "Posterior") -> Iterator[Check]:
    """Coverage and location of the leave-one-out PIT."""
    pit = arviz_bridge.loo_pit(posterior.idata)
    wrong = departures(pit)
    advice = "the law or the noise is wrong for these runs: compare laws, look at the residuals"
    if wrong:
        yield Check("calibration", FAILED, "; ".join(wrong), advice)
    else:
        yield Check("calibration", PASSED, f"{_coverage(pit, BANDS[0])}, {_share(pit, BANDS[1])} in their 50 % band")


def departures(pit: Floats) -> list[str]:
    """How values that should be independent and uniform are not, in words; empty where nothing is found."""
    found = []
    for band in BANDS:
        inside = int(np.sum(np.abs(pit - 0.5) <= band / 2))
        if binomtest(inside, pit.size, band).pvalue < MIN_P:
            found.append(_coverage(pit, band))
    z = (pit.mean() - 0.5) * np.sqrt(12 * pit.size)
    if 2 * norm.sf(abs(z)) < MIN_P:
        side = "above" if z > 0 else "below"
        found.append(f"runs lie {side} their leave-one-out prediction: mean PIT {pit.mean():.2f} instead of .50")
    return found


def _coverage(pit: Floats, band: float) -> str:
    return (
        f"{int(np.sum(np.abs(pit - 0.5) <= band / 2))} of {pit.size} runs ({_share(pit, band)}) lie in their "
        f"leave-one-out {100 * band:.0f} % band"
    )


def _share(pit: Floats, band: float) -> str:
    return f"{100 * np.mean(np.abs(pit - 0.5) <= band / 2):.0f} %"
