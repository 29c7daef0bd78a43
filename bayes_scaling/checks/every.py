"""Every check of a fit, in the order in which their failures matter."""

from typing import TYPE_CHECKING

from bayes_scaling.checks import (
    calibration,
    collinearity,
    influence,
    measured,
    predictive,
    priors,
    ridge,
    sampler,
    sensitivity,
)
from bayes_scaling.checks.finding import Checks, conclude

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

FAMILIES = (
    sampler.convergence,
    calibration.leave_one_out,
    influence.influential_runs,
    predictive.replicated,
    priors.conflict,
    sensitivity.of_parameters_and_decision,
    measured.direction,
    measured.levels,
    collinearity.of_sizes,
    ridge.reducible_share,
    measured.overlap,
    measured.bases,
)


def run(posterior: "Posterior") -> Checks:
    """Every check of a fit."""
    return conclude([check for family in FAMILIES for check in family(posterior)])
