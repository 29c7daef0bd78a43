"""Power of the designs of a study against what they cost."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes

from bayes_scaling.plots.arguments import check_kind
from bayes_scaling.plots.style import GREY, NORMAL, PALETTE, SMALL, new_axes
from bayes_scaling.study_plan import StudyPlan

MCSE = 2.0  # half-width of a bar, in Monte Carlo standard errors
PANEL = (3.8, 2.8)


def plot_study_plan(plan: StudyPlan, ax: Axes | Iterable[Axes] | None = None) -> list[Axes]:
    """Power against cost, a marker a design, filled where it is enough; bars are two Monte Carlo standard errors.

    Parameters
    ----------
    plan : StudyPlan
        From :func:`bayes_scaling.plan_study`.
    ax : Axes, optional

    Returns
    -------
    list of Axes
    """
    check_kind("plan", plan, StudyPlan, "bs.plan_study(...)")
    panels = new_axes(ax, panel=PANEL)
    one, color = panels[0], PALETTE[0]
    for _, row in plan.table.iterrows():
        face = color if row["enough"] else "white"
        look: dict[str, Any] = {"color": color, "markerfacecolor": face, "markersize": 5, "elinewidth": 0.8}
        one.errorbar(row["cost"], row["power"], MCSE * row["mcse"], fmt="o", **look)
    one.axhline(plan.wanted, color=GREY, linewidth=0.8, linestyle="--")
    one.text(0.98, plan.wanted, "wanted", transform=one.get_yaxis_transform(), ha="right", va="bottom", fontsize=SMALL)
    one.set_xscale("log")
    one.set_ylim(-0.04, 1.04)
    one.set_xlabel("cost of the study", fontsize=NORMAL)
    one.set_ylabel("power", fontsize=NORMAL)
    return panels
