"""Stacking weights of laws: which predicts, and how far the runs can tell."""

from matplotlib.axes import Axes

from bayes_scaling.law_comparison import LawComparison
from bayes_scaling.plots.arguments import check_kind
from bayes_scaling.plots.style import NORMAL, PALETTE, SMALL, new_axes

WIDTH, ROW = 3.5, 0.32  # inches


def plot_law_weights(comparison: LawComparison, ax: Axes | None = None) -> list[Axes]:
    """Stacking weight of every law with its 90 % interval, the best law at the top.

    Parameters
    ----------
    comparison : LawComparison
        From :func:`bayes_scaling.compare_laws`.
    ax : Axes, optional

    Returns
    -------
    list of Axes
        One. The title says whether the runs tell the laws apart.
    """
    check_kind("comparison", comparison, LawComparison, "bs.compare_laws(...)")
    table = comparison.table
    axes = new_axes(ax, panel=(WIDTH, ROW * len(table) + 0.7))
    one = axes[0]
    for y, (weight, low, high) in enumerate(table[["weight", "weight_low", "weight_high"]].to_numpy()):
        one.barh(y, weight, height=0.55, color=PALETTE[0], alpha=0.45, linewidth=0)
        one.plot([low, high], [y, y], color="black", linewidth=1.2)
        one.plot(weight, y, "o", color="black", markerfacecolor="white", markersize=4)
    one.set_yticks(range(len(table)), table["law"], fontsize=SMALL)
    one.set_ylim(len(table) - 0.5, -0.5)
    one.set_xlim(0, 1)
    one.grid(visible=False, axis="y")
    one.set_xlabel("stacking weight, 90 % interval", fontsize=NORMAL)
    apart = "the runs tell the laws apart" if comparison.told_apart else "the runs cannot tell the laws apart"
    one.set_title(apart, fontsize=NORMAL)
    return axes
