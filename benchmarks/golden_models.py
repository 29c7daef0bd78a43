r"""The models behind the golden posteriors, written out by hand in the papers' symbols.

Nothing here is the package's: its joint model, coordinates and samplers are what these posteriors test. Priors are in
numbers. The prior of an amplitude is on the reducible loss at the centre of the runs, R = A X0^-alpha D0^-beta.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pandas as pd
from jax.scipy.stats import norm

DELTA = 1e-3  # Huber's, on log loss (Hoffmann et al. 2022)
ZHANG_PRIORS: dict[str, Any] = {
    "E": dist.HalfNormal(1.2),
    "beta": dist.StudentT(4.0, 0.1, 0.1),
    "alpha": dist.Gamma(2.0, 8.0),
    "reducible": dist.LogNormal(-0.4, 1.0),
    "sigma": dist.LogNormal(-4.6, 1.5),
    "nu": dist.Gamma(2.0, 0.1),
}
BASE_PRIORS: dict[str, Any] = {"base_scale": dist.LogNormal(-3.9, 0.8), "base_share": dist.Beta(2.0, 2.0)}
CHINCHILLA_PRIORS: dict[str, Any] = {
    "E": dist.HalfNormal(2.0),
    "alpha": dist.Gamma(2.0, 5.0),
    "beta": dist.Gamma(2.0, 5.0),
    "reducible": dist.LogNormal(-0.5, 1.0),
    "data_term": dist.LogNormal(-0.5, 1.0),
    "sigma": dist.LogNormal(-4.6, 1.5),
    "nu": dist.Gamma(2.0, 0.1),
}
TAILS = 4.0  # degrees of freedom of base effects


def multiplicative(runs: pd.DataFrame, priors: Mapping[str, Any]) -> None:
    """Zhang et al. (2024), eq. 1, a law a method; base effects where ``priors`` have a ``base_scale``."""
    methods, cell = _index(runs["method"])
    n, d = runs["model_size"].to_numpy(), runs["finetune_size"].to_numpy()
    n0, d0 = _centre(n, cell), _centre(d, cell)
    with numpyro.plate("method", len(methods)):
        E, beta, alpha = (numpyro.sample(name, priors[name]) for name in ("E", "beta", "alpha"))
        reducible, sigma = (numpyro.sample(name, priors[name]) for name in ("reducible", "sigma"))
    A = numpyro.deterministic("A", reducible * n0**alpha * d0**beta)
    log_loss = jnp.log(A[cell] * n ** -alpha[cell] * d ** -beta[cell] + E[cell])
    if "base_scale" in priors:
        bases, base = _index(runs["base"])
        log_loss = log_loss + _base_effects(priors, len(methods), len(bases))[cell, base]
    nu = numpyro.sample("nu", priors["nu"])
    numpyro.sample("log_loss", dist.StudentT(nu, log_loss, sigma[cell]), obs=np.log(runs["loss"].to_numpy()))


def additive(runs: pd.DataFrame, priors: Mapping[str, Any], huber: bool = False) -> None:
    """Hoffmann et al. (2022), eq. 2, one law; Student-t noise, or Besiroglu et al.'s Huber noise with a free scale."""
    n, d = runs["model_size"].to_numpy(), runs["finetune_size"].to_numpy()
    E, beta, alpha = (numpyro.sample(name, priors[name]) for name in ("E", "beta", "alpha"))
    A = numpyro.deterministic("A", numpyro.sample("reducible", priors["reducible"]) * _middle(n) ** alpha)
    B = numpyro.deterministic("B", numpyro.sample("data_term", priors["data_term"]) * _middle(d) ** beta)
    log_loss, measured = jnp.log(A * n**-alpha + B * d**-beta + E), np.log(runs["loss"].to_numpy())
    if huber:
        numpyro.factor("log_loss", jnp.sum(_log_huber(measured - log_loss, jnp.exp(numpyro.sample("log_k", _LOG_K)))))
        return
    nu, sigma = (numpyro.sample(name, priors[name]) for name in ("nu", "sigma"))
    numpyro.sample("log_loss", dist.StudentT(nu, log_loss, sigma), obs=measured)


_LOG_K = dist.Normal(12.0, 3.0)


def _log_huber(residual: Any, k: Any) -> Any:
    """Log density proportional to exp(-k Huber(residual)): its mode is the least sum of Huber losses for any k."""
    size = jnp.abs(residual)
    loss = jnp.where(size < DELTA, residual**2 / 2, DELTA * (size - DELTA / 2))
    middle = jnp.sqrt(2 * jnp.pi / k) * (1 - 2 * norm.sf(DELTA * jnp.sqrt(k)))
    return -k * loss - jnp.log(middle + 2 / (k * DELTA) * jnp.exp(-k * DELTA**2 / 2))


def _base_effects(priors: Mapping[str, Any], methods: int, bases: int) -> Any:
    """Effects on log loss, shape (methods, bases), partly shared by the methods."""
    scale, share = (numpyro.sample(name, priors[name]) for name in ("base_scale", "base_share"))
    common = numpyro.sample("base_common", dist.StudentT(TAILS, 0.0, 1.0).expand([bases]))
    own = dist.StudentT(TAILS, scale * jnp.sqrt(share) * common, scale * jnp.sqrt(1 - share))
    return numpyro.sample("base_effect", own.expand([methods, bases]))


def _index(column: "pd.Series[str]") -> tuple[list[str], np.ndarray]:
    codes, names = pd.factorize(column)
    return names.tolist(), codes


def _centre(sizes: np.ndarray, cell: np.ndarray) -> np.ndarray:
    return np.array([_middle(sizes[cell == c]) for c in range(cell.max() + 1)])


def _middle(sizes: np.ndarray) -> float:
    return float(np.exp(np.log(sizes).mean()))
