"""A forest of exponents: posterior mean and intervals of every method, beside published values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bayes_scaling.arguments import shown
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.plots.arguments import check_posterior, names_of
from bayes_scaling.plots.published import INNER, forest_rows
from bayes_scaling.plots.style import (
    NORMAL,
    SMALL,
    legend,
    method_styles,
    metric_of,
    new_axes,
    records,
    swatch,
)

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

PANEL = (2.4, 1.9)  # inches
THIN, THICK = 1.4, 4.5  # points
BELOW = 0.3  # how far under its row a published value stands


class Look(NamedTuple):
    """How a parameter's panel is named and scaled; without a unit it has the loss's."""

    symbol: str
    unit: str = ""
    scale: str = "linear"


LOOKS = {
    "alpha": Look(r"$\alpha$", "per unit of log size"),
    "beta": Look(r"$\beta$", "per unit of log size"),
    "E": Look("$E$, irreducible loss"),
    "A": Look("$A$", scale="log"),
    "B": Look("$B$", scale="log"),
}


def plot_exponents(
    posterior: "Posterior",
    parameters: Sequence[str] = ("alpha", "beta"),
    published: pd.DataFrame | None = None,
    prob: float = 0.9,
    ax: Axes | Iterable[Axes] | None = None,
) -> list[Axes]:
    """Posterior mean, 50 % HDI (thick) and ``prob`` HDI (thin) of every (task, method).

    Parameters
    ----------
    posterior : Posterior
    parameters : sequence of {"alpha", "beta", "E", "A", "B"}
        One panel each, with a scale of its own.
    published : DataFrame, optional
        ``task, method, parameter, factor, value``, as from :func:`bayes_scaling.published_exponents`; drawn
        as open diamonds where the fit has the same parameter.
    prob : float
        Probability inside the thin interval.
    ax : Axes or sequence of Axes, optional
        One for each parameter.

    Returns
    -------
    list of Axes
        One panel a parameter.

    Raises
    ------
    BayesScalingError
        If the fit has no such parameter, or nothing that was published is of it.
    """
    check_posterior(posterior)
    if published is not None and not isinstance(published, pd.DataFrame):
        raise BayesScalingError(f"published={shown(published)}: give bs.published_exponents(), or a table like it")
    names = names_of("parameters", parameters)
    table = forest_rows(posterior, names, published, prob)
    tallest = int(table["parameter"].value_counts().max())
    panels = new_axes(ax, len(names), columns=2, panel=(PANEL[0], max(PANEL[1], 0.32 * tallest + 0.8)))
    for one, parameter in zip(panels, names, strict=True):
        rows = table[table["parameter"] == parameter].reset_index(drop=True)
        _panel(one, rows, LOOKS[parameter], metric_of(posterior.runs))
    handles = [
        swatch("posterior mean", marker="o", face="white"),
        swatch(f"{100 * INNER:g} % HDI", width=THICK),
        swatch(f"{100 * prob:g} % HDI", width=THIN),
    ]
    if published is not None:
        handles.append(swatch("published", color="black", marker="D", face="none"))
    legend(panels, handles, own=ax is None)
    return panels


def _panel(ax: Axes, rows: pd.DataFrame, look: Look, metric: str) -> None:
    styles = method_styles(rows["method"])
    labels = []
    for y, row in enumerate(records(rows)):
        color = styles[row["method"]].color
        line: dict[str, Any] = {"color": color, "solid_capstyle": "butt"}
        ax.plot([row["hdi_low"], row["hdi_high"]], [y, y], linewidth=THIN, **line)
        ax.plot([row["inner_low"], row["inner_high"]], [y, y], linewidth=THICK, **line)
        ax.plot(row["mean"], y, "o", color=color, markerfacecolor="white", markersize=3.2, zorder=3)
        if np.isfinite(row["value"]):
            ax.plot(row["value"], y + BELOW, "D", color="black", markerfacecolor="none", markersize=4)
        labels.append(_label(row, rows))
    ax.set_yticks(range(len(rows)), labels)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.set_xscale(look.scale)
    if look.scale == "linear":
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    factor = rows["factor"].iloc[0] if rows["factor"].nunique() == 1 else ""
    ax.set_title(f"{look.symbol} of {factor}" if factor else look.symbol, fontsize=NORMAL)
    ax.set_xlabel(look.unit or metric, fontsize=NORMAL)
    ax.tick_params(axis="y", labelsize=SMALL)


def _label(row: Mapping[str, Any], rows: pd.DataFrame) -> str:
    task = [row["task"]] * (rows["task"].nunique() > 1)
    return "\n".join([", ".join([*task, row["method"]]), *[row["factor"]] * (rows["factor"].nunique() > 1)])
