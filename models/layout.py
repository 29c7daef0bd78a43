"""Which parameter belongs to which cell: the bookkeeping between a runs table and a law.

A *cell* is one (task, method). A *term* is one (cell, factor) and owns an exponent alpha. An *amplitude* is what
the paper calls A: one per (cell, factor) when factors are varied one at a time, one per cell when they multiply.
A *base effect* belongs to one (cell, base LLM); its *common* part to one (task, base LLM).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NO_DRIFT: Floats = np.zeros((0, 0))
NONE: Floats = np.zeros((0, 0))  # a column that these rows do not have
SCALAR_FAMILIES = (
    "nu",
    "base_scale",
    "base_share",
    "slope_scale",
    "slope_share",
    "drift_scale",
    "beta_scale",
    "sigma_scale",
    "family_scale",
)
SHARED = " * "  # between the names of factors that share one amplitude


class Drift(NamedTuple):
    r"""Knots at which the slope of log loss on log :math:`D_f` may change, see :mod:`bayes_scaling.models.drift`.

    Attributes
    ----------
    cell : int array, shape (U,)
    knot : float array, shape (U,)
        Centred log of :math:`D_f`.
    side : float array, shape (U,)
        +1 where the change is felt above the knot, -1 where below.
    step : float array, shape (U,)
        Square root of the stretch of log :math:`D_f` that the knot stands for, times its cell's steepness.
    edge : float array, shape (C, 2)
        Centred log of the smallest and largest measured :math:`D_f`.
    steepness : float array, shape (C,)
        How many times as steep as log loss the law is that a ceiling flattens; 1 without one.
    """

    cell: Ints
    knot: Floats
    side: Floats
    step: Floats
    edge: Floats
    steepness: Floats


class BaseFamilies(NamedTuple):
    """Model families of the base LLMs, where their effects are pooled.

    Attributes
    ----------
    of_common : int array, shape (G,)
        Index of each common base effect's (task, family).
    task, family : tuple of str, length F
    """

    of_common: Ints = np.zeros(0, np.int64)
    task: tuple[str, ...] = ()
    family: tuple[str, ...] = ()


NO_FAMILIES = BaseFamilies()


class BaseSlopes(NamedTuple):
    """Base LLMs whose fall with D_f can be told apart: those of cells with two or more that were run at several D_f.

    Attributes
    ----------
    effect : int array, shape (S,)
        The base effect beside each slope effect.
    common_of : int array, shape (S,)
        Index of each slope effect's common part.
    common : int array, shape (R,)
        The common base effect beside each common part.
    """

    effect: Ints = np.zeros(0, np.int64)
    common_of: Ints = np.zeros(0, np.int64)
    common: Ints = np.zeros(0, np.int64)


NO_SLOPES = BaseSlopes()


@dataclass(frozen=True)
class Layout:
    """Names and indices of C cells, K terms, J amplitudes, H base effects and G common base effects.

    Attributes
    ----------
    task, method : tuple of str, length C
        The cells' names.
    sharing : tuple of str, length C
        ``"one factor at a time"``, ``"product"`` or ``"finetuning data only"``.
    cell_of_term : int array, shape (K,)
    factor_of_term : tuple of str, length K
    cell_of_amplitude : int array, shape (J,)
    factor_of_amplitude : tuple of str, length J
        The factors an amplitude belongs to, joined by ``SHARED``; ``""`` where there are none.
    factor_sets : tuple of (cell index, tuple of str)
        The distinct sets of factors that a cell's rows are scaled by.
    fixed_sizes : tuple of dict
        For each factor set, the sizes of its other factors where they are known and constant.
    log_x0 : float array, shape (K,)
        Log of each term's reference size.
    log_d0 : float array, shape (C,)
        Log of each cell's reference D_f (examples).
    loss_median, loss_min : float array, shape (C,)
        Measured losses that scale the default priors.
    cell_of_effect, common_of_effect : int array, shape (H,)
    base_of_effect : tuple of str, length H
    task_of_common, base_of_common : tuple of str, length G
    drift : Drift
        Where the law may bend away from itself along D_f.
    log_ceiling : float array, shape (C,) or (0,)
        Log of the loss that no expected loss exceeds, infinite in a cell without one; empty where no cell has one.
    families : BaseFamilies
        Empty for a model that does not pool over them.
    slopes : BaseSlopes
        Empty where no cell has two base LLMs at several D_f.
    noise_of_loss : bool
        Whether the noise is of the loss rather than of its log, see :mod:`bayes_scaling.models.noise`.
    """

    task: tuple[str, ...]
    method: tuple[str, ...]
    sharing: tuple[str, ...]
    cell_of_term: Ints
    factor_of_term: tuple[str, ...]
    cell_of_amplitude: Ints
    factor_of_amplitude: tuple[str, ...]
    factor_sets: tuple[tuple[int, tuple[str, ...]], ...]
    fixed_sizes: tuple[dict[str, float], ...]
    log_x0: Floats
    log_d0: Floats
    loss_median: Floats
    loss_min: Floats
    cell_of_effect: Ints
    common_of_effect: Ints
    base_of_effect: tuple[str, ...]
    task_of_common: tuple[str, ...]
    base_of_common: tuple[str, ...]
    drift: Drift
    log_ceiling: Floats = field(default_factory=lambda: np.zeros(0))
    families: BaseFamilies = NO_FAMILIES
    slopes: BaseSlopes = NO_SLOPES
    noise_of_loss: bool = False

    @property
    def n_cells(self) -> int:
        """C, the number of (task, method) cells."""
        return len(self.task)

    @property
    def n_terms(self) -> int:
        """K, the number of (cell, factor) exponents."""
        return len(self.factor_of_term)

    @property
    def n_amplitudes(self) -> int:
        """J, the number of amplitudes."""
        return len(self.factor_of_amplitude)

    @property
    def n_effects(self) -> int:
        """H, the number of (cell, base) effects."""
        return len(self.base_of_effect)

    @property
    def n_commons(self) -> int:
        """G, the number of (task, base) common effects."""
        return len(self.base_of_common)

    @cached_property
    def cell_index(self) -> dict[tuple[str, str], int]:
        """Index of each (task, method)."""
        return {pair: i for i, pair in enumerate(zip(self.task, self.method, strict=True))}

    @cached_property
    def effect_index(self) -> dict[tuple[int, str], int]:
        """Index of each (cell, base)."""
        pairs = zip(self.cell_of_effect.tolist(), self.base_of_effect, strict=True)
        return {pair: i for i, pair in enumerate(pairs)}

    @cached_property
    def common_index(self) -> dict[tuple[str, str], int]:
        """Index of each (task, base)."""
        return {pair: i for i, pair in enumerate(zip(self.task_of_common, self.base_of_common, strict=True))}

    @cached_property
    def terms_of_cell(self) -> tuple[dict[str, int], ...]:
        """For each cell, its factors and their term index."""
        terms: tuple[dict[str, int], ...] = tuple({} for _ in self.task)
        for k, factor in enumerate(self.factor_of_term):
            terms[self.cell_of_term[k]][factor] = k
        return terms

    @property
    def log_median(self) -> Floats:
        """Log of each cell's median loss as measured, below its ceiling, shape (C,); NaN for a cell without runs."""
        log_median = np.log(self.loss_median)
        return -np.logaddexp(-log_median, -self.log_ceiling) if self.log_ceiling.size else log_median

    def family_size(self, family: str) -> int:
        """Length of a parameter family's vector."""
        sizes = {"alpha": self.n_terms, "reducible": self.n_amplitudes} | dict.fromkeys(SCALAR_FAMILIES, 1)
        return sizes.get(family, self.n_cells)

    def cell_label(self, c: int) -> str:
        """``task | method``, the coordinate of a cell in ArviZ objects."""
        return f"{self.task[c]} | {self.method[c]}"

    @cached_property
    def amplitude_has_term(self) -> Floats:
        """1 where amplitude j multiplies a power of term k, shape (J, K)."""
        factors = [set(names.split(SHARED)) for names in self.factor_of_amplitude]
        same_cell = self.cell_of_amplitude[:, None] == self.cell_of_term[None, :]
        has = [[f in names for f in self.factor_of_term] for names in factors]
        return np.asarray(same_cell & np.array(has, dtype=bool).reshape(same_cell.shape), dtype=np.float64)

    def amplitude_is_shared(self) -> bool:
        """True where one cell owns several amplitudes that add up in one row (additive product law)."""
        count = np.bincount(self.cell_of_amplitude, minlength=self.n_cells)
        products = np.array([share == "product" for share in self.sharing])
        return bool(np.any(products & (count > 1)))


class RowArrays(NamedTuple):
    """Rows to evaluate a law at; n rows, at most F factors a row.

    NumPy arrays where they are known before compilation (the runs of a fit), JAX arrays where they are not.

    Attributes
    ----------
    cell : int array, shape (n,)
        Index of the row's (task, method).
    term : int array, shape (n, F)
        Index of each factor's exponent.
    active : float array, shape (n, F)
        1 where the factor is part of the row's law, else 0.
    amplitude : int array, shape (n, F_a)
        Index of the row's amplitude(s): one for the multiplicative law, one per factor for the additive law.
    log_x : float array, shape (n, F)
        Centred log of each factor, 0 where it is not active.
    log_d : float array, shape (n,)
        Centred log of D_f; for a zero-shot row that of one example.
    drift : float array, shape (n, U)
        How each change of slope is felt, see :func:`bayes_scaling.models.drift.basis`.
    zero_shot : float array, shape (n, 1) or (n, 0)
        1 where D_f = 0; without a column where it never is.
    log_ceiling : float array, shape (n, 1) or (n, 0)
        Log of the ceiling of the row's loss, infinite where it has none; without a column where no row has one.
    log_median : float array, shape (n, 1) or (n, 0)
        Log of the median loss of the row's cell where noise is of the loss, without a column where it is of log loss.
    """

    cell: Ints
    term: Ints
    active: Floats
    amplitude: Ints
    log_x: Floats
    log_d: Floats
    drift: Floats = NO_DRIFT
    zero_shot: Floats = NONE
    log_ceiling: Floats = NONE
    log_median: Floats = NONE

    @property
    def noise_of_loss(self) -> bool:
        """True where the noise is as large at every loss."""
        return bool(self.log_median.shape[1])

    @property
    def bounded(self) -> bool:
        """True where some row's loss has a ceiling."""
        return bool(self.log_ceiling.shape[1])

    @property
    def has_zero_shot(self) -> bool:
        """True where some row's D_f may be zero."""
        return bool(self.zero_shot.shape[1])

    def and_more(self, *others: "RowArrays") -> "RowArrays":
        """These rows and others of the same layout, less the drift."""
        every = [rows._replace(drift=np.zeros((rows.cell.shape[0], 0))) for rows in (self, *others)]
        return RowArrays(*(_joined(fields) for fields in zip(*every, strict=True)))

    def each(self, change: Callable[[Any], Any]) -> "RowArrays":
        """The rows with every field changed alike."""
        return RowArrays(*map(change, self))


def _joined(fields: tuple[Any, ...]) -> Any:
    known = all(isinstance(field, np.ndarray) for field in fields)
    return np.concatenate(fields) if known else jnp.concatenate(fields)


class Repeats(NamedTuple):
    """Runs of settings that were run more than once, at most r times; n settings.

    Attributes
    ----------
    loss, log_se : float array, shape (n, r)
    present : float array, shape (n, r)
        1 where there is such a run, 0 where a setting has fewer.
    """

    loss: Floats
    log_se: Floats
    present: Floats


class Problem(NamedTuple):
    """Everything the joint model needs to know of a runs table.

    Attributes
    ----------
    layout : Layout
    rows : RowArrays, n rows
        One a run, or one a setting where there are ``repeats``.
    effect : int array, shape (n,)
        Index of each row's base effect.
    loss : float array, shape (n,)
        Measured loss (nats per target token, or another positive metric).
    log_se : float array, shape (n,)
        Known standard error of log loss from the finite test set, 0 where unknown.
    effect_rows : RowArrays, H rows
        The mean row of each base effect's runs, on the centred log scale.
    repeats : Repeats, optional
        The runs of each row, where rows are settings (:mod:`bayes_scaling.models.repeats`); ``loss`` is their mean.
    """

    layout: Layout
    rows: RowArrays
    effect: Ints
    loss: Floats
    log_se: Floats
    effect_rows: RowArrays
    repeats: Repeats | None = None
