"""Bayesian scaling laws for LLM finetuning: exponents, bands and choices with honest uncertainty.

``import bayes_scaling as bs`` is light: every public name is imported on first use.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayes_scaling.choice import Choice
    from bayes_scaling.crossover import Crossover
    from bayes_scaling.datasets import load_data, published_exponents
    from bayes_scaling.errors import (
        BayesScalingError,
        ConvergenceWarning,
        DesignError,
        ModelError,
        PosteriorFileError,
        RunsError,
    )
    from bayes_scaling.fitting import fit
    from bayes_scaling.joint_law import JointLaw
    from bayes_scaling.models.priors import preset as prior_preset
    from bayes_scaling.plots import plot_crossover, plot_exponents, plot_fit, plot_wins
    from bayes_scaling.posterior import Posterior
    from bayes_scaling.runs import load_runs
    from bayes_scaling.simulate import CellTruth, Truth, simulate_runs
    from bayes_scaling.storage import load_posterior

__version__ = version("bayes_scaling")

_HOME = {
    "BayesScalingError": "errors",
    "CellTruth": "simulate",
    "Choice": "choice",
    "ConvergenceWarning": "errors",
    "Crossover": "crossover",
    "DesignError": "errors",
    "JointLaw": "joint_law",
    "ModelError": "errors",
    "Posterior": "posterior",
    "PosteriorFileError": "errors",
    "RunsError": "errors",
    "Truth": "simulate",
    "fit": "fitting",
    "load_data": "datasets",
    "load_posterior": "storage",
    "load_runs": "runs",
    "plot_crossover": "plots",
    "plot_exponents": "plots",
    "plot_fit": "plots",
    "plot_wins": "plots",
    "prior_preset": "models.priors",
    "published_exponents": "datasets",
    "simulate_runs": "simulate",
}

__all__ = [
    "BayesScalingError",
    "CellTruth",
    "Choice",
    "ConvergenceWarning",
    "Crossover",
    "DesignError",
    "JointLaw",
    "ModelError",
    "Posterior",
    "PosteriorFileError",
    "RunsError",
    "Truth",
    "__version__",
    "fit",
    "load_data",
    "load_posterior",
    "load_runs",
    "plot_crossover",
    "plot_exponents",
    "plot_fit",
    "plot_wins",
    "prior_preset",
    "published_exponents",
    "simulate_runs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bayes_scaling' has no attribute {name!r}")
    value = getattr(import_module(f"bayes_scaling.{_HOME[name]}"), "preset" if name == "prior_preset" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
