"""Runs simulated from a known truth, for tests and for planning."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
import pandas as pd

from bayes_scaling.arguments import check_seed, is_number, is_whole, shown
from bayes_scaling.encoding.design import check_sizes
from bayes_scaling.encoding.rows import log_examples, records
from bayes_scaling.encoding.suitability import Ceiling, check_ceiling
from bayes_scaling.errors import DesignError, ModelError
from bayes_scaling.models.joint import EFFECT_DF
from bayes_scaling.models.laws import LAWS, Law, LawParameters
from bayes_scaling.models.layout import Floats, RowArrays
from bayes_scaling.models.precision import in_float64
from bayes_scaling.runs import FACTORS, validate_runs
from bayes_scaling.runs.bases import name_bases
from bayes_scaling.tables import check_names

MOST_REPEATS = 1_000_000


@dataclass(frozen=True)
class CellTruth:
    """True parameters of one method.

    Attributes
    ----------
    alpha : mapping
        Factor to exponent. A factor that is not listed has no effect.
    beta, E, sigma : float
        Exponent of D_f, irreducible loss, noise of log loss.
    A : float or mapping
        Amplitude at X = 1 and D_f = 1; one for each factor for the additive law.
    B : float
        The additive law's data amplitude; unused by the others.
    D_l : float
        The rectified law's data size before finetuning, in units of ``D_f ** beta``; unused by the others.
    """

    alpha: Mapping[str, float]
    beta: float
    E: float
    A: float | Mapping[str, float]
    sigma: float = 0.005
    B: float = 0.0
    D_l: float = 0.0


@dataclass(frozen=True)
class Truth:
    """What runs are simulated from.

    Attributes
    ----------
    cells : mapping
        Method, or (task, method), to its :class:`CellTruth`.
    law : str
    base_scale, base_share : float
        Scale of the base effects on log loss, and the share of their variance that methods have in common.
    slope_scale, slope_share : float
        The same of the base LLMs' slope effects: how far each falls with D_f faster or slower than the law, as a share.
    nu : float
        Degrees of freedom of the noise; infinite for a normal.
    ceiling : float or mapping of task to float, optional
        Loss that no expected loss exceeds, see :class:`bayes_scaling.JointLaw`.
    """

    cells: Mapping[str | tuple[str, str], CellTruth]
    law: str = "multiplicative"
    base_scale: float = 0.0
    base_share: float = 0.5
    slope_scale: float = 0.0
    slope_share: float = 0.5
    nu: float = field(default=np.inf)
    ceiling: Ceiling = None


def simulate_runs(design: pd.DataFrame, truth: Truth, seed: int = 0, repeats: int = 1) -> pd.DataFrame:
    """A runs table drawn from a known truth.

    Parameters
    ----------
    design : DataFrame
        Rows with ``method``, ``finetune_size`` (0 for a zero-shot run where the law reads it), the factors, and
        optionally ``task`` and ``base``.
    truth : Truth
    seed : int
        Same seed, same runs.
    repeats : int
        Runs of every design row, told apart by a ``seed`` column where there are several.

    Returns
    -------
    DataFrame
        The design as a canonical runs table with ``loss``, and ``expected_loss`` (base effect included).

    Raises
    ------
    ModelError, DesignError
        If the law is unknown, or a row's method has no truth.

    Examples
    --------
    >>> import pandas as pd, bayes_scaling as bs
    >>> cell = bs.CellTruth(alpha={"model_size": 0.3}, beta=0.1, E=1.0, A=1000.0)
    >>> design = pd.DataFrame({"method": "full", "model_size": [1e9, 2e9], "finetune_size": 1e5})
    >>> bs.simulate_runs(design, bs.Truth({"full": cell})).loss.round(2).tolist()
    [1.61, 1.51]
    """
    if not isinstance(truth, Truth):
        raise ModelError(f"truth={shown(truth)}: give a bs.Truth, such as bs.Truth({{'full': bs.CellTruth(...)}})")
    if not isinstance(truth.law, str) or truth.law not in LAWS:
        raise ModelError(f"law={shown(truth.law)}: no such law; the laws are {', '.join(map(repr, LAWS))}")
    _check(design, truth, repeats)
    check_seed(seed)
    frame = design.reset_index(drop=True)
    frame = frame if "task" in frame else frame.assign(task="simulated")
    frame = name_bases(frame)
    if repeats > 1:
        frame = pd.concat([frame.assign(seed=i) for i in range(repeats)], ignore_index=True)
    cells = [_cell(truth, row) for row in records(frame)]
    rng = np.random.default_rng(seed)
    log_mean = _log_mean(truth.law, frame, cells)
    effects = _effects(frame, truth.base_scale, truth.base_share, rng)
    noise = rng.normal(size=len(frame)) if np.isinf(truth.nu) else rng.standard_t(truth.nu, size=len(frame))
    if truth.slope_scale:
        fall = log_mean - _log_mean(truth.law, _at_centre(frame), cells)
        effects = effects + _effects(frame, truth.slope_scale, truth.slope_share, rng) * fall
    unbounded = np.exp(log_mean + effects)
    expected = unbounded / (1.0 + unbounded / _ceilings(truth, frame))
    loss = expected * np.exp(np.array([cell.sigma for cell in cells]) * noise)
    return validate_runs(frame.assign(loss=loss, expected_loss=expected))


def _check(design: pd.DataFrame, truth: Truth, repeats: int) -> None:
    if not isinstance(design, pd.DataFrame) or design.empty:
        raise DesignError(f"design must be a DataFrame with at least one row, got {type(design).__name__}")
    for column in ("method", "finetune_size"):
        if column not in design:
            raise DesignError(f"design has no column {column!r}; it has {', '.join(map(str, design.columns))}. Add it")
    check_names(design, ("method", "task", "base"))
    check_sizes(design["finetune_size"], required=True, law=LAWS[truth.law])
    for column in (f for f in FACTORS if f in design):
        check_sizes(design[column], required=False)
    check_ceiling(truth.ceiling)
    if not is_whole(repeats, 1, MOST_REPEATS):
        raise ModelError(f"repeats={shown(repeats)}: must be a whole number of at least 1")
    rules = {
        "base_scale": (truth.base_scale, 0.0, np.inf, "at least 0"),
        "base_share": (truth.base_share, 0.0, 1.0, "between 0 and 1"),
        "slope_scale": (truth.slope_scale, 0.0, np.inf, "at least 0"),
        "slope_share": (truth.slope_share, 0.0, 1.0, "between 0 and 1"),
        "nu": (truth.nu, np.nextafter(0.0, 1.0), np.inf, "positive"),
    }
    for name, (value, low, high, rule) in rules.items():
        infinite = name == "nu" and isinstance(value, float) and value == np.inf
        if not infinite and not (is_number(value) and low <= value <= high):
            raise ModelError(f"{name}={shown(value)}: must be {rule}")
    if not isinstance(truth.cells, Mapping) or not all(isinstance(c, CellTruth) for c in truth.cells.values()):
        raise ModelError(f"cells={shown(truth.cells)}: give a mapping of method to bs.CellTruth")
    for method, cell in truth.cells.items():
        _check_cell(design, method, cell, LAWS[truth.law])


def _check_cell(design: pd.DataFrame, method: object, cell: CellTruth, law: Law) -> None:
    per_factor = law.amplitude_per_factor
    _check_numbers(method, cell)
    if law.of_data_only and cell.alpha:
        raise ModelError(
            f"alpha={cell.alpha!r} of {method!r}: law={law.name!r} is a law of D_f alone; leave alpha empty"
        )
    for factor in cell.alpha:
        if factor not in FACTORS or factor not in design:
            raise ModelError(
                f"alpha of {method!r} has {factor!r}, which is no factor of the design; its factors are "
                f"{', '.join(f for f in FACTORS if f in design) or 'none'}. Add the column, or drop the exponent"
            )
    has = set(cell.A) if isinstance(cell.A, Mapping) else None
    if (has is not None and not per_factor) or (per_factor and has is not None and not set(cell.alpha) <= has):
        rule = "one number for each factor of alpha" if per_factor else "one number"
        raise ModelError(f"A={shown(cell.A)} of {method!r}: this law needs {rule}")


def _check_numbers(method: object, cell: CellTruth) -> None:
    """Raise a ModelError where a parameter of a cell is no number."""
    if not isinstance(cell.alpha, Mapping):
        raise ModelError(f"alpha={shown(cell.alpha)} of {method!r}: give a mapping of factor to exponent")
    amplitudes = cell.A if isinstance(cell.A, Mapping) else {"A": cell.A}
    signed = {**{f"alpha[{factor}]": value for factor, value in cell.alpha.items()}, "beta": cell.beta}
    for name, value in signed.items():
        if not is_number(value):
            raise ModelError(f"{name}={shown(value)} of {method!r}: must be a number")
    positive = {**{str(name): value for name, value in amplitudes.items()}, "E": cell.E, "sigma": cell.sigma}
    for name, value in {**positive, "B": cell.B, "D_l": cell.D_l}.items():
        if not is_number(value) or value < 0:
            raise ModelError(f"{name}={shown(value)} of {method!r}: must be a number of at least 0")


def _cell(truth: Truth, row: Mapping[str, object]) -> CellTruth:
    task, method = str(row["task"]), str(row["method"])
    found = truth.cells.get((task, method)) or truth.cells.get(method)
    if found is None:
        raise DesignError(f"method={shown(method)} has no truth; truth.cells has {', '.join(map(repr, truth.cells))}")
    return found


@in_float64
def _log_mean(law: str, frame: pd.DataFrame, cells: list[CellTruth]) -> Floats:
    """The law at every row, each row a cell of its own, at the reference point X = 1, D_f = 1."""
    n, f = len(frame), len(FACTORS)
    examples = frame["finetune_size"].to_numpy(np.float64)
    sizes = np.stack([_sizes(frame, factor) for factor in FACTORS], axis=1)
    index = np.arange(n * f).reshape(n, f)
    active = np.array([[factor in cell.alpha for factor in FACTORS] for cell in cells]) & np.isfinite(sizes)
    per_factor = LAWS[law].amplitude_per_factor
    rows = RowArrays(
        cell=np.arange(n),
        term=index,
        active=active.astype(float),
        amplitude=index if per_factor else np.arange(n)[:, None],
        log_x=np.where(active, np.log(np.where(active, sizes, 1.0)), 0.0),
        log_d=log_examples(examples),
        zero_shot=(examples == 0).astype(float)[:, None],
    )
    shift = np.array([cell.D_l if LAWS[law].has_prelearned else 0.0 for cell in cells])
    amplitude = [[_amplitude(cell, factor) for factor in FACTORS] if per_factor else [cell.A] for cell in cells]
    parameters = LawParameters(
        E=jnp.array([cell.E for cell in cells]),
        beta=jnp.array([cell.beta for cell in cells]),
        alpha=jnp.array([[cell.alpha.get(factor, 0.0) for factor in FACTORS] for cell in cells]).ravel(),
        reducible=jnp.array(amplitude).ravel() / (1.0 + (0.0 if per_factor else shift)),
        data_term=jnp.array([cell.B for cell in cells]),
        prelearned=jnp.asarray(shift),
    )
    return np.asarray(LAWS[law].log_mean(parameters, rows))


def _ceilings(truth: Truth, frame: pd.DataFrame) -> Floats:
    if isinstance(truth.ceiling, Mapping):
        return np.array([truth.ceiling.get(task, np.inf) for task in frame["task"]])
    return np.full(len(frame), np.inf if truth.ceiling is None else truth.ceiling)


def _amplitude(cell: CellTruth, factor: str) -> float:
    if isinstance(cell.A, Mapping):
        return float(cell.A.get(factor, 1.0))
    return float(cell.A)


def _sizes(frame: pd.DataFrame, factor: str) -> Floats:
    return frame[factor].to_numpy(np.float64) if factor in frame else np.full(len(frame), np.nan)


def _at_centre(frame: pd.DataFrame) -> pd.DataFrame:
    """The design with every D_f at the geometric mean of its (task, method), zero-shot runs left out of it."""
    log_d = np.log(frame["finetune_size"].where(frame["finetune_size"] > 0))
    return frame.assign(finetune_size=np.exp(log_d.groupby([frame["task"], frame["method"]]).transform("mean")))


def _effects(frame: pd.DataFrame, scale: float, share: float, rng: np.random.Generator) -> Floats:
    """Effects of the base LLM of each row, partly shared by the methods on it."""
    common_of = frame.groupby(["task", "base"], sort=False).ngroup().to_numpy()
    own_of = frame.groupby(["task", "method", "base"], sort=False).ngroup().to_numpy()
    common = rng.standard_t(EFFECT_DF, size=common_of.max() + 1)[common_of]
    own = rng.standard_t(EFFECT_DF, size=own_of.max() + 1)[own_of]
    return np.asarray(scale * (np.sqrt(share) * common + np.sqrt(1 - share) * own))
