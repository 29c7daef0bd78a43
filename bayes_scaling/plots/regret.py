"""What each method would cost in loss: expected regret against D_f, or against the method's own cost."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.plots.arguments import check_table, check_text
from bayes_scaling.plots.style import (
    GREY,
    NATS,
    NORMAL,
    legend,
    method_styles,
    new_axes,
    setting_title,
    size_axis,
    starts_row,
    swatch,
)
from bayes_scaling.runs import FACTORS

COLUMNS = ("task", "method", "finetune_size", "expected_regret")


def plot_regret(table: pd.DataFrame, ax: Axes | Iterable[Axes] | None = None, unit: str = NATS) -> list[Axes]:
    """Expected regret of every method against D_f; against cost where the table has costs.

    Parameters
    ----------
    table : DataFrame
        From :meth:`Posterior.win_probability`, or :attr:`Choice.table` of a choice with costs.
    ax : Axes or sequence of Axes, optional
        One for each combination of task and sizes in the table.
    unit : str
        Of the loss.

    Returns
    -------
    list of Axes
        One panel for each combination of task and sizes. With costs, a line joins the methods that no other beats in
        both cost and regret.

    Raises
    ------
    BayesScalingError
        If the table has no regrets, or costs at several D_f.
    """
    check_table(table, COLUMNS, ["expected_regret"], "fit.win_probability(...) or fit.choose(...).table")
    check_text("unit", unit, NATS)
    if "cost" in table and table["finetune_size"].nunique() > 1:
        raise BayesScalingError("table has costs at several D_f: give the table of one choice, fit.choose(...).table")
    keys = ["task", *(factor for factor in FACTORS if factor in table)]
    groups = list(table.groupby(keys, sort=False, dropna=False))
    panels = new_axes(ax, len(groups), sharey=True)
    for one, (key, group) in zip(panels, groups, strict=True):
        (_against_cost if "cost" in table else _against_size)(one, group)
        one.set_title(setting_title(dict(zip(keys, key, strict=True)), table["task"].nunique()), fontsize=NORMAL)
        if starts_row(one, ax):
            one.set_ylabel(f"expected regret ({unit})", fontsize=NORMAL)
    styles, width = method_styles(table["method"]), 0.0 if "cost" in table else 1.2
    used = [(m, styles[m]) for m in dict.fromkeys(table["method"])]
    handles = [swatch(m, color=s.color, marker=s.marker, line=s.line, width=width) for m, s in used]
    legend(panels, handles, own=ax is None)
    return panels


def _against_size(ax: Axes, group: pd.DataFrame) -> None:
    size_axis(ax, group["finetune_size"].min() / 1.2, group["finetune_size"].max() * 1.2)
    for method, rows in group.groupby("method", sort=False):
        style, ordered = method_styles([str(method)])[str(method)], rows.sort_values("finetune_size")
        look: dict[str, Any] = {"color": style.color, "linestyle": style.line, "linewidth": 1.2}
        ax.plot(ordered["finetune_size"], ordered["expected_regret"], label=method, **look)
    ax.set_ylim(bottom=0)


def _against_cost(ax: Axes, group: pd.DataFrame) -> None:
    ordered = group.sort_values(["cost", "expected_regret"])
    best = np.minimum.accumulate(ordered["expected_regret"].to_numpy())
    front = ordered[(ordered["expected_regret"].to_numpy() == best) & ~pd.Series(best, ordered.index).duplicated()]
    ax.plot(front["cost"], front["expected_regret"], color=GREY, linewidth=0.8, label="_front")
    styles = method_styles(group["method"])
    for method, cost, regret in zip(group["method"], group["cost"], group["expected_regret"], strict=True):
        ax.plot(cost, regret, styles[method].marker, color=styles[method].color, markersize=6, label=method)
    if (group["cost"] > 0).all() and group["cost"].max() > 5 * group["cost"].min():
        ax.set_xscale("log")
    ax.margins(x=0.15, y=0.15)
    ax.set_xlabel("cost", fontsize=NORMAL)
