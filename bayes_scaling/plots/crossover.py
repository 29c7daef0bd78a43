"""The posterior of the critical D_f, and in words how likely there is none."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bayes_scaling.crossover import Crossover
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models.layout import Floats
from bayes_scaling.plots.arguments import check_answers, check_kind
from bayes_scaling.plots.measured import measured_rows, outside_note
from bayes_scaling.plots.style import (
    PALETTE,
    SMALL,
    legend,
    new_axes,
    records,
    setting_title,
    size_axis,
    swatch,
)
from bayes_scaling.quantities import format_quantity

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

BINS = 60  # over the limits of the search, all of which is shown
LEAST_TOP = 0.02  # of the axis of shares: a rare crossing must look rare
PANEL = (3.5, 1.6)  # inches
STEP = 0.1
LOOKS: tuple[dict[str, Any], ...] = (
    {"facecolor": PALETTE[0], "alpha": 0.7},
    {"facecolor": "none", "edgecolor": PALETTE[1], "hatch": "/////", "linewidth": 0.8},
)


def plot_crossover(
    crossover: Crossover, ax: Axes | Iterable[Axes] | None = None, posterior: "Posterior | None" = None
) -> list[Axes]:
    """Histogram of the D_f at which two methods' expected losses meet.

    Parameters
    ----------
    crossover : Crossover
        From :meth:`Posterior.crossover`.
    ax : Axes or sequence of Axes, optional
        One for each combination of task and sizes.
    posterior : Posterior, optional
        Shows the D_f that each of the two methods was measured at, at the panel's foot.

    Returns
    -------
    list of Axes
        One panel for each combination of task and sizes. Heights are shares of all draws: what the first
        crossings lack to 100 % is P(no crossover), which the title gives.

    Raises
    ------
    BayesScalingError
        If axes are given and are not one for each panel.
    """
    check_kind("crossover", crossover, Crossover, "fit.crossover(...)")
    if posterior is not None:
        check_answers(posterior)
    rows = records(crossover.table)
    if not rows:
        raise BayesScalingError("crossover has no settings to plot: ask for one size or more")
    panels = new_axes(ax, len(rows), columns=1, panel=PANEL, sharex=True)
    tasks = crossover.table["task"].nunique()
    for one, row, draws in zip(panels, rows, crossover.draws, strict=True):
        _bars(one, crossover, draws)
        _interval(one, row)
        if posterior is not None:
            measured_rows(one, posterior, row["task"], [crossover.first, crossover.second], STEP)
        where = setting_title(row, tasks) + outside_note(posterior, row)
        one.set_title(f"{where}: {_in_words(crossover, row)}", fontsize=SMALL, loc="left")
    low, high = (format_quantity(limit) for limit in crossover.limits)
    meet = f"$D_f$ at which {crossover.first} and {crossover.second} meet (searched: {low} to {high})"
    for one in panels if ax is not None else panels[-1:]:
        one.set_xlabel(meet, fontsize=SMALL)
    legend(panels, _handles(crossover), own=ax is None)
    return panels


def _bars(ax: Axes, crossover: Crossover, draws: Floats) -> None:
    """Shares of all draws, by crossing; the axis is the whole range that was searched."""
    size_axis(ax, *crossover.limits)
    ax.set_xlabel("")
    edges = np.geomspace(*crossover.limits, BINS + 1).tolist()
    top = LEAST_TOP
    for which, look in enumerate(LOOKS):
        found = draws[np.isfinite(draws[:, which]), which]
        if found.size:
            heights, *_ = ax.hist(found, edges, weights=np.full(found.size, 1 / draws.shape[0]), **look)
            top = max(top, 1.3 * float(np.max(heights)))
    ax.set_ylim(0, top)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))
    ax.set_ylabel("share of draws", fontsize=SMALL)


def _interval(ax: Axes, row: Mapping[str, Any]) -> None:
    """Median and HDI of the first crossing, above the bars."""
    y = 0.92 * ax.get_ylim()[1]
    if np.isfinite(row["hdi_low"]):
        ax.plot([row["hdi_low"], row["hdi_high"]], [y, y], color="black", linewidth=1.2)
    if np.isfinite(row["median"]):
        ax.plot(row["median"], y, "o", color="black", markersize=4)


def _in_words(crossover: Crossover, row: Mapping[str, Any]) -> str:
    text = f"P(no crossover) = {row['p_none']:.2f}"
    if row["p_none"] == 0 or "p_first_always" not in row:
        return text
    lower = f"{crossover.first} lower throughout: {row['p_first_always']:.2f}"
    return f"{text}\n({lower}, {crossover.second}: {row['p_second_always']:.2f})"


def _handles(crossover: Crossover) -> list[Artist]:
    twice = bool(np.isfinite(crossover.draws[..., 1]).any())
    handles: list[Artist] = [Patch(**LOOKS[0], label="first crossing")]
    handles += [Patch(**LOOKS[1], label="second crossing")] if twice else []
    whose = "first crossing's" if twice else "its"
    words = f"{whose} median and {100 * crossover.prob:.0f} % HDI"
    return [*handles, swatch(words, color="black", marker="o", width=1.2)]
