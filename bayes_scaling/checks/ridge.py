"""E and beta lie on a ridge: how much of the loss does D_f move at all, and what then tells E?"""

from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.checks.finding import INFORMATIONAL, Check
from bayes_scaling.models.evaluate import log_mean_blocks
from bayes_scaling.models.layout import Floats

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

PROB = 0.9
LITTLE = 0.05  # share of the reducible loss that D_f must move to say something of E
PRIOR_ONLY = 0.8  # posterior sd of E over its prior sd, from which the data have hardly told it


def reducible_share(posterior: "Posterior") -> Iterator[Check]:
    """What D_f moves of the reducible loss L - E over the measured range, and how E and beta trade."""
    share = shares(posterior)
    floored = [c for c in range(posterior.layout.n_cells) if np.all(np.isfinite(share[:, c]))]
    if not floored:
        return
    told = [_sentence(posterior, c, share[:, c]) for c in floored]
    advice = "where E is hardly known, trust no prediction far beyond the data: measure a larger D_f"
    yield Check("E-beta ridge", INFORMATIONAL, "; ".join(told), advice)


def shares(posterior: "Posterior") -> Floats:
    """Fall of the law's reducible loss from the smallest to the largest D_f over its start, draws of shape (S, C).

    At the centre of the factors; NaN where a law of the user's own lies below its E, which is then no floor.
    """
    rows, layout = posterior.problem.rows, posterior.layout
    first = np.array([np.flatnonzero(rows.cell == c)[0] for c in range(layout.n_cells)])
    families = {name: posterior.family(name) for name in posterior.draws}
    log_mean = []
    for side in (0, 1):
        centre = rows.each(itemgetter(first))
        at_edge = centre._replace(log_d=layout.drift.edge[:, side], log_x=np.zeros_like(centre.log_x))
        blocks = log_mean_blocks(posterior.resolved.law, families, at_edge)
        log_mean.append(np.concatenate([values for _, values in blocks], axis=1))
    start, end = (np.exp(values) - posterior.family("E") for values in log_mean)
    return np.where(start > 0, 1 - end / np.where(start > 0, start, 1.0), np.nan)


def _sentence(posterior: "Posterior", c: int, share: Floats) -> str:
    low, middle, high = 100 * np.quantile(share, [(1 - PROB) / 2, 0.5, (1 + PROB) / 2])
    E, beta = posterior.family("E")[:, c], posterior.family("beta")[:, c]
    fixed = np.ptp(E) == 0 or np.ptp(beta) == 0
    trade = "" if fixed else f"E and beta trade (r {np.corrcoef(E, beta)[0, 1]:+.2f}), "
    return (
        f"{posterior.layout.cell_label(c)}: D_f moves the reducible loss by {middle:.0f} % [{low:.0f}, {high:.0f}], "
        f"{trade}{_known_by(posterior, c, middle / 100)}"
    )


def _known_by(posterior: "Posterior", c: int, share: float) -> str:
    site, position = next((s, s.index.index(c)) for s in posterior.resolved.sites if s.family == "E" and c in s.index)
    if site.fixed:
        return "E is held fixed"
    if posterior.family("E")[:, c].std() > PRIOR_ONLY * site.specs[position].sample().std():
        return "E is known by its prior only"
    factors = " and ".join(posterior.layout.terms_of_cell[c])
    if share < LITTLE:
        return f"E is told by {factors}, not by D_f" if factors else "E is told by its prior more than by D_f"
    return f"E is told by D_f and {factors}" if factors else "E is told by D_f"
