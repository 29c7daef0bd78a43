"""Do two factors' exponents differ? Their difference in every (task, method), beside what is practically none."""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bayes_scaling.plots.arguments import check_posterior
from bayes_scaling.plots.forest import THICK, THIN
from bayes_scaling.plots.published import INNER
from bayes_scaling.plots.style import GREY, NORMAL, SMALL, legend, method_styles, new_axes, records, swatch
from bayes_scaling.text import format_probability

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

WIDTH, ROW = 4.2, 0.34  # inches


def plot_contrast(
    posterior: "Posterior",
    first: str,
    second: str = "finetune_size",
    rope: float = 0.02,
    prob: float = 0.9,
    ax: Axes | None = None,
) -> list[Axes]:
    """Exponent of one factor minus that of another: mean, 50 % HDI (thick) and ``prob`` HDI (thin).

    Parameters
    ----------
    posterior : Posterior
    first, second : str
        Factors, see :meth:`Posterior.compare_exponents`.
    rope : float
        Half-width of the region of practical equivalence, which is shaded.
    prob : float
        Probability inside the thin interval.
    ax : Axes, optional

    Returns
    -------
    list of Axes
        One. P(first > second) and P(inside the region) stand at the end of each row.

    Raises
    ------
    BayesScalingError
        If no (task, method) has both exponents.
    """
    check_posterior(posterior)
    table = posterior.compare_exponents(first, second, prob=prob, rope=rope)
    inner = posterior.compare_exponents(first, second, prob=INNER, rope=rope)
    axes = new_axes(ax, panel=(WIDTH, ROW * len(table) + 0.9))
    one, styles = axes[0], method_styles(table["method"])
    one.axvspan(-rope, rope, color="0.5", alpha=0.2, linewidth=0)
    one.axvline(0, color=GREY, linewidth=0.8)
    for y, (row, narrow) in enumerate(zip(records(table), records(inner), strict=True)):
        style = styles[row["method"]]
        one.plot([row["hdi_low"], row["hdi_high"]], [y, y], color=style.color, linewidth=THIN)
        one.plot([narrow["hdi_low"], narrow["hdi_high"]], [y, y], color=style.color, linewidth=THICK)
        one.plot(row["difference"], y, style.marker, color=style.color, markerfacecolor="white", markersize=4)
        words = f"{format_probability(row['p_greater'])} | {format_probability(row['p_rope'])}"
        one.text(1.02, y, words, transform=one.get_yaxis_transform(), va="center", fontsize=SMALL)
    one.text(1.02, -0.8, "P(> 0) | P(ROPE)", transform=one.get_yaxis_transform(), va="center", fontsize=SMALL)
    several = table["task"].nunique() > 1
    labels = [f"{t}, {m}" if several else m for t, m in zip(table["task"], table["method"], strict=True)]
    one.set_yticks(range(len(table)), labels, fontsize=SMALL)
    one.set_ylim(len(table) - 0.5, -0.6)
    one.grid(visible=False, axis="y")
    one.set_xlabel(f"exponent of {first} minus exponent of {second}", fontsize=NORMAL)
    handles = [
        Patch(color="0.5", alpha=0.2, linewidth=0, label=f"ROPE: within {rope:g}"),
        swatch(f"{100 * INNER:g} % HDI", width=THICK),
        swatch(f"{100 * prob:g} % HDI", width=THIN),
    ]
    legend(axes, handles, own=ax is None)
    return axes
