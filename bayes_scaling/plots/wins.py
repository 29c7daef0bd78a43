"""P(each method is best) against D_f, and where each method was measured at all."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayes_scaling.plots.arguments import check_answers, check_table
from bayes_scaling.plots.measured import measured_rows, outside_note
from bayes_scaling.plots.style import (
    NORMAL,
    SMALL,
    Style,
    legend,
    method_styles,
    new_axes,
    setting_title,
    size_axis,
    starts_row,
    swatch,
)
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

COLUMNS = ("task", "method", "finetune_size", "p_best", "mcse")
SHOWN = 10  # markers on a line
MCSE = 2.0  # half-width of the band, in Monte Carlo standard errors
STEP = 0.055


def plot_wins(
    table: pd.DataFrame, ax: Axes | Iterable[Axes] | None = None, posterior: "Posterior | None" = None
) -> list[Axes]:
    """Probability that each method has the lowest expected loss, against D_f, or at the one D_f of the table.

    Parameters
    ----------
    table : DataFrame
        From :meth:`Posterior.win_probability` or :attr:`Choice.table`. A marker is hollow where ``region``
        is not interior: where the method was not measured at that D_f, or not at such sizes.
    ax : Axes or sequence of Axes, optional
        One for each combination of task and sizes in the table.
    posterior : Posterior, optional
        Shows the D_f that each method was measured at, at the panel's foot.

    Returns
    -------
    list of Axes
        One panel for each combination of task and sizes. Bands are two Monte Carlo standard errors each way.

    Raises
    ------
    BayesScalingError
        If the table is not one of win probabilities.
    """
    check_table(table, COLUMNS, ["p_best"], "what fit.win_probability(...) returned")
    if posterior is not None:
        check_answers(posterior)
    keys = ["task", *(factor for factor in FACTORS if factor in table)]
    groups = list(table.groupby(keys, sort=False, dropna=False))
    panels, styles = new_axes(ax, len(groups), sharey=True), method_styles(table["method"])
    for one, (key, group) in zip(panels, groups, strict=True):
        setting = dict(zip(keys, key, strict=True))
        _panel(one, group, styles, posterior)
        title = setting_title(setting, table["task"].nunique()) + outside_note(posterior, setting)
        if group["finetune_size"].nunique() == 1:
            title += f", $D_f$ {format_quantity(group['finetune_size'].iloc[0])}"
        one.set_title(title, fontsize=NORMAL)
        if starts_row(one, ax):
            one.set_ylabel("P(lowest expected loss)", fontsize=NORMAL)
    used = [(m, styles[m]) for m in dict.fromkeys(table["method"])]
    handles = [swatch(m, color=s.color, marker=s.marker, line=s.line, width=1.2) for m, s in used]
    if table["finetune_size"].nunique() == 1:
        handles = []  # the axis names the methods
    if "region" in table and (table["region"] != "interior").any():
        handles.append(swatch("hollow: not measured there", marker="o", face="white"))
    if handles:
        legend(panels, handles, own=ax is None)
    return panels


def _panel(ax: Axes, group: pd.DataFrame, styles: dict[str, Style], posterior: "Posterior | None") -> None:
    ax.set_ylim(-0.04, 1.04)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    if group["finetune_size"].nunique() == 1:
        _at_one_size(ax, group, styles)
        return
    sizes = group["finetune_size"]
    size_axis(ax, sizes.min() / 1.2, sizes.max() * 1.2)
    for method, rows in group.groupby("method", sort=False):
        _line(ax, rows.sort_values("finetune_size"), styles[str(method)])
    if posterior is not None:
        methods = list(dict.fromkeys(group["method"]))
        measured_rows(ax, posterior, group["task"].iloc[0], methods, STEP)


def _line(ax: Axes, rows: pd.DataFrame, style: Style) -> None:
    sizes, p = rows["finetune_size"], rows["p_best"]
    low, high = (np.clip(p + side * MCSE * rows["mcse"], 0, 1) for side in (-1, 1))
    ax.fill_between(sizes, low, high, color=style.color, alpha=0.25, linewidth=0)
    ax.plot(sizes, p, color=style.color, linestyle=style.line, linewidth=1.2, label=rows["method"].iloc[0])
    shown = rows.iloc[:: max(1, round(len(rows) / SHOWN))]
    for some, face in ((shown[_measured(shown)], style.color), (shown[~_measured(shown)], "white")):
        look = {"color": style.color, "markerfacecolor": face, "markersize": 4}
        ax.plot(some["finetune_size"], some["p_best"], style.marker, **look)


def _at_one_size(ax: Axes, rows: pd.DataFrame, styles: dict[str, Style]) -> None:
    """One marker a method, with what choosing it would cost."""
    for x, (measured, (_, row)) in enumerate(zip(_measured(rows), rows.iterrows(), strict=True)):
        style = styles[row["method"]]
        look: dict[str, Any] = {"color": style.color, "markerfacecolor": style.color if measured else "white"}
        ax.errorbar(x, row["p_best"], MCSE * row["mcse"], fmt=style.marker, markersize=6, **look)
        if "expected_regret" in row:
            above, side = (0.06, "bottom") if row["p_best"] < 0.5 else (-0.06, "top")
            words = f"expected\nregret {row['expected_regret']:.4f}"
            ax.text(x, row["p_best"] + above, words, ha="center", va=side, fontsize=SMALL)
    ax.set_xticks(range(len(rows)), rows["method"])
    ax.set_xlim(-0.6, len(rows) - 0.4)


def _measured(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["region"] == "interior" if "region" in rows else pd.Series(True, index=rows.index)
