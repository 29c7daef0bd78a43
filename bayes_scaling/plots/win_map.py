"""P(each method is best) over D_f and a second size, one panel a method."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.plots.arguments import check_table
from bayes_scaling.plots.style import NORMAL, SMALL, new_axes, size_axis, starts_row
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

COLUMNS = ("task", "method", "finetune_size", "p_best", "region")
COLORS = "cividis"  # as light as it is large, and the same to colour-blind eyes
EVEN = 0.5  # where a contour is drawn: more likely best than all others together


def plot_win_map(table: pd.DataFrame, ax: Axes | Iterable[Axes] | None = None) -> list[Axes]:
    """Probability that each method has the lowest expected loss, over D_f and one other size.

    Parameters
    ----------
    table : DataFrame
        From :meth:`Posterior.win_probability` with several D_f and several values of one other size.
    ax : Axes or sequence of Axes, optional
        One for each (task, method).

    Returns
    -------
    list of Axes
        One panel a (task, method). A line is where the probability is one half; crosses lie where the method was not
        measured (its region is edge or beyond).

    Raises
    ------
    BayesScalingError
        If the table is no win probabilities over such a grid.
    """
    check_table(table, COLUMNS, ["p_best"], "what fit.win_probability(...) returned")
    factor = _second_size(table)
    groups = list(table.groupby(["task", "method"], sort=False))
    panels = new_axes(ax, len(groups), sharey=True)
    for one, ((task, method), group) in zip(panels, groups, strict=True):
        mesh = _panel(one, group, factor)
        one.set_title(str(method) if table["task"].nunique() == 1 else f"{task}, {method}", fontsize=NORMAL)
        if starts_row(one, ax):
            one.set_ylabel(factor.replace("_", " "), fontsize=NORMAL)
    figure = panels[0].get_figure(root=True)
    if figure is not None:
        bar = figure.colorbar(mesh, ax=panels, shrink=0.85)
        bar.set_label("P(lowest expected loss)", fontsize=NORMAL)
        bar.ax.tick_params(labelsize=SMALL)
    return panels


def _second_size(table: pd.DataFrame) -> str:
    varied = [factor for factor in FACTORS if factor in table and table[factor].nunique() > 1]
    if len(varied) != 1 or table["finetune_size"].nunique() < 2:
        raise BayesScalingError(
            f"table has {table['finetune_size'].nunique()} D_f and varies {', '.join(varied) or 'no other size'}: a "
            "map needs two or more D_f and exactly one other size with several values, such as model_size=[1e9, 8e9]"
        )
    return varied[0]


def _panel(ax: Axes, group: pd.DataFrame, factor: str) -> QuadMesh:
    grid = group.pivot(index=factor, columns="finetune_size", values="p_best")
    sizes, others = grid.columns.to_numpy(np.float64), grid.index.to_numpy(np.float64)
    mesh = ax.pcolormesh(
        sizes, others, grid.to_numpy(), cmap=COLORS, vmin=0, vmax=1, shading="nearest", rasterized=True
    )
    if grid.to_numpy().min() < EVEN < grid.to_numpy().max():
        ax.contour(sizes, others, grid.to_numpy(), levels=[EVEN], colors="white", linewidths=1.2)
    outside = group[group["region"] != "interior"]
    for some, color in ((outside[outside["p_best"] < EVEN], "white"), (outside[outside["p_best"] >= EVEN], "black")):
        look: dict[str, Any] = {"color": color, "alpha": 0.6, "markersize": 2.4, "markeredgewidth": 0.6}
        ax.plot(some["finetune_size"], some[factor], "x", **look)
    _axes(ax, sizes, others)
    return mesh


def _axes(ax: Axes, sizes: np.ndarray, others: np.ndarray) -> None:
    step, other_step = (np.sqrt(values[1] / values[0]) for values in (sizes, others))
    size_axis(ax, sizes[0] / step, sizes[-1] * step)
    ax.set_yscale("log")
    ax.set_ylim(others[0] / other_step, others[-1] * other_step)
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda size, _: format_quantity(size)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.grid(visible=False)
