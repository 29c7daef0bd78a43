"""What each run that could be made is worth."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bayes_scaling.plots.arguments import check_table
from bayes_scaling.plots.style import GREY, NORMAL, SMALL, method_styles, new_axes
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

SHOWN = 15  # candidates, best first
COLUMNS = ("method", "finetune_size", "value", "value_per_cost", "rank")
PANEL = (4.6, 3.0)


def plot_next_runs(table: pd.DataFrame, ax: Axes | Iterable[Axes] | None = None) -> list[Axes]:
    """Value per cost of the runs to make next, best first, those that the budget buys filled.

    Parameters
    ----------
    table : DataFrame
        From :meth:`Posterior.next_runs`.
    ax : Axes, optional

    Returns
    -------
    list of Axes

    Raises
    ------
    BayesScalingError
        If the table is not one of runs to make next.
    """
    check_table(table, COLUMNS, ["value_per_cost"], "what fit.next_runs(...) returned")
    panels, styles = new_axes(ax, panel=PANEL), method_styles(table["method"])
    one, shown = panels[0], table.sort_values("rank").head(SHOWN)
    bought = shown["buy"] if "buy" in shown else pd.Series(False, index=shown.index)
    for y, (worth, method, buy) in enumerate(zip(shown["value_per_cost"], shown["method"], bought, strict=True)):
        color = styles[method].color
        one.barh(y, worth, color=color if buy or not bought.any() else "white", edgecolor=color, linewidth=1.0)
    one.set_yticks(range(len(shown)), [_label(row) for _, row in shown.iterrows()], fontsize=SMALL)
    one.invert_yaxis()
    one.set_xlabel("expected gain per unit of cost", fontsize=NORMAL)
    if bought.any():
        look: dict[str, Any] = {"transform": one.transAxes, "ha": "right", "fontsize": SMALL, "color": GREY}
        one.text(0.98, 0.03, "filled: the budget buys it", **look)
    return panels


def _label(row: "pd.Series[float]") -> str:
    sizes = [format_quantity(row[f]) for f in FACTORS if f in row and not pd.isna(row[f])]
    base = [str(row["base"])] if "base" in row and not pd.isna(row["base"]) else sizes
    return ", ".join([str(row["method"]), f"$D_f$ {format_quantity(row['finetune_size'])}", *base])
