"""Shares of draws with their Monte Carlo error."""

import numpy as np

from bayes_scaling import arviz_bridge
from bayes_scaling.models.layout import Floats


def errors_of_shares(happens: np.ndarray, chains: int) -> Floats:
    """Monte Carlo error of shares of draws, shape (S, n); never zero, since none of S draws is not yet never."""
    draws = happens.shape[0]
    smoothed = (happens.sum(axis=0) + 0.5) / (draws + 1)
    by_chain = happens.reshape(chains, -1, happens.shape[1]).astype(np.float64)
    effective = np.minimum(arviz_bridge.ess_of_means(by_chain), draws)
    return np.asarray(np.sqrt(smoothed * (1 - smoothed) / effective))
