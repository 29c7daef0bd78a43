r"""What a measurement would be worth, from posterior draws alone: no fit is repeated.

For draws of a quantity and of what a run would measure, the posterior mean after the run is a regression of the one on
the other, which Strong, Oakley and Brennan (2014, "Estimating multiparameter partial expected value of perfect
information from a probabilistic sensitivity analysis sample: a nonparametric regression approach") use for the value
of sample information. Here it is additive in Hermite polynomials of each measurement's normal score. It is fitted to
one half of the draws and judged on the other, and the other way round, so that noise is not taken for information.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from bayes_scaling.models.layout import Floats

DEGREE = 3  # of the polynomials


class Measurements:
    """What some runs would measure, and what knowing any of them would be worth.

    Parameters
    ----------
    measured : float array, shape (S, n)
        Draws of what n runs would measure, noise included.
    """

    def __init__(self, measured: Floats) -> None:
        z = ndtri((rankdata(measured, axis=0) - 0.5) / measured.shape[0])
        hermite = np.stack([z, z**2 - 1.0, z**3 - 3.0 * z], axis=-1)
        design = np.column_stack([np.ones(len(z)), hermite.reshape(len(z), -1)])
        half = len(z) // 2  # of the chains, where there are several
        self.halves = design[:half], design[half:]
        self.gram = tuple(part.T @ part for part in self.halves)

    def regret_fall(self, loss: Floats, which: Sequence[int]) -> float:
        """Expected fall in regret by choosing after some measurements rather than now, in the loss's unit.

        Parameters
        ----------
        loss : float array, shape (S, M)
            Draws of the expected loss of M choices.
        which : sequence of int
            The measurements.
        """
        now = int(loss.mean(axis=0).argmin())
        falls = []
        for rule, truth in self._predicted(loss, which):
            chosen = rule.argmin(axis=1)
            falls.append(np.mean(truth[:, now] - truth[np.arange(len(truth)), chosen]))
        return max(float(np.mean(falls)), 0.0)

    def spread_fall(self, quantity: Floats, which: Sequence[int]) -> float:
        """Expected fall in standard deviation, summed over quantities.

        Parameters
        ----------
        quantity : float array, shape (S, q)
        which : sequence of int
            The measurements.
        """
        predicted = self._predicted(quantity, which)
        explained = [np.mean((rule - rule.mean(0)) * (truth - truth.mean(0)), axis=0) for rule, truth in predicted]
        sd = quantity.std(axis=0)
        share = np.clip(np.mean(explained, axis=0) / np.where(sd > 0, sd, 1.0) ** 2, 0.0, 1.0)
        return float(np.sum(sd * (1.0 - np.sqrt(1.0 - share))))

    def _predicted(self, values: Floats, which: Sequence[int]) -> Iterator[tuple[Floats, Floats]]:
        """Posterior means on each half of the draws: by the regression of the other half, and by its own."""
        used = np.r_[0, (1 + DEGREE * np.asarray(which)[:, None] + np.arange(DEGREE)).ravel()].astype(int)
        designs = [part[:, used] for part in self.halves]
        half = len(designs[0])
        slopes = [
            np.linalg.lstsq(gram[np.ix_(used, used)], design.T @ of_half, rcond=None)[0]
            for gram, design, of_half in zip(self.gram, designs, (values[:half], values[half:]), strict=True)
        ]
        for own, other in ((0, 1), (1, 0)):
            yield designs[own] @ slopes[other], designs[own] @ slopes[own]
