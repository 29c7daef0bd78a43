"""Prior against posterior: what the runs have taught of every parameter."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models.layout import Floats
from bayes_scaling.models.pooling import PooledSite, all_elements
from bayes_scaling.plots.arguments import check_posterior, names_of
from bayes_scaling.plots.style import GREY, PALETTE, SMALL, legend, new_axes, swatch

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

BINS = 50
SHOWN = (0.01, 0.99)  # quantiles of the prior that a panel reaches, and of the posterior where it goes beyond
PANEL = (2.1, 1.5)


class Pair(NamedTuple):
    """A parameter's name, and draws of its prior and its posterior."""

    name: str
    prior: Floats
    posterior: Floats


def plot_priors(
    posterior: "Posterior", parameters: Sequence[str] = ("alpha", "beta", "E"), ax: Axes | Iterable[Axes] | None = None
) -> list[Axes]:
    """Prior (grey outline) and posterior (filled) of every parameter of some families.

    Parameters
    ----------
    posterior : Posterior
    parameters : sequence of str
        Families, such as alpha, beta, E, sigma, nu, base_scale, drift_scale.
    ax : Axes or sequence of Axes, optional
        One for each parameter.

    Returns
    -------
    list of Axes
        One panel a parameter. A parameter whose prior is its population, or the paper's A, has none.

    Raises
    ------
    BayesScalingError
        If no parameter of these families has a prior of its own.
    """
    check_posterior(posterior)
    wanted = names_of("parameters", parameters)
    pairs = [pair for name in wanted for pair in _of_family(posterior, name)]
    if not pairs:
        families = ", ".join(dict.fromkeys(site.family for site in posterior.resolved.sites))
        raise BayesScalingError(
            f"parameters={wanted!r}: none has a prior of its own; the fit's families are {families}"
        )
    panels = new_axes(ax, len(pairs), panel=PANEL)
    for one, pair in zip(panels, pairs, strict=True):
        _panel(one, pair)
    handles = [swatch("prior", color=GREY, width=1.1), swatch("posterior", color=PALETTE[0], width=5)]
    legend(panels, handles, own=ax is None)
    return panels


def _of_family(posterior: "Posterior", family: str) -> list[Pair]:
    model, found = posterior.resolved, []
    names = all_elements(model.law, posterior.layout, model.parts, model.pool)
    for site in model.sites:
        if site.family != family or site.fixed or site.on_amplitude or isinstance(site, PooledSite):
            continue
        for i, spec in zip(site.index, site.specs, strict=True):
            found.append(Pair(names[family][i].name, spec.sample(), posterior.family(family)[:, i]))
    return found


def _panel(ax: Axes, pair: Pair) -> None:
    (low, high), (least, most) = np.quantile(pair.prior, SHOWN), np.quantile(pair.posterior, SHOWN)
    edges = np.linspace(min(low, least), max(high, most), BINS + 1)
    ax.hist(pair.posterior, edges.tolist(), density=True, color=PALETTE[0], alpha=0.6)
    ax.hist(pair.prior, edges.tolist(), density=True, histtype="step", color=GREY, linewidth=1.1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_title(_in_lines(pair.name), fontsize=SMALL)


def _in_lines(name: str) -> str:
    """``alpha[model_size, WMT19 En-Zh, full]`` with its labels in a second line."""
    head, bracket, rest = name.partition("[")
    return f"{head}\n{rest.removesuffix(']')}" if bracket else name
