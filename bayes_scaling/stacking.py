"""Stacking weights: the mixture of laws that predicts left-out runs best, and how sure that is."""

import numpy as np

from bayes_scaling.models.layout import Floats

STEPS = 2000  # of expectation-maximisation: monotone, and near enough by then
COPIES = 400  # of the Bayesian bootstrap


def stacking_weights(pointwise: Floats, run_weights: Floats | None = None) -> Floats:
    r"""Weights that maximise :math:`\sum_i v_i \log \sum_m w_m p_{im}`, Yao et al. (2018), eq. 4.

    Parameters
    ----------
    pointwise : float array, shape (n, M)
        Log predictive density of each left-out run under each law.
    run_weights : float array, shape (B, n), optional
        What each run counts; by default the same for all.

    Returns
    -------
    float array, shape (B, M)
        One row of weights for each row of ``run_weights``.
    """
    n, laws = pointwise.shape
    counts = np.full((1, n), 1.0 / n) if run_weights is None else run_weights
    density = np.exp(pointwise - pointwise.max(axis=1, keepdims=True))
    weights = np.full((len(counts), laws), 1.0 / laws)
    for _ in range(STEPS):
        mixture = weights @ density.T
        weights = weights * ((counts / mixture) @ density)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def bootstrapped_weights(pointwise: Floats, seed: int) -> Floats:
    """Weights under the Bayesian bootstrap (Rubin 1981) of the runs, shape (copies, M)."""
    rng = np.random.default_rng([seed, 2])
    return stacking_weights(pointwise, rng.dirichlet(np.ones(len(pointwise)), size=COPIES))
