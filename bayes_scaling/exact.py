"""Posteriors by importance sampling: independent draws, the evidence, and whether either can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayes_scaling.arviz_bridge import HIGH_K, psis
from bayes_scaling.errors import ModelError
from bayes_scaling.joint_law import JointLaw
from bayes_scaling.models.exact import MOST_PARAMETERS, Cell, WeightedFamilies, suits_exact, weigh
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.layout import Floats, Problem
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.posterior import Posterior

POINTS_A_DRAW = 2
MORE_POINTS_A_DRAW = 8  # where the weights of fewer are uneven
FEWEST_EFFECTIVE = 400.0  # weighted points


@dataclass(frozen=True, eq=False)
class ExactFit:
    """A posterior and what its weights say of it.

    Attributes
    ----------
    posterior : Posterior
    pareto_k, effective_points : float
        Shape of the largest weights' distribution, and how many equal weights are worth as much as these.
    """

    posterior: Posterior
    pareto_k: float
    effective_points: float

    @property
    def is_trusted(self) -> bool:
        """Whether the weights are even enough."""
        return self.pareto_k <= HIGH_K and self.effective_points >= FEWEST_EFFECTIVE

    def trusted(self) -> Posterior:
        """The posterior.

        Raises
        ------
        ModelError
            If its weights are too uneven.
        """
        if not self.is_trusted:
            raise ModelError(
                f"engine='exact': the importance weights are too uneven (Pareto k {self.pareto_k:.2f}, at most "
                f"{HIGH_K}; {self.effective_points:.0f} effective points, at least {FEWEST_EFFECTIVE:.0f}), so these "
                "draws are not the posterior's; use engine='smc' or engine='nuts'"
            )
        return self.posterior


def check_exact(model: JointModel, problem: Problem) -> None:
    """Raise a ModelError where the engine does not apply."""
    if not suits_exact(model, problem):
        raise ModelError(
            "engine='exact' is for one (task, method) without base effects, drift and a prior on A, of at most "
            f"{MOST_PARAMETERS} parameters; try JointLaw(base_effects=False), or engine='auto'"
        )


def by_importance(
    groups: Sequence[tuple[pd.DataFrame, Problem, int]], model: JointLaw, settings: NutsSettings
) -> list[ExactFit]:
    """The posterior of each group of validated runs, given with its arrays and its seed.

    Weighted points that are worth less than as many independent draws as are asked for are drawn again, and more.
    """
    total = settings.chains * settings.draws
    fits = _weighed(groups, model, settings, POINTS_A_DRAW * total)
    short = [i for i, found in enumerate(fits) if found.effective_points < total]
    again = _weighed([groups[i] for i in short], model, settings, MORE_POINTS_A_DRAW * total)
    for i, found in zip(short, again, strict=True):
        fits[i] = found
    return fits


def _weighed(
    groups: Sequence[tuple[pd.DataFrame, Problem, int]], model: JointLaw, settings: NutsSettings, points: int
) -> list[ExactFit]:
    cells = (Cell(model.resolve(problem.layout), problem, seed) for _, problem, seed in groups)
    exact = replace(settings, engine="exact")
    found = weigh(cells, points)
    return [_exact_fit(runs, seed, model, exact, f) for (runs, _, seed), f in zip(groups, found, strict=True)]


def _exact_fit(
    runs: pd.DataFrame, seed: int, model: JointLaw, settings: NutsSettings, found: WeightedFamilies
) -> ExactFit:
    size = (settings.chains, settings.draws)
    log_weight = np.where(np.isfinite(found.log_weight), found.log_weight, -np.inf)
    weight, k = _smoothed(log_weight)
    chosen = _resample(weight, settings.chains * settings.draws, seed)
    effective = float(1.0 / np.sum(weight**2))
    log_evidence = float(np.logaddexp.reduce(log_weight) - np.log(log_weight.size))
    told = {"log_evidence": log_evidence, "pareto_k": k, "effective_points": effective}
    stats = {name: np.full(size, value) for name, value in told.items()}
    stats["lp"] = found.log_target[chosen].reshape(size)
    draws = {name: values[chosen].reshape(*size, -1) for name, values in found.families.items()}
    return ExactFit(Posterior(runs, model, draws, stats, seed, settings), k, effective)


def _smoothed(log_weight: Floats) -> tuple[Floats, float]:
    """Weights that sum to one and their Pareto k; a density that is nowhere finite has no k."""
    some = np.isfinite(log_weight)
    if not some.any():
        return np.full(log_weight.size, 1.0 / log_weight.size), np.inf
    weight = np.zeros(log_weight.size)
    weight[some], k = psis(log_weight[some])
    return weight, k


def _resample(weight: Floats, draws: int, seed: int) -> np.ndarray:
    """Indices of points in random order, each as often as its weight says, give or take one (systematic resampling)."""
    rng = np.random.default_rng([seed, 1])
    places = (np.arange(draws) + rng.uniform()) / draws
    chosen = np.minimum(np.searchsorted(np.cumsum(weight), places), weight.size - 1)
    return rng.permutation(chosen)
