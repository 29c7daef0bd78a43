"""Reliability of a backtest: how often bands held the run, against how often they said they would."""

import numpy as np
from matplotlib.axes import Axes

from bayes_scaling.backtesting import Backtest
from bayes_scaling.plots.arguments import check_kind
from bayes_scaling.plots.style import GREY, NORMAL, PALETTE, legend, new_axes, swatch

PROMISED = np.linspace(0.02, 0.98, 49)
LOOKS = (("-", 1.6), ("--", 1.1), (":", 1.1))


def plot_reliability(backtest: Backtest, ax: Axes | None = None) -> list[Axes]:
    """Share of held-out runs inside central bands of every probability, one line a forecaster.

    On the diagonal the bands tell the truth; below it they are too narrow, above it too wide.

    Parameters
    ----------
    backtest : Backtest
    ax : Axes, optional

    Returns
    -------
    list of Axes
    """
    check_kind("backtest", backtest, Backtest, "bs.backtest(...)")
    axes = new_axes(ax, panel=(3.1, 3.0))
    one, handles = axes[0], []
    one.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for i, (name, group) in enumerate(backtest.points.groupby("forecaster", sort=False)):
        inside = [np.mean(np.abs(group["pit"] - 0.5) <= p / 2) for p in PROMISED]
        line, width = LOOKS[i % len(LOOKS)]
        one.plot(PROMISED, inside, line, color=PALETTE[i], linewidth=width)
        handles.append(swatch(str(name), color=PALETTE[i], width=width, line=line))
    one.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    one.set_xlabel("probability of the band", fontsize=NORMAL)
    one.set_ylabel("held-out runs inside it", fontsize=NORMAL)
    one.text(0.97, 0.06, "too narrow", ha="right", color=GREY, fontsize=NORMAL)
    one.text(0.03, 0.92, "too wide", color=GREY, fontsize=NORMAL)
    legend(axes, handles, own=ax is None)
    return axes
