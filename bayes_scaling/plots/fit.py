"""The fit beside the runs: loss against D_f, one panel a method, one curve a base LLM."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bayes_scaling.grid import tasks_of
from bayes_scaling.plots.arguments import check_answers
from bayes_scaling.plots.points import points_of
from bayes_scaling.plots.style import (
    GREY,
    NORMAL,
    SMALL,
    Style,
    legend,
    metric_of,
    new_axes,
    ordered_styles,
    size_axis,
    starts_row,
    swatch,
)
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.answers import Kind
    from bayes_scaling.posterior import Posterior

GRID = 40  # D_f of each curve
EDGE, ROOM = 1.15, 1.7  # the axis goes on by these factors; ROOM is for the word "extrapolation"


def plot_fit(
    posterior: "Posterior",
    held_out: pd.DataFrame | None = None,
    task: str | None = None,
    kind: "Kind" = "run",
    prob: float = 0.9,
    axes: Axes | Iterable[Axes] | None = None,
) -> list[Axes]:
    """Mean, band and runs of every base LLM.

    Parameters
    ----------
    posterior : Posterior
    held_out : DataFrame, optional
        Runs that were not fitted, drawn hollow. A base LLM that is new to the fit has a new base's wide band.
    task : str, optional
        By default every task, each with its own panels.
    kind : {"run", "mean"}
        Band of one new run, or of the expected loss.
    prob : float
        Probability inside the band, equal tails.
    axes : Axes or sequence of Axes, optional
        One for each (task, method).

    Returns
    -------
    list of Axes
        One panel a (task, method). D_f outside those fitted with the method are shaded; zero-shot runs, which a log
        axis has no place for, stand on its left edge.

    Raises
    ------
    DesignError
        If ``held_out`` has no losses, or rows that the fit cannot speak about.
    """
    check_answers(posterior)
    tasks = tasks_of(posterior, task)
    points = points_of(posterior, held_out, tasks)
    styles = ordered_styles(list(dict.fromkeys(points["label"])))
    cells = [pair for pair in posterior.layout.cell_index if pair[0] in tasks]
    panels = new_axes(axes, len(cells), sharey=len(tasks) == 1)
    for ax, (name, method) in zip(panels, cells, strict=True):
        of_cell = points[(points["task"] == name) & (points["method"] == method)]
        of_cell, zero_shot = of_cell[of_cell["finetune_size"] > 0], of_cell[of_cell["finetune_size"] == 0]
        for label, curve in of_cell.groupby("label", sort=False):
            sizes = np.geomspace(of_cell["finetune_size"].min(), of_cell["finetune_size"].max(), GRID)
            row = curve[[c for c in ("task", "method", "base", *FACTORS) if c in curve]].iloc[0].dropna()
            design = pd.DataFrame({"finetune_size": sizes, **row.to_dict()})
            band = posterior.predict(design, kind, prob)
            _curve(ax, band, curve, styles[str(label)], min(0.22, 1.2 / len(styles)))
        _shade(ax, of_cell)
        _at_left_edge(ax, zero_shot, styles)
        ax.set_title(method if len(tasks) == 1 else f"{name}, {method}", fontsize=NORMAL)
        if starts_row(ax, axes):
            ax.set_ylabel(f"loss ({metric_of(posterior.runs)})", fontsize=NORMAL)
    what = "one new run" if kind == "run" else "the expected loss"
    handles = _handles(points, styles, f"{100 * prob:g} % band of {what}")
    legend(panels, handles, own=axes is None)
    if axes is None and len(tasks) == 1:
        panels[0].get_figure(root=True).suptitle(tasks[0], fontsize=NORMAL)  # type: ignore[union-attr]
    return panels


def _at_left_edge(ax: Axes, runs: pd.DataFrame, styles: dict[str, Style]) -> None:
    """Zero-shot runs: D_f = 0 is infinitely far to the left."""
    left = ax.get_xlim()[0]
    for label, loss, fitted in zip(runs["label"], runs["loss"], runs["fitted"], strict=True):
        style = styles[str(label)]
        look: dict[str, Any] = {"color": style.color, "markersize": 3.6, "clip_on": False, "zorder": 4}
        ax.plot(left, loss, style.marker, markerfacecolor=style.color if fitted else "white", **look)
    if len(runs):
        words: dict[str, Any] = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "color": GREY}
        ax.annotate("$D_f = 0$", (left, runs["loss"].max()), fontsize=SMALL, **words)


def _curve(ax: Axes, band: pd.DataFrame, runs: pd.DataFrame, style: Style, alpha: float) -> None:
    """Mean and band, dashed for a base LLM that was not fitted, and its runs."""
    sizes, fitted = band["finetune_size"], runs["fitted"]
    ax.fill_between(sizes, band["low"], band["high"], color=style.color, alpha=alpha, linewidth=0)
    line = "-" if fitted.any() else "--"
    ax.plot(sizes, band["mean"], line, color=style.color, linewidth=1.1, label=runs["label"].iloc[0])
    look = {"color": style.color, "markersize": 3.6, "markeredgewidth": 0.9, "zorder": 3}
    for some, face in ((runs[fitted], style.color), (runs[~fitted], "white")):
        ax.plot(some["finetune_size"], some["loss"], style.marker, markerfacecolor=face, **look)


def _shade(ax: Axes, runs: pd.DataFrame) -> None:
    """Set the axis, and mark its D_f outside the fitted range."""
    all_low, all_high = runs["finetune_size"].min(), runs["finetune_size"].max()
    fitted = runs.loc[runs["fitted"], "finetune_size"]
    low, high = fitted.min(), fitted.max()
    left = all_low / (ROOM if all_low < low else EDGE)
    right = all_high * (ROOM if all_high > high else EDGE)
    size_axis(ax, left, right)
    words: dict[str, Any] = {"rotation": 90, "va": "top", "fontsize": SMALL, "color": GREY}
    for shown, start, end, x, side in (
        (all_low < low, left, low, left, "left"),
        (all_high > high, high, right, right, "right"),
    ):
        if shown:
            ax.axvspan(start, end, color="0.5", alpha=0.15, linewidth=0, zorder=0)
            ax.text(x, 0.98, "extrapolation", ha=side, transform=ax.get_xaxis_transform(), **words)


def _handles(points: pd.DataFrame, styles: dict[str, Style], band: str) -> list[Artist]:
    seen = set(points.loc[points["fitted"], "label"])
    handles: list[Artist] = []
    for name, style in styles.items():
        new = {} if name in seen else {"label": f"{name} (not fitted)", "face": "white", "line": "--"}
        handles.append(swatch(**{"label": name, **new}, color=style.color, marker=style.marker, width=1.1))
    handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label=band))
    if not points["fitted"].all():
        handles += [swatch("fitted run", marker="o"), swatch("held-out run", marker="o", face="white")]
    return handles
