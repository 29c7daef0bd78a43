"""The probability that a size is enough, against the size."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from bayes_scaling.arguments import check_prob
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.plots.arguments import check_draws, check_text
from bayes_scaling.plots.style import GREY, NORMAL, legend, method_styles, new_axes, swatch
from bayes_scaling.quantities import format_quantity

PANEL = (3.6, 2.6)


def plot_sizes(
    draws: Mapping[str, NDArray[np.float64]], label: str, prob: float = 0.9, ax: Axes | Iterable[Axes] | None = None
) -> list[Axes]:
    """Cumulative probability of required sizes; a curve that ends below 1 may never get there.

    Parameters
    ----------
    draws : mapping of str to float array, shape (S,)
        Method to the size that each draw takes, infinite where none will do: :attr:`Required.draws` or rows of
        :attr:`Exchange.draws`.
    label : str
        What the size is.
    prob : float
        Probability inside the shaded interval, equal tails.
    ax : Axes, optional

    Returns
    -------
    list of Axes

    Raises
    ------
    BayesScalingError
        If no draw of any method is finite.
    """
    check_draws(draws)
    check_text("label", label, "finetuning examples")
    check_prob(prob)
    if not any(np.isfinite(values).any() for values in draws.values()):
        raise BayesScalingError("draws: in none of them is any size enough, so there is nothing to draw")
    panels, styles = new_axes(ax, panel=PANEL), method_styles(draws)
    one = panels[0]
    for method, values in draws.items():
        reached = np.sort(values[np.isfinite(values)])
        share = np.arange(1, reached.size + 1) / values.size
        look: dict[str, Any] = {"color": styles[method].color, "linestyle": styles[method].line}
        one.step(reached, share, where="post", linewidth=1.2, **look)
    one.axhspan((1 - prob) / 2, (1 + prob) / 2, color="0.95", zorder=0)
    one.axhline(0.5, color=GREY, linewidth=0.6, linestyle=":")
    one.set_xscale("log")
    one.set_ylim(-0.02, 1.02)
    one.xaxis.set_major_formatter(FuncFormatter(lambda size, _: format_quantity(size)))
    one.set_xlabel(label, fontsize=NORMAL)
    one.set_ylabel("P(enough)", fontsize=NORMAL)
    legend(panels, [swatch(m, color=styles[m].color, line=styles[m].line, width=1.2) for m in draws], own=ax is None)
    return panels
