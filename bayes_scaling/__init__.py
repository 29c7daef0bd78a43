"""Bayesian scaling laws for LLM finetuning: exponents, bands and choices with honest uncertainty.

``import bayes_scaling as bs`` is light: every public name is imported on first use.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayes_scaling.averaging import Average, average
    from bayes_scaling.backtesting import Backtest, backtest
    from bayes_scaling.choice import Choice
    from bayes_scaling.crossover import Crossover
    from bayes_scaling.datasets import load_data, published_exponents
    from bayes_scaling.errors import (
        BayesScalingError,
        ConvergenceWarning,
        DesignError,
        InterruptionWarning,
        ModelError,
        PosteriorFileError,
        RunsError,
    )
    from bayes_scaling.exchange import Exchange
    from bayes_scaling.fitting import fit
    from bayes_scaling.joint_law import JointLaw
    from bayes_scaling.law_comparison import LawComparison, compare_laws
    from bayes_scaling.many import Fits, fit_many
    from bayes_scaling.models.laws import Law, LawParameters
    from bayes_scaling.models.layout import RowArrays
    from bayes_scaling.models.prior_spec import PriorSpec
    from bayes_scaling.models.priors import preset as prior_preset
    from bayes_scaling.plots import (
        plot_base_effects,
        plot_contrast,
        plot_crossover,
        plot_exponents,
        plot_fit,
        plot_law_weights,
        plot_next_runs,
        plot_priors,
        plot_regret,
        plot_reliability,
        plot_residuals,
        plot_sizes,
        plot_study_plan,
        plot_win_map,
        plot_wins,
    )
    from bayes_scaling.posterior import Posterior
    from bayes_scaling.required import Required
    from bayes_scaling.runs import load_runs
    from bayes_scaling.runs.importers import import_runs
    from bayes_scaling.simulate import CellTruth, Truth, simulate_runs
    from bayes_scaling.storage import load_posterior
    from bayes_scaling.study_plan import StudyPlan, plan_study

__version__ = version("bayes_scaling")

_HOME = {
    "Average": "averaging",
    "Backtest": "backtesting",
    "BayesScalingError": "errors",
    "CellTruth": "simulate",
    "Choice": "choice",
    "ConvergenceWarning": "errors",
    "Crossover": "crossover",
    "DesignError": "errors",
    "Exchange": "exchange",
    "Fits": "many",
    "InterruptionWarning": "errors",
    "JointLaw": "joint_law",
    "Law": "models.laws",
    "LawComparison": "law_comparison",
    "LawParameters": "models.laws",
    "ModelError": "errors",
    "Posterior": "posterior",
    "PosteriorFileError": "errors",
    "PriorSpec": "models.prior_spec",
    "Required": "required",
    "RowArrays": "models.layout",
    "RunsError": "errors",
    "StudyPlan": "study_plan",
    "Truth": "simulate",
    "average": "averaging",
    "backtest": "backtesting",
    "compare_laws": "law_comparison",
    "fit": "fitting",
    "fit_many": "many",
    "import_runs": "runs.importers",
    "load_data": "datasets",
    "load_posterior": "storage",
    "load_runs": "runs",
    "plan_study": "study_plan",
    "plot_base_effects": "plots",
    "plot_contrast": "plots",
    "plot_crossover": "plots",
    "plot_exponents": "plots",
    "plot_fit": "plots",
    "plot_law_weights": "plots",
    "plot_next_runs": "plots",
    "plot_priors": "plots",
    "plot_regret": "plots",
    "plot_reliability": "plots",
    "plot_residuals": "plots",
    "plot_sizes": "plots",
    "plot_study_plan": "plots",
    "plot_win_map": "plots",
    "plot_wins": "plots",
    "prior_preset": "models.priors",
    "published_exponents": "datasets",
    "simulate_runs": "simulate",
}

__all__ = [
    "Average",
    "Backtest",
    "BayesScalingError",
    "CellTruth",
    "Choice",
    "ConvergenceWarning",
    "Crossover",
    "DesignError",
    "Exchange",
    "Fits",
    "InterruptionWarning",
    "JointLaw",
    "Law",
    "LawComparison",
    "LawParameters",
    "ModelError",
    "Posterior",
    "PosteriorFileError",
    "PriorSpec",
    "Required",
    "RowArrays",
    "RunsError",
    "StudyPlan",
    "Truth",
    "__version__",
    "average",
    "backtest",
    "compare_laws",
    "fit",
    "fit_many",
    "import_runs",
    "load_data",
    "load_posterior",
    "load_runs",
    "plan_study",
    "plot_base_effects",
    "plot_contrast",
    "plot_crossover",
    "plot_exponents",
    "plot_fit",
    "plot_law_weights",
    "plot_next_runs",
    "plot_priors",
    "plot_regret",
    "plot_reliability",
    "plot_residuals",
    "plot_sizes",
    "plot_study_plan",
    "plot_win_map",
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
