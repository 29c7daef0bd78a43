"""Base effects: how far each base LLM sits off the law, or how much faster it falls with D_f."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bayes_scaling import arviz_bridge
from bayes_scaling.arguments import check_prob
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models.layout import Floats
from bayes_scaling.plots.arguments import check_posterior, check_text
from bayes_scaling.plots.style import GREY, NORMAL, SMALL, legend, method_styles, new_axes, swatch

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

Of = Literal["level", "slope"]
LABELS = {"level": "loss off the law (%)", "slope": "fall with D_f faster than the law's (%)"}
ROW, WIDTH = 0.16, 3.5  # inches for one (method, base), and of a panel


def plot_base_effects(
    posterior: "Posterior", of: Of = "level", prob: float = 0.9, ax: Axes | Iterable[Axes] | None = None
) -> list[Axes]:
    """Mean and HDI of every base LLM's effect, a row a base LLM and a marker a method.

    Parameters
    ----------
    posterior : Posterior
    of : {"level", "slope"}
        How far the loss sits off the law, or how much faster it falls with D_f than the law's, both in per cent.
    prob : float
        Probability inside the interval.
    ax : Axes or sequence of Axes, optional
        One for each task.

    Returns
    -------
    list of Axes
        One panel a task. Shaded is the scale of the population that a new base LLM is drawn from, its posterior median
        on either side.

    Raises
    ------
    BayesScalingError
        If the model has no such effects.
    """
    check_posterior(posterior)
    check_prob(prob)
    check_text("of", of, "level")
    draws, places, scale = _effects(posterior, of)
    layout = posterior.layout
    tasks = list(dict.fromkeys(layout.task[layout.cell_of_effect[h]] for h in places))
    methods = list(dict.fromkeys(layout.method))
    tallest = max(sum(layout.task[layout.cell_of_effect[h]] == task for h in places) for task in tasks)
    panels = new_axes(ax, len(tasks), panel=(WIDTH, max(ROW * tallest + 0.8, 1.6)))
    for one, task in zip(panels, tasks, strict=True):
        of_task = [i for i, h in enumerate(places) if layout.task[layout.cell_of_effect[h]] == task]
        _panel(one, posterior, [(places[i], draws[:, i]) for i in of_task], prob)
        one.axvspan(-scale, scale, color="0.5", alpha=0.18, linewidth=0, zorder=0)
        one.axvline(0, color=GREY, linewidth=0.8)
        one.set_xlabel(LABELS[of], fontsize=NORMAL)
        one.set_title(task, fontsize=NORMAL)
    styles = method_styles(methods)
    handles = [swatch(m, color=styles[m].color, marker=styles[m].marker, width=1.2) for m in methods]
    shade = Patch(color="0.5", alpha=0.18, linewidth=0, label="typical size")
    legend(panels, [*handles, shade], own=ax is None)
    return panels


def _effects(posterior: "Posterior", of: Of) -> tuple[Floats, list[int], float]:
    """Draws in per cent, shape (S, members), their base effects' numbers, and the population's scale in per cent."""
    if of == "level" and posterior.resolved.base_effects:
        families, places = ("base_effect", "base_scale"), range(posterior.layout.n_effects)
    elif of == "slope" and posterior.resolved.base_slopes:
        families, places = ("base_slope", "slope_scale"), posterior.layout.slopes.effect.tolist()
    else:
        raise BayesScalingError(
            f"of={of!r}: the fit has no such effects of base LLMs; use 'level' or 'slope' of a model that has them"
        )
    draws, scale = posterior.family(families[0]), float(np.median(posterior.family(families[1])))
    if of == "level":
        return 100 * np.expm1(draws), list(places), 100 * float(np.expm1(scale))
    return 100 * draws, list(places), 100 * scale


def _panel(ax: Axes, posterior: "Posterior", members: list[tuple[int, Floats]], prob: float) -> None:
    layout = posterior.layout
    bases = list(dict.fromkeys(layout.base_of_effect[h] for h, _ in members))
    methods = list(dict.fromkeys(layout.method[layout.cell_of_effect[h]] for h, _ in members))
    styles = method_styles(methods)
    for h, draws in members:
        method = layout.method[layout.cell_of_effect[h]]
        shift = (methods.index(method) - (len(methods) - 1) / 2) * 0.7 / max(len(methods), 2)
        y, (low, high), style = (
            bases.index(layout.base_of_effect[h]) + shift,
            arviz_bridge.hdi(draws, prob),
            styles[method],
        )
        ax.plot([low, high], [y, y], color=style.color, linewidth=1.2)
        ax.plot(
            draws.mean(),
            y,
            style.marker,
            color=style.color,
            markersize=3.4,
            label=f"_{method} {layout.base_of_effect[h]}",
        )
    ax.set_yticks(range(len(bases)), bases, fontsize=SMALL)
    ax.set_ylim(len(bases) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
