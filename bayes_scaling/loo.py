"""Leave-one-out predictive densities of a fit's runs, by Pareto-smoothed importance sampling."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

from bayes_scaling import arviz_bridge
from bayes_scaling.models.layout import Floats
from bayes_scaling.posterior import Posterior


class LeaveOneOut(NamedTuple):
    """Of each run: log predictive density of log loss given the others, and Pareto k of the weights behind it."""

    elpd: Floats
    k: Floats


def leave_one_out(posterior: Posterior) -> LeaveOneOut:
    """PSIS-LOO (Vehtari, Gelman and Gabry 2017), shapes (n,)."""
    return LeaveOneOut(*arviz_bridge.psis_loo(log_likelihood(posterior)))


def log_likelihood(posterior: Posterior) -> Floats:
    """Log density of every run's log loss under every draw, shape (chains, draws, n)."""
    problem, log_loss = posterior.problem, np.log(posterior.problem.loss)
    parts = [
        student_t.logpdf(log_loss[b], p.nu, p.log_mean, np.hypot(p.sigma, problem.log_se[b]))
        for b, p in posterior.blocks(posterior.runs)
    ]
    values = np.concatenate(parts, axis=1)
    return np.asarray(values.reshape(posterior.settings.chains, -1, log_loss.size))
