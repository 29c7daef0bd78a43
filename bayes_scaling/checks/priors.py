"""Do data and priors agree, and what do the data add?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, PASSED, Check
from bayes_scaling.models.pooling import PooledSite, all_elements

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

CONFLICT = 0.005  # prior tail probability of a posterior mean
HARDLY_INFORMED = 0.9  # posterior sd over prior sd


def conflict(posterior: "Posterior") -> Iterator[Check]:
    """Posterior means in their priors' tails, and exponents as wide as their priors."""
    conflicts, uninformed = [], []
    model = posterior.resolved
    names = all_elements(model.law, posterior.layout, model.parts, model.pool)
    for site in model.sites:
        if site.fixed or site.on_amplitude or isinstance(site, PooledSite):  # a member's prior is its population
            continue
        for i, spec in zip(site.index, site.specs, strict=True):
            draws, prior = posterior.family(site.family)[:, i], spec.sample()
            below = float(np.mean(prior < draws.mean()))
            name = names[site.family][i].name
            if min(below, 1 - below) < CONFLICT:
                conflicts.append(f"{name} (posterior mean {draws.mean():.3g})")
            if site.family in ("alpha", "beta") and draws.std() > HARDLY_INFORMED * prior.std():
                uninformed.append(name)
    if conflicts:
        text = f"posterior far out in the prior's tail: {', '.join(conflicts)}"
        yield Check("prior-data conflict", FAILED, text, "widen that prior or check the data")
    else:
        yield Check("prior-data conflict", PASSED, "every posterior mean lies inside its prior's 99 % range")
    if uninformed:
        text = f"hardly more is known than before: {', '.join(uninformed)}"
        yield Check("information", INFORMATIONAL, text, "report it as a prior, or measure more sizes")
