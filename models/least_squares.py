"""Least squares, the rival that every band is measured against.

The sum (not the mean: Besiroglu et al. 2024, arXiv 2404.10102) of Huber losses of log loss, as in Hoffmann et al.
(2022). Starts come from variable projection (Golub and Pereyra 1973): for each of a grid of exponents, E and the
amplitudes by non-negative least squares. Levenberg-Marquardt steps with the law's own derivative, all starts and all
bootstrap copies at once.
"""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import nnls

from bayes_scaling.models.ceiling import log_level, saturate
from bayes_scaling.models.joint import law_parameters
from bayes_scaling.models.laws import OWN, Law
from bayes_scaling.models.layout import Floats, Layout, Problem, RowArrays
from bayes_scaling.models.precision import in_float64

DELTA = 1e-3  # Huber's, on log loss
ITERATIONS = 200
ROWS = 16  # rows are padded to a multiple of this
ALPHAS, BETAS, PRELEARNED = (0.05, 0.3, 0.8), (0.02, 0.07, 0.2, 0.5, 1.0), (0.1, 1.0, 10.0)
LINEAR = ("E", "reducible", "data_term")  # the law is linear in these
NOTHING, LEAST = 1e-300, 1e-4  # the latter: of the median loss, where a start would be on the edge
Families = dict[str, Floats]


@in_float64
def least_squares(law: Law, problem: Problem) -> Families:
    """Parameters with the least sum of Huber losses, by family."""
    starts = [_pack(start) for start in _starts(law, problem)]
    names = _names(law, problem.layout)
    target = np.tile(np.log(problem.loss), (len(starts), 1))
    found, misfit = _minimise(law, names, problem.rows, np.array(starts), target)
    return _unpack(found[int(np.nanargmin(misfit))], names)


@in_float64
def bootstrap(law: Law, problem: Problem, best: Families, copies: int, seed: int) -> tuple[Families, Floats]:
    """Refits to residual-bootstrap copies of the runs, shape (copies, length), and the residuals they resample.

    Residuals are inflated for the parameters that were fitted to them (Davison and Hinkley 1997, sec. 6.2).
    """
    names = _names(law, problem.layout)
    fitted = log_mean(law, {name: value[None] for name, value in best.items()}, problem.rows)[0]
    count = sum(n for _, n in names)
    residual = np.log(problem.loss) - fitted
    residual = (residual - residual.mean()) * np.sqrt(residual.size / max(residual.size - count, 1))
    rng = np.random.default_rng(seed)
    target = fitted + rng.choice(residual, (copies, residual.size))
    found, _ = _minimise(law, names, problem.rows, np.tile(_pack(best), (copies, 1)), target)
    return {name: np.array([_unpack(one, names)[name] for one in found]) for name, _ in names}, residual


@in_float64
def log_mean(law: Law, families: Families, rows: RowArrays) -> Floats:
    """Log of the law's loss, below its ceiling, under each set of parameters, shape (S, n)."""
    parameters = law_parameters({k: jnp.asarray(v) for k, v in families.items()}, draws=len(families["E"]))
    of_rows = rows.each(jnp.asarray)
    return np.asarray(jax.vmap(lambda p: saturate(law.log_mean(p, of_rows), of_rows))(parameters))


def _names(law: Law, layout: Layout) -> tuple[tuple[str, int], ...]:
    """Families of the law's own parameters and their lengths, in the order of the packed vector."""
    optional = ["data_term"] * law.has_data_term + ["prelearned"] * law.has_prelearned
    families = ["E", "beta", "alpha", "reducible", *optional, *(OWN + name for name, _ in law.own)]
    return tuple((f, layout.family_size(f)) for f in families if layout.family_size(f))


def _positive(family: str) -> bool:
    return family in (*LINEAR, "prelearned")


def _pack(families: Families) -> Floats:
    return np.concatenate([np.log(v) if _positive(f) else v for f, v in families.items()])


def _unpack(packed: Floats, names: tuple[tuple[str, int], ...]) -> Families:
    ends = np.cumsum([n for _, n in names])
    parts = {f: packed[..., end - n : end] for (f, n), end in zip(names, ends, strict=True)}
    return {f: np.exp(v) if _positive(f) else v for f, v in parts.items()}


def _starts(law: Law, problem: Problem) -> list[Families]:
    layout = problem.layout
    names = dict(_names(law, layout))
    level = np.exp(log_level(problem))
    least = LEAST * np.median(level)
    starts = []
    for alpha, beta, prelearned in product(
        ALPHAS if "alpha" in names else (0.0,), BETAS, PRELEARNED if law.has_prelearned else (0.0,)
    ):
        fixed = {"beta": beta, "alpha": alpha, "prelearned": prelearned}
        start = {f: np.full(n, fixed.get(f, NOTHING)) for f, n in names.items()}
        start |= {OWN + name: np.full(layout.n_cells, np.median(spec.sample())) for name, spec in law.own}
        unknown = [(f, i) for f, n in names.items() if f in LINEAR for i in range(n)]
        columns = _unit_columns(law, problem, start, unknown)
        weight = 1.0 / level
        solution, _ = nnls(columns.T * weight[:, None], np.ones(weight.size))
        for (family, i), value in zip(unknown, solution, strict=True):
            start[family][i] = max(value, least)
        starts.append(start)
    return starts


def _unit_columns(law: Law, problem: Problem, start: Families, unknown: list[tuple[str, int]]) -> Floats:
    """The law, without a ceiling, with one linear parameter at 1 and the others gone, shape (unknowns, n)."""
    stacked = {f: np.tile(v, (len(unknown), 1)) for f, v in start.items()}
    for row, (family, i) in enumerate(unknown):
        stacked[family][row, i] = 1.0
    return np.asarray(np.exp(log_mean(law, stacked, problem.rows._replace(log_ceiling=np.zeros((0, 0))))))


def _minimise(
    law: Law, names: tuple[tuple[str, int], ...], rows: RowArrays, starts: Floats, target: Floats
) -> tuple[Floats, Floats]:
    n = target.shape[1]
    extra = -n % ROWS
    padded = rows._replace(drift=np.zeros((n, 0))).each(
        lambda f: jnp.asarray(np.pad(f, [(0, extra)] + [(0, 0)] * (f.ndim - 1), mode="edge"))
    )
    weight = jnp.asarray(np.arange(n + extra) < n, dtype=jnp.float64)
    wanted = jnp.asarray(np.pad(target, [(0, 0), (0, extra)], mode="edge"))
    found, misfit = _levenberg_marquardt(law, names, padded, weight, jnp.asarray(starts), wanted)
    return np.asarray(found), np.asarray(misfit)


@partial(jax.jit, static_argnames=("law", "names"))
def _levenberg_marquardt(
    law: Law, names: tuple[tuple[str, int], ...], rows: RowArrays, weight: Array, starts: Array, target: Array
) -> tuple[Array, Array]:
    """Every start to its own target: packed parameters and their sums of Huber losses."""

    def residual(packed: Array, wanted: Array) -> Array:
        ends = np.cumsum([n for _, n in names])
        parts = {f: packed[end - n : end] for (f, n), end in zip(names, ends, strict=True)}
        families = {f: jnp.exp(v) if _positive(f) else v for f, v in parts.items()}
        return weight * (saturate(law.log_mean(law_parameters(families), rows), rows) - wanted)

    def huber(r: Array) -> Array:
        size = jnp.abs(r)
        return jnp.sum(jnp.where(size < DELTA, r**2 / 2, DELTA * (size - DELTA / 2)))

    def one(start: Array, wanted: Array) -> tuple[Array, Array]:
        def step(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            packed, misfit, damping = state
            r = residual(packed, wanted)
            slope = jax.jacfwd(residual)(packed, wanted)
            influence = jnp.minimum(1.0, DELTA / jnp.maximum(jnp.abs(r), 1e-30))
            normal = slope.T @ (influence[:, None] * slope)
            ridge = damping * (jnp.diag(jnp.diag(normal)) + 1e-9 * jnp.eye(packed.size))
            moved = packed - jnp.linalg.solve(normal + ridge, slope.T @ (influence * r))
            reached = huber(residual(moved, wanted))
            better = reached < misfit
            return (
                jnp.where(better, moved, packed),
                jnp.where(better, reached, misfit),
                jnp.clip(jnp.where(better, damping / 3.0, damping * 4.0), 1e-9, 1e9),
            )

        first = huber(residual(start, wanted))
        packed, misfit, _ = jax.lax.fori_loop(0, ITERATIONS, step, (start, first, jnp.full((), 1e-2)))
        return packed, misfit

    return jax.vmap(one)(starts, target)
