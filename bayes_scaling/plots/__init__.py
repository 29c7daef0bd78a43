"""Plots of a posterior and of what is read from it; needs matplotlib, the package's ``report`` extra.

Every function draws on the axes it is given, or on a new figure, and returns the list of axes it drew on,
one a panel. None of them shows or saves anything. Colours are safe for colour-blind readers, and marker
shapes say the same again, so that a grey print can be read. Filled markers are measured, hollow ones not.
"""

from bayes_scaling.errors import BayesScalingError

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise BayesScalingError('plots need matplotlib: pip install "bayes_scaling[report]"') from error

from bayes_scaling.plots.base_effects import plot_base_effects
from bayes_scaling.plots.contrast import plot_contrast
from bayes_scaling.plots.crossover import plot_crossover
from bayes_scaling.plots.fit import plot_fit
from bayes_scaling.plots.forest import plot_exponents
from bayes_scaling.plots.law_weights import plot_law_weights
from bayes_scaling.plots.next_runs import plot_next_runs
from bayes_scaling.plots.priors import plot_priors
from bayes_scaling.plots.regret import plot_regret
from bayes_scaling.plots.reliability import plot_reliability
from bayes_scaling.plots.residuals import plot_residuals
from bayes_scaling.plots.sizes import plot_sizes
from bayes_scaling.plots.study_plan import plot_study_plan
from bayes_scaling.plots.win_map import plot_win_map
from bayes_scaling.plots.wins import plot_wins

__all__ = [
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
]
