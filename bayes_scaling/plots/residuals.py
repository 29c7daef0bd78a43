"""Residuals by factor: does the fit miss in a way that a size would explain?"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayes_scaling.checks.predictive import fitted_runs
from bayes_scaling.grid import tasks_of
from bayes_scaling.plots.arguments import check_posterior
from bayes_scaling.plots.style import GREY, NORMAL, legend, method_styles, new_axes, size_axis, starts_row, swatch
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

DATA = "finetune_size"
LIMIT = 2.0  # noise scales
JITTER = 0.03  # decades: methods at one size stand beside one another


def plot_residuals(
    posterior: "Posterior", task: str | None = None, ax: Axes | Iterable[Axes] | None = None
) -> list[Axes]:
    """Log loss less its expectation, over the noise, of every fitted run, against D_f and every factor.

    Parameters
    ----------
    posterior : Posterior
    task : str, optional
        By default the runs of every task.
    ax : Axes or sequence of Axes, optional
        One for D_f and each factor that the runs have.

    Returns
    -------
    list of Axes
        One panel a size. A run's residual is the posterior median; the base LLM's effect is in the expectation.
        Dotted lines are two noise scales away. Zero-shot runs are left out of the panel of D_f.
    """
    check_posterior(posterior)
    residual = np.median(fitted_runs(posterior).residuals, axis=0)
    runs = posterior.runs.assign(residual=residual)
    runs = runs[runs["task"].isin(tasks_of(posterior, task))]
    columns = [DATA, *(f for f in FACTORS if f in runs and runs[f].nunique() > 1)]
    panels = new_axes(ax, len(columns), sharey=True)
    for one, column in zip(panels, columns, strict=True):
        _panel(one, runs[runs[column] > 0], column)
        if starts_row(one, ax):
            one.set_ylabel("residual (noise scales)", fontsize=NORMAL)
    styles = method_styles(runs["method"])
    handles = [swatch(m, color=styles[m].color, marker=styles[m].marker) for m in dict.fromkeys(runs["method"])]
    legend(panels, handles, own=ax is None)
    return panels


def _panel(ax: Axes, runs: pd.DataFrame, column: str) -> None:
    methods, styles = list(dict.fromkeys(runs["method"])), method_styles(runs["method"])
    for method, rows in runs.groupby("method", sort=False):
        style = styles[str(method)]
        beside = 10 ** (JITTER * (methods.index(str(method)) - (len(methods) - 1) / 2))
        ax.plot(rows[column] * beside, rows["residual"], style.marker, color=style.color, markersize=3, alpha=0.7)
    ax.axhline(0, color=GREY, linewidth=0.8)
    for limit in (-LIMIT, LIMIT):
        ax.axhline(limit, color=GREY, linewidth=0.8, linestyle=":")
    size_axis(ax, runs[column].min() / 1.3, runs[column].max() * 1.3)
    if column != DATA:
        ax.set_xlabel(column.replace("_", " "), fontsize=NORMAL)
