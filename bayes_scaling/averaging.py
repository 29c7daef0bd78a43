"""``average``: several laws' posteriors as one, so that bands and choices carry what the laws disagree on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayes_scaling.answers import Answers, RunDraws
from bayes_scaling.arguments import is_number, shown
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.loo import leave_one_out
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.layout import Floats, Layout, Problem
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.posterior import Posterior
from bayes_scaling.stacking import bootstrapped_weights
from bayes_scaling.text import listing


@dataclass(frozen=True, eq=False)
class Average(Answers):
    """A mixture of posteriors of the same runs under different laws.

    Made by :func:`bayes_scaling.average`. It predicts, compares and chooses as one posterior does; parameters belong
    to the single fits.

    Attributes
    ----------
    fits : tuple of Posterior
    weights : tuple of float
        Of each fit; they sum to one.
    """

    fits: tuple[Posterior, ...]
    weights: tuple[float, ...]

    @property
    def runs(self) -> pd.DataFrame:  # type: ignore[override]
        """The runs that every law was fitted to."""
        return self.fits[0].runs

    @property
    def seed(self) -> int:  # type: ignore[override]
        """Seed of the first fit."""
        return self.fits[0].seed

    @property
    def settings(self) -> NutsSettings:  # type: ignore[override]
        """What the first fit's sampler was told."""
        return self.fits[0].settings

    @property
    def layout(self) -> Layout:
        """Names and indices of the first law."""
        return self.fits[0].layout

    @property
    def problem(self) -> Problem:
        """The runs as arrays of the first law."""
        return self.fits[0].problem

    @property
    def resolved(self) -> JointModel:
        """The first law's model."""
        return self.fits[0].resolved

    @property
    def text(self) -> str:
        """The laws and their weights in words."""
        shares = [f"{fit.model.name} {weight:.2f}" for fit, weight in zip(self.fits, self.weights, strict=True)]
        return f"An average of {len(self.fits)} laws with weights {listing(shares)}."

    def knowing(self, tasks: Sequence[str]) -> "Average":
        """The same, with draws for tasks that have no runs too, where every fit pools over tasks."""
        return replace(self, fits=tuple(fit.knowing(tasks) for fit in self.fits))

    def family(self, name: str) -> Floats:
        """Draws of a family that all laws have, shape (S, length), in the proportions of the weights."""
        return self._mixed([fit.family(name) for fit in self.fits])

    def blocks(self, design: pd.DataFrame) -> Iterator[tuple[slice, RunDraws]]:
        """Draws at a design, some rows at a time, in the proportions of the weights."""
        for parts in zip(*(fit.blocks(design) for fit in self.fits), strict=True):
            of_fits = [draws for _, draws in parts]
            yield parts[0][0], RunDraws(*(self._mixed(list(values)) for values in zip(*of_fits, strict=True)))

    def _mixed(self, values: list[Floats]) -> Floats:
        """Of each fit's draws, shape (S, ...), as many of every chain as its weight says."""
        chains = self.settings.chains
        by_chain = [v.reshape(chains, -1, *v.shape[1:]) for v in values]
        kept = [
            v[:, np.linspace(0, v.shape[1] - 1, count).round().astype(int)]
            for v, count in zip(by_chain, self._counts(), strict=True)
            if count
        ]
        mixed = np.concatenate(kept, axis=1)
        return np.asarray(mixed.reshape(-1, *mixed.shape[2:]))

    def _counts(self) -> list[int]:
        """Draws of each fit in every chain: cumulative rounding, so that they add up."""
        edges = np.round(np.cumsum((0.0, *self.weights)) * self.settings.draws).astype(int)
        return [int(count) for count in np.diff(edges)]


def average(fits: Sequence[Posterior], weights: Sequence[float] | None = None) -> Average:
    """One posterior from several laws' posteriors of the same runs.

    Parameters
    ----------
    fits : sequence of Posterior
        Fits of the same runs, with as many chains and draws.
    weights : sequence of float, optional
        By default stacking weights of PSIS-LOO predictions, averaged over their Bayesian bootstrap: where laws cannot
        be told apart, each keeps a share (see :func:`bayes_scaling.compare_laws`).

    Raises
    ------
    BayesScalingError
        If there are fewer than two fits, they are not of the same runs, or the weights are none.

    References
    ----------
    Yao, Vehtari, Simpson and Gelman 2018, Using stacking to average Bayesian predictive distributions.

    Examples
    --------
    >>> import bayes_scaling as bs
    >>> runs = bs.load_data("zhang2024_en_zh")
    >>> curve = runs[(runs.method == "lora") & (runs.base == "1B")]
    >>> laws = [bs.JointLaw(law, factors=()) for law in ("multiplicative", "rectified")]
    >>> both = bs.average([bs.fit(curve, law) for law in laws])
    >>> round(sum(both.weights), 6)
    1.0
    """
    fits = tuple(fits) if isinstance(fits, Sequence) else (fits,)
    _check_fits(fits)
    if weights is None:
        pointwise = np.stack([leave_one_out(fit).elpd for fit in fits], axis=1)
        weights = bootstrapped_weights(pointwise, seed=fits[0].seed).mean(axis=0).tolist()
    numbers = list(weights) if isinstance(weights, Sequence | np.ndarray) else []
    values = np.array([float(weight) if is_number(weight) else -1.0 for weight in numbers])
    if values.shape != (len(fits),) or not np.all(values >= 0) or not 0 < values.sum() < np.inf:
        raise BayesScalingError(
            f"weights={shown(weights)}: give one number of at least 0 for each of the {len(fits)} fits"
        )
    return Average(fits, tuple((values / values.sum()).tolist()))


def _check_fits(fits: tuple[Posterior, ...]) -> None:
    if len(fits) < 2 or not all(isinstance(fit, Posterior) for fit in fits):
        raise BayesScalingError(
            f"fits={shown([type(f).__name__ for f in fits])}: give two or more posteriors from bs.fit()"
        )
    first = fits[0]
    for fit in fits[1:]:
        if not fit.runs.equals(first.runs):
            raise BayesScalingError(
                f"fits: that of law {fit.model.name!r} has {len(fit.runs)} runs that are not the {len(first.runs)} of "
                f"the first; fit every law to the same runs"
            )
        if (fit.settings.chains, fit.settings.draws) != (first.settings.chains, first.settings.draws):
            raise BayesScalingError(
                f"fits: {fit.settings.chains} chains of {fit.settings.draws} draws beside {first.settings.chains} of "
                f"{first.settings.draws}; give every fit the same chains= and draws="
            )
