"""Did the sampler reach the posterior?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, PASSED, Check
from bayes_scaling.convergence import kept_told, problems

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior


def convergence(posterior: "Posterior") -> Iterator[Check]:
    """R-hat, effective sample sizes and what the engine says of itself, see :mod:`bayes_scaling.convergence`."""
    if posterior.settings.asked:
        advice = "fit again with the same seed and let it end"
        yield Check("interruption", INFORMATIONAL, f"the fit was interrupted: {kept_told(posterior.settings)}", advice)
    wrong = problems(posterior)
    if wrong:
        advice = "sample longer, or give the least identified parameter a tighter prior"
        yield Check("convergence", FAILED, "; ".join(wrong), advice)
        return
    worst = posterior.diagnostics
    numbers = (
        f"R-hat at most {worst['r_hat']:.3f}, ESS at least {worst['ess_bulk']:.0f} (bulk) and "
        f"{worst['ess_tail']:.0f} (tail), "
    )
    if posterior.settings.engine == "nuts":
        numbers += f"{int(posterior.stats['diverging'].sum())} divergences, E-BFMI {worst['bfmi']:.2f}"
    elif posterior.settings.engine == "exact":
        stats = posterior.stats
        k, points = stats["pareto_k"][0, 0], stats["effective_points"][0, 0]
        numbers += f"by importance sampling with Pareto k {k:.2f} and {points:.0f} effective points"
    else:
        spread = np.std(posterior.stats["log_evidence"][:, 0])
        numbers += f"by sequential Monte Carlo, whose populations' log evidence differs by {spread:.2f} (sd)"
    yield Check("convergence", PASSED, numbers)
