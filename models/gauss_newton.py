r"""A quick approximate posterior of one (task, method): Gaussian given E's share and the scales, which are summed over.

For planning, where thousands of posteriors are needed and none is read alone. In the coordinates of
:mod:`bayes_scaling.models.coordinates` (log loss at the centre, local slopes :math:`\alpha w` and :math:`\beta w`, with
w the reducible fraction at the centre) the multiplicative law is nearly linear once E's share is held. So for each
share on a grid Gauss-Newton finds the mode; base effects, slope effects, drift and noise are one covariance, whose four
scales have a grid too; and each grid point weighs as much as its evidence and prior. Student-t effects count as
normals of the same Fisher information. The priors on alpha and beta are normal in that step; draws are then resampled
to the true ones.
"""

from itertools import product
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr, logit, ndtri_exp

from bayes_scaling.models.joint import EFFECT_DF, JointModel
from bayes_scaling.models.layout import Floats, Ints, Problem
from bayes_scaling.models.pooling import is_positive
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.priors import Site
from bayes_scaling.models.rough import rough_estimates

LOGITS = np.linspace(-6.0, 7.0, 40)  # of E's share of the loss at the centre, where its mass is looked for
SHARES = 15  # points over that mass
NARROWINGS, ENOUGH = 5, 9  # times that its place is told more closely, until so many points have mass
FALL = 12.0  # of the log weight at good scales, beyond which a share has no mass; wide, as other scales allow more
GIVE_OR_TAKE = np.array([0.6, 0.8, 1.0, 1.25, 1.6])  # of the scale of noise, about an estimate
AT_MOST = np.array([0.1, 0.2, 0.4, 0.7, 1.0])  # where the runs hardly tell noise from what base LLMs do
FEWEST_SPARE = 3  # degrees of freedom that make an estimate
QUANTILES = (0.03, 0.15, 0.35, 0.6, 0.8, 0.95)  # of the prior of the base effects' scale
FEWER = {"slope_scale": (0.1, 0.45, 0.85), "drift_scale": (0.15, 0.6)}
STEPS = 4  # of Gauss-Newton
T_VARIANCE = (EFFECT_DF + 3) / (EFFECT_DF + 1)  # variance of the normal with a Student-t's Fisher information
LAW_FAMILIES = ("E", "reducible", "alpha", "beta", "sigma")
WIDER, LEAST = 1.2, 1e-6  # a prior's normal is wider than its middle, and never of no width


class _Scales(NamedTuple):
    """Points of the grid of scales, shape (G,) each, and their log prior mass."""

    sigma: Floats
    base: Floats
    slope: Floats
    drift: Floats
    log_prior: Floats


class _Settings(NamedTuple):
    """Runs of one setting as their mean: s settings.

    Attributes
    ----------
    sizes : float array, shape (s, k - 1)
        Centred logs of the factors and of D_f.
    effect : int array, shape (s,)
    drift : float array, shape (s, U)
    log_loss : float array, shape (s,)
        Mean over the runs of a setting.
    runs : float array, shape (s,)
        How many there are.
    squares, spare : float
        Sum of squares of log loss within settings, and its degrees of freedom.
    """

    sizes: Floats
    effect: Ints
    drift: Floats
    log_loss: Floats
    runs: Floats
    squares: float
    spare: int


class _Component(NamedTuple):
    """Gaussians of (log loss at the centre, slopes) at one share of E: shapes (G,), (G, k), (G, k, k)."""

    log_weight: Floats
    mean: Floats
    covariance: Floats


def suits(model: JointModel, problem: Problem) -> bool:
    """Whether it can be approximated: the multiplicative law of one cell with one amplitude, nothing of it held."""
    layout = problem.layout
    return (
        model.law.name == "multiplicative"
        and layout.n_cells == 1
        and layout.n_amplitudes == 1
        and not problem.log_se.any()
        and not (problem.rows.bounded or problem.rows.has_zero_shot or problem.rows.noise_of_loss)
        and not any(site.on_amplitude or (site.fixed and site.family in LAW_FAMILIES) for site in model.sites)
    )


@in_float64
def approximate(model: JointModel, problem: Problem, draws: int, seed: int) -> dict[str, Floats]:
    """Draws of the law's parameters.

    Parameters
    ----------
    model : JointModel
    problem : Problem
        That :func:`suits`.
    draws : int
    seed : int

    Returns
    -------
    dict of float arrays, shape (draws, length)
        Families ``alpha``, ``beta``, ``E`` and ``reducible``.
    """
    priors, rng, settings = _Priors(model), np.random.default_rng(seed), _settings(problem)
    scales = _scales(priors, problem, settings)
    shares = _shares(priors, settings, scales)
    every = _components(priors, settings, scales, shares)
    weights = np.exp(every.log_weight - every.log_weight.max())
    picked = rng.choice(weights.size, size=4 * draws, p=weights / weights.sum())
    theta, log_kept = _draw(every.mean[picked], every.covariance[picked], priors.positive, rng)
    step = np.diff(logit(shares)).mean()
    share = expit(logit(np.repeat(shares, scales.sigma.size)[picked]) + step * rng.uniform(-0.5, 0.5, picked.size))
    families = _families(theta, share)
    log_ratio = priors.log_ratio(families) + log_kept
    ratio = np.exp(log_ratio - log_ratio.max())
    kept = rng.choice(ratio.size, size=draws, p=ratio / ratio.sum())
    return {name: values[kept] for name, values in families.items()}


def _draw(
    mean: Floats, covariance: Floats, positive: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """A draw of each Gaussian whose positive slopes are positive, and the log of the Gaussian's mass that is left.

    Slope by slope, each from its truncated conditional (GHK: Geweke 1991, Keane 1994); the mass is what draws weigh.
    """
    order = np.roll(np.arange(mean.shape[1]), -1)  # slopes first, then the level, which may have either sign
    lower = np.linalg.cholesky(covariance[:, order[:, None], order])
    z = rng.standard_normal(mean.shape)
    log_kept = np.zeros(len(mean))
    for j in np.flatnonzero(positive):
        centre = mean[:, order[j]] + np.sum(lower[:, j, :j] * z[:, :j], axis=1)
        log_mass = log_ndtr(centre / lower[:, j, j])
        z[:, j] = -ndtri_exp(np.log1p(-rng.uniform(size=len(mean))) + log_mass)
        log_kept += log_mass
    theta = np.empty_like(mean)
    theta[:, order] = mean[:, order] + np.einsum("sij,sj->si", lower, z)
    return theta, log_kept


def _settings(problem: Problem) -> _Settings:
    sizes = np.column_stack([problem.rows.log_x, problem.rows.log_d])
    keys, first, of = np.unique(
        np.column_stack([sizes, problem.effect]), axis=0, return_index=True, return_inverse=True
    )
    count = np.bincount(of.ravel()).astype(np.float64)
    log_loss = np.log(problem.loss)
    mean = np.bincount(of.ravel(), log_loss) / count
    squares = float(np.sum((log_loss - mean[of.ravel()]) ** 2))
    drift = problem.rows.drift[first]
    return _Settings(sizes[first], problem.effect[first], drift, mean, count, squares, len(sizes) - len(keys))


def _shares(priors: "_Priors", settings: _Settings, scales: _Scales) -> Floats:
    """Shares of E that have mass, at the scales that suit a middling one best."""
    best = int(np.argmax(_component(priors, settings, scales, 0.5).log_weight))
    one, logits = _at(scales, np.array([best])), LOGITS
    for _ in range(NARROWINGS):
        profile = _components(priors, settings, one, expit(logits)).log_weight
        inside = np.flatnonzero(profile > profile.max() - FALL)
        low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, logits.size - 1)
        logits = np.linspace(logits[low], logits[high], SHARES)
        if inside.size >= ENOUGH:
            break
    return np.asarray(expit(logits))


class _Priors:
    """The model's priors as densities, and normals that stand in for those of exponents."""

    def __init__(self, model: JointModel) -> None:
        self.sites = {
            family: [s for s in model.sites if s.family == family] for family in {s.family for s in model.sites}
        }
        exponents = [self.normal(family) for family in ("alpha", "beta") if family in self.sites]
        self.mean, self.sd = (np.concatenate(parts) for parts in zip(*exponents, strict=True))
        self.positive = np.concatenate(
            [self.are_positive(family) for family in ("alpha", "beta") if family in self.sites]
        )

    def normal(self, family: str) -> tuple[Floats, Floats]:
        """Mean and spread of each member, heavy tails cut."""
        where = [(i, spec) for site in self.sites[family] for i, spec in zip(site.index, site.specs, strict=True)]
        samples = np.array([spec.sample() for _, spec in sorted(where, key=lambda pair: pair[0])])
        low, middle, high = np.quantile(samples, [0.16, 0.5, 0.84], axis=1)
        return np.asarray(middle), WIDER * np.maximum((high - low) / 2, LEAST)

    def are_positive(self, family: str) -> NDArray[np.bool_]:
        """Which members have a prior on positive values."""
        where = [(i, spec) for site in self.sites[family] for i, spec in zip(site.index, site.specs, strict=True)]
        return np.array([is_positive(spec) for _, spec in sorted(where, key=lambda pair: pair[0])])

    def log_ratio(self, families: dict[str, Floats]) -> Floats:
        """Log of the true priors of exponents over their normals, shape (S,)."""
        exponents = np.concatenate([families["alpha"], families["beta"]], axis=1)
        normal = -0.5 * np.sum(((exponents - self.mean) / self.sd) ** 2, axis=1)
        true = self.log_density("alpha", families["alpha"]) + self.log_density("beta", families["beta"])
        return np.asarray(true - normal)

    def log_density(self, family: str, values: Floats) -> Floats:
        """Log prior density of a family's values, shape (S, length), summed over its members."""
        return np.asarray(
            sum((_log_density(site, values) for site in self.sites.get(family, [])), np.zeros(len(values)))
        )

    def scale_points(self, family: str, quantiles: tuple[float, ...]) -> Floats:
        """Quantiles of a scale's prior; 0 where the model has none."""
        if family not in self.sites:
            return np.zeros(1)
        return np.unique(np.quantile(self.sites[family][0].specs[0].sample(), quantiles))

    def log_mass(self, family: str, points: Floats) -> Floats:
        """Log of the prior mass about each of the log-spaced points."""
        if family not in self.sites or self.sites[family][0].fixed or points.size == 1:
            return np.zeros(points.size)
        log_points = np.log(points)
        return np.asarray(self.log_density(family, points[:, None]) + log_points + np.log(np.gradient(log_points)))


def _log_density(site: Site, values: Floats) -> Floats:
    if site.fixed:
        return np.zeros(len(values))
    prior = site.distribution()
    inside = np.asarray(prior.support(values[:, list(site.index)]))
    log_prob = np.asarray(prior.log_prob(jnp.asarray(np.where(inside, values[:, list(site.index)], 1.0))))
    return np.asarray(np.where(inside, log_prob, -np.inf).sum(axis=1))


def _scales(priors: _Priors, problem: Problem, settings: _Settings) -> _Scales:
    axes = [("sigma", _noise_points(problem)), ("base_scale", priors.scale_points("base_scale", QUANTILES))]
    axes += [(name, priors.scale_points(name, quantiles)) for name, quantiles in FEWER.items()]
    log_prior = [priors.log_mass(name, points) for name, points in axes]
    sigma, base, slope, drift = np.array(list(product(*(points for _, points in axes)))).T
    mass = np.array([sum(parts) for parts in product(*log_prior)])
    within = -settings.squares / (2 * sigma**2) - settings.spare * np.log(sigma)
    return _Scales(sigma, base, slope, drift, mass + within)


def _noise_points(problem: Problem) -> Floats:
    """Scales of noise about that of the residuals from a line in log D_f for each base, and a common bend."""
    log_d, one_hot = problem.rows.log_d, (problem.effect[:, None] == np.unique(problem.effect)).astype(np.float64)
    design = np.column_stack([one_hot, one_hot * log_d[:, None], log_d**2])
    target = np.log(problem.loss)
    spare = target.size - int(np.linalg.matrix_rank(design))
    if spare < FEWEST_SPARE:
        return np.asarray(np.exp(rough_estimates(problem, 0.0, 0.0).log_sigma[0]) * AT_MOST)
    residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return np.asarray(np.sqrt(residual @ residual / spare) * GIVE_OR_TAKE)


def _components(priors: _Priors, settings: _Settings, scales: _Scales, shares: Floats) -> _Component:
    """Gaussians at every share of E and point of the grid, with the priors of E and of the reducible loss."""
    parts = [_component(priors, settings, scales, share) for share in shares]
    every = _Component(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))
    loss, share = np.exp(every.mean[:, :1]), np.repeat(shares, scales.sigma.size)[:, None]
    log_prior = priors.log_density("E", share * loss) + priors.log_density("reducible", (1 - share) * loss)
    jacobian = 2 * every.mean[:, 0] + np.log(share * (1 - share))[:, 0]  # (E, R) from log loss and logit of the share
    return every._replace(log_weight=every.log_weight + log_prior + jacobian)


def _component(priors: _Priors, settings: _Settings, scales: _Scales, share: float) -> _Component:
    """Gaussians at one share of E, one a point of the grid of scales."""
    w = 1.0 - share
    mean, precision = np.r_[0.0, w * priors.mean], np.diag(np.r_[1e-8, (w * priors.sd) ** -2])
    theta = np.r_[settings.log_loss.mean(), mean[1:]]
    middle = _at(scales, np.array([np.argmax(scales.log_prior)]))
    for _ in range(STEPS):
        theta = _gaussians(settings, theta, share, mean, precision, middle).mean[0]
    log_evidence, means, covariances = _gaussians(settings, theta, share, mean, precision, scales)
    return _Component(log_evidence + scales.log_prior, means, covariances)


def _at(scales: _Scales, which: np.ndarray) -> _Scales:
    return _Scales(*(values[which] for values in scales))


def _law(settings: _Settings, theta: Floats, share: float) -> tuple[Floats, Floats]:
    """Log loss of the settings, shape (s,), and its derivative, shape (s, k)."""
    w = 1.0 - share
    reducible = w * np.exp(np.clip(-settings.sizes @ theta[1:] / w, -50.0, 50.0))
    part = reducible / (share + reducible)
    slopes = -part[:, None] * settings.sizes / w
    return theta[0] + np.log(share + reducible), np.column_stack([np.ones(len(part)), slopes])


def _gaussians(
    settings: _Settings, theta: Floats, share: float, prior_mean: Floats, precision: Floats, scales: _Scales
) -> _Component:
    """Log evidence, means and covariances of the parameters of the law made linear at theta."""
    fitted, jacobian = _law(settings, theta, share)
    covariance = _covariance(settings, theta, share, scales)
    data = np.column_stack([jacobian, settings.log_loss - fitted + jacobian @ theta])
    solved = np.linalg.solve(covariance, np.broadcast_to(data, (len(covariance), *data.shape)))
    products = np.einsum("si,gsj->gij", data, solved)
    total = precision + products[:, :-1, :-1]
    linear = precision @ prior_mean + products[:, :-1, -1]
    spread = np.linalg.inv(total)
    mean = np.einsum("gij,gj->gi", spread, linear)
    misfit = products[:, -1, -1] - np.sum(linear * mean, axis=1)
    log_det = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(total)[1] - np.linalg.slogdet(precision)[1]
    return _Component(-0.5 * (misfit + prior_mean @ precision @ prior_mean + log_det), mean, spread)


def _covariance(settings: _Settings, theta: Floats, share: float, scales: _Scales) -> Floats:
    """Covariance of the settings' log losses about the law at each point of the grid, shape (G, s, s)."""
    same_base = T_VARIANCE * (settings.effect[:, None] == settings.effect)
    at_centre = settings._replace(sizes=settings.sizes * np.r_[np.ones(settings.sizes.shape[1] - 1), 0.0])
    fall = _law(settings, theta, share)[0] - _law(at_centre, theta, share)[0]
    parts = (
        (scales.sigma, np.diag(1.0 / settings.runs)),
        (scales.base, same_base),
        (scales.slope, same_base * np.outer(fall, fall)),
        (scales.drift, settings.drift @ settings.drift.T),
    )
    return np.asarray(sum(scale[:, None, None] ** 2 * part for scale, part in parts))


def _families(theta: Floats, share: Floats) -> dict[str, Floats]:
    w, loss = 1.0 - share[:, None], np.exp(theta[:, :1])
    exponents = theta[:, 1:] / w
    return {"alpha": exponents[:, :-1], "beta": exponents[:, -1:], "E": share[:, None] * loss, "reducible": w * loss}
