"""Every call to ArviZ that differs between 0.23 (Python 3.11) and 1.x (3.12 and later), in one place."""

import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ 0.23 announces 1.0 at every import
    import arviz as az

IS_LEGACY = az.__version__.startswith("0.")
HIGH_K = 0.7  # Vehtari et al. 2024 (arXiv 1507.02646): above it, smoothing does not save the importance weights


def to_idata(groups: Mapping[str, xr.Dataset]) -> Any:
    """An ``InferenceData`` (ArviZ 0.23) or a ``DataTree`` (1.x) with the given groups."""
    if IS_LEGACY:
        return az.InferenceData(**groups, warn_on_custom_groups=False)
    return xr.DataTree.from_dict(dict(groups))


def hdi(draws: ArrayLike, prob: float) -> tuple[float, float]:
    """Highest-density interval of all draws together."""
    flat = np.asarray(draws, dtype=np.float64).ravel()
    low, high = az.hdi(flat, hdi_prob=prob) if IS_LEGACY else az.hdi(flat, prob=prob)
    return float(low), float(high)


def ess(draws: NDArray[np.float64], method: str = "bulk") -> float:
    """Effective sample size of draws with shape (chains, draws); ``method`` is "bulk" or "tail"."""
    return float(az.ess(draws, method=method, prob=0.05) if method == "tail" else az.ess(draws, method=method))


def ess_of_means(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """``ess(..., "mean")`` of many quantities at once, draws of shape (chains, draws, n).

    Split chains, autocovariance by fast Fourier transform, Geyer's initial monotone sequence (Vehtari et al. 2021, eqs.
    10 to 13). A quantity that never varies counts its draws.
    """
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    means = split.mean(axis=1)
    spectrum = np.fft.rfft(split - means[:, None], n=2 * half, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :half].mean(axis=0) / half
    within = covariance[0] * half / (half - 1)
    total = covariance[0] + means.var(axis=0, ddof=1)
    safe = np.where(total > 0, total, 1.0)
    rho = 1.0 - (within - covariance) / safe
    rho[0] = 1.0
    pairs = rho[: half - half % 2].reshape(-1, 2, rho.shape[1]).sum(axis=1)
    positive = np.logical_and.accumulate(pairs > 0, axis=0)
    time = -1.0 + 2.0 * np.sum(np.where(positive, np.minimum.accumulate(pairs, axis=0), 0.0), axis=0)
    count = split.shape[0] * half
    return np.where(total > 0, count / np.maximum(time, 1 / np.log10(count)), float(count))


def r_hat(draws: NDArray[np.float64]) -> float:
    """Rank-normalised R-hat (Vehtari et al. 2021) of draws with shape (chains, draws)."""
    return float(az.rhat(draws))


def bfmi(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """E-BFMI of each chain, from energies with shape (chains, draws)."""
    return np.asarray(az.bfmi(energy), dtype=np.float64)


def psis_loo(log_likelihood: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pointwise elpd and Pareto k, shape (n,), from log likelihoods with shape (chains, draws, n)."""
    chains, draws, n = log_likelihood.shape
    of_draws = {"chain": np.arange(chains), "draw": np.arange(draws)}
    group = xr.Dataset({"loss": (("chain", "draw", "run"), log_likelihood)}, {**of_draws, "run": np.arange(n)})
    some = xr.Dataset({"unused": (("chain", "draw"), np.zeros((chains, draws)))}, of_draws)  # ArviZ wants a posterior
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = az.loo(to_idata({"posterior": some, "log_likelihood": group}), pointwise=True, reff=1.0)
    pointwise = found.loo_i if IS_LEGACY else found.elpd_i
    return np.asarray(pointwise, np.float64).ravel(), np.asarray(found.pareto_k, np.float64).ravel()


def psis(log_weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Normalised weights, Pareto-smoothed, and their Pareto k, from log weights with shape (S,)."""
    with np.errstate(over="ignore"):  # inside its fit of the tail, whose terms that overflow count for nothing
        if IS_LEGACY:
            smoothed, k = az.psislw(log_weights)
        else:
            smoothed, k = import_module("arviz_stats.base").array_stats.psislw(-log_weights)
    weights = np.exp(np.asarray(smoothed, np.float64) - np.max(smoothed))
    return weights / weights.sum(), float(k)


def power_scaling(
    quantities: NDArray[np.float64], log_component: NDArray[np.float64], upper: float = 1.25
) -> NDArray[np.float64]:
    """How much each quantity's posterior moves when a component (prior or likelihood) counts more or less, shape (q,).

    Cumulative Jensen-Shannon distance per doubling of the component's weight, by importance weights at the powers
    ``upper`` and ``1 / upper`` (Kallioinen et al. 2023, arXiv 2107.14054, section 2.3).

    Parameters
    ----------
    quantities : float array, shape (chains, draws, q)
    log_component : float array, shape (chains, draws)
        Log prior, or log likelihood of all runs, at every draw.
    upper : float
    """
    of_draws = {"chain": np.arange(log_component.shape[0]), "draw": np.arange(log_component.shape[1])}
    values = xr.Dataset({"quantity": (("chain", "draw", "which"), quantities)}, of_draws)
    component = xr.Dataset({"component": (("chain", "draw"), log_component)}, of_draws)
    groups = to_idata({"posterior": values, "log_prior": component})  # the group's name, whatever the component
    either: Any = az  # a name of 0.23 and one of 1.x
    with np.errstate(over="ignore"):
        moved = either.psens(groups, delta=upper - 1) if IS_LEGACY else either.psense(groups, alphas=(1 / upper, upper))
    return np.asarray(moved["quantity"], np.float64)


def loo_pit(idata: Any) -> NDArray[np.float64]:
    """Leave-one-out probability integral transform of every run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if IS_LEGACY:
            return np.asarray(az.loo_pit(idata, y="loss"), dtype=np.float64)
        modern: dict[str, Any] = {"var_names": "loss"}
        return np.asarray(az.loo_pit(idata, **modern)["loss"], dtype=np.float64)
