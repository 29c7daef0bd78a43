"""Where each method was measured: without it a comparison of methods does not show what it extrapolates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from bayes_scaling.models.layout import Floats
from bayes_scaling.plots.style import GREY, SMALL, method_styles
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

TOLERANCE = 1e-9


def outside_note(posterior: "Posterior | None", setting: Mapping[str, Any]) -> str:
    """Words for a title, where a size of the setting is outside those of the task's runs."""
    if posterior is None:
        return ""
    runs = posterior.runs[posterior.runs["task"] == setting["task"]]
    for factor in FACTORS:
        if factor in setting and factor in runs:
            low, high = runs[factor].min() * (1 - TOLERANCE), runs[factor].max() * (1 + TOLERANCE)
            if setting[factor] < low or setting[factor] > high:
                return " (not fitted)"
    return ""


def measured_rows(ax: Axes, posterior: "Posterior", task: str, methods: Sequence[str], step: float) -> None:
    """Draw one row a method at the panel's foot, a marker at every fitted D_f, under what the panel shows.

    ``step`` is the height of a row as a share of the panel.
    """
    bottom, top = ax.get_ylim()
    ax.set_yticks([tick for tick in ax.get_yticks() if bottom <= tick <= top])
    share = step * (len(methods) + 1.4)
    ax.set_ylim(bottom - (top - bottom) * share / (1 - share), top)
    ax.axhline(bottom, color=GREY, linewidth=0.6)
    runs, styles = posterior.runs[posterior.runs["task"] == task], method_styles(methods)
    for i, method in enumerate(reversed(methods)):
        measured = runs.loc[(runs["method"] == method) & (runs["finetune_size"] > 0), "finetune_size"]
        sizes = np.unique(measured.to_numpy(np.float64))
        style, y = styles[method], np.full(sizes.size, step * (i + 0.6))
        (row,) = ax.plot(sizes, y, style.marker + "-", transform=ax.get_xaxis_transform())
        row.set(color=style.color, linewidth=0.8, markersize=2.4, label=f"_{method} measured")
        _name(ax, method, sizes, y[0], style.color)
    words: dict[str, Any] = {"fontsize": SMALL - 0.5, "va": "center", "color": GREY}
    y_words = step * (len(methods) + 0.7)
    ax.text(0.01, y_words, "$D_f$ measured with each method:", transform=ax.transAxes, **words)


def _name(ax: Axes, method: str, sizes: Floats, y: float, color: Any) -> None:
    """Write the method's name beside its row; with its range where the panel does not show the row."""
    left, right = ax.get_xlim()
    if sizes[0] > right or sizes[-1] < left:
        method += f" (at {format_quantity(sizes[0])} to {format_quantity(sizes[-1])})"
    if right / sizes[-1] > sizes[0] / left:
        x, shift, align = max(sizes[-1], left), 4, "left"
    else:
        x, shift, align = min(sizes[0], right), -4, "right"
    beside: dict[str, Any] = {
        "xytext": (shift, 0),
        "textcoords": "offset points",
        "ha": align,
        "va": "center",
    }
    name = ax.annotate(method, (x, y), xycoords=ax.get_xaxis_transform(), **beside)
    name.set(color=color, fontsize=SMALL - 0.5, in_layout=False)
