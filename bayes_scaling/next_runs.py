"""The next run to buy: by the expected fall in regret of the choice that it is for, per unit of cost."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.arguments import is_number, shown
from bayes_scaling.errors import BayesScalingError, DesignError
from bayes_scaling.exponents import exponent
from bayes_scaling.grid import one_task, settings_grid
from bayes_scaling.information import Measurements
from bayes_scaling.models.layout import Floats
from bayes_scaling.prediction import noise
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS
from bayes_scaling.tables import as_floats
from bayes_scaling.text import format_number
from bayes_scaling.wins import loss_draws

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

SIZES = ("finetune_size", *FACTORS)
Worth = Callable[[Sequence[int]], float]


class Aim(NamedTuple):
    """What runs are bought for.

    Attributes
    ----------
    worth : callable
        Of some of the candidates: what measuring them is worth.
    all : float
        What knowing everything would be worth.
    what : str
        Name of what falls, for people.
    """

    worth: Worth
    all: float
    what: str


def next_runs(
    posterior: "Answers",
    candidates: pd.DataFrame,
    budget: float | None,
    sizes: Mapping[str, float | None],
    *,
    task: str | None = None,
    base: str | None = None,
    contrast: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Rank runs that could be made by what they would teach, per unit of cost.

    The value of a run is the expected fall in regret when the method is chosen after it rather than now, over what the
    posterior thinks it would measure (expected value of sample information). With a budget, runs are bought one by one,
    each by what it adds to those bought before, while an affordable one adds anything; the others follow by what they
    are worth alone.

    Parameters
    ----------
    posterior : Posterior or Average
    candidates : DataFrame, n rows
        Runs that could be made, as a design of :meth:`Posterior.predict`, optionally with ``cost`` (positive, in any
        unit; by default 1 each). A ``base`` that the decision is on too shares its effect.
    budget : float, optional
        What may be spent, in the unit of the cost.
    sizes : mapping
        ``finetune_size`` and factors of the decision to their sizes; what is None is the largest among the candidates.
    task : str, optional
        Task of the decision; needed where the fit has several.
    base : str, optional
        Base LLM of the decision, see :func:`bayes_scaling.wins.table`.
    contrast : (str, str), optional
        Two factors: the value is then the expected fall in the posterior standard deviation of the difference of their
        exponents, summed over the methods of the task that have both.

    Returns
    -------
    DataFrame
        The candidates' columns and ``value`` (alone), ``cost``, ``value_per_cost``, ``rank`` (1 first) and ``buy``
        (within the budget), best first. ``attrs["text"]`` says it in words.

    Raises
    ------
    DesignError
        If the candidates do not fit the posterior, or the decision lacks a size.
    BayesScalingError
        If a cost or the budget is not positive, or the contrast is none of the fit's.
    """
    frame = _checked(candidates, budget)
    name = one_task(posterior, task)
    known = Measurements(_measured(posterior, frame.drop(columns="cost")))
    decision = {column: _decision_size(frame, column, size) for column, size in sizes.items()}
    aim = (
        _of_choice(posterior, known, decision, name, base)
        if contrast is None
        else _of_contrast(posterior, known, contrast, name)
    )
    value = np.array([aim.worth([i]) for i in range(len(frame))])
    cost = frame["cost"].to_numpy(np.float64)
    bought = [] if budget is None else _bought(aim.worth, cost, budget)
    rest = [i for i in np.argsort(-value / cost, kind="stable").tolist() if i not in bought]
    order = [*bought, *rest]
    table = candidates.reset_index(drop=True).assign(value=value, cost=cost, value_per_cost=value / cost)
    table = table.iloc[order].assign(rank=np.arange(1, len(table) + 1), buy=[i in bought for i in order])
    table = table.reset_index(drop=True)
    where = _where(name, decision if contrast is None else {})
    table.attrs["text"] = _text(table, aim, where, aim.worth(bought) if bought else 0.0)
    return table


def _checked(candidates: pd.DataFrame, budget: float | None) -> pd.DataFrame:
    if not isinstance(candidates, pd.DataFrame) or candidates.empty:
        raise DesignError(f"candidates must be a DataFrame with at least one row, got {type(candidates).__name__}")
    if budget is not None and not (is_number(budget) and budget > 0):
        raise BayesScalingError(
            f"budget={shown(budget)}: what may be spent, above 0, in the unit of the candidates' cost"
        )
    frame = candidates.reset_index(drop=True)
    cost = as_floats(frame["cost"]) if "cost" in frame else pd.Series(1.0, index=frame.index)
    bad = np.flatnonzero(~(np.isfinite(cost) & (cost > 0)))
    if bad.size:
        cell = shown(frame["cost"].tolist()[bad[0]])
        raise BayesScalingError(
            f"candidates column 'cost': {cell} in row {bad[0]} is not a positive number; give GPU hours, "
            "money, or leave the column out"
        )
    return frame.assign(cost=cost)


def _decision_size(frame: pd.DataFrame, column: str, size: float | None) -> float | None:
    if size is not None or column not in frame or frame[column].isna().all():
        return size
    return float(as_floats(frame[column]).max())


def _measured(posterior: "Answers", design: pd.DataFrame) -> Floats:
    """Draws of the log loss that each candidate would show, shape (S, n)."""
    blocks = posterior.blocks(design)
    return np.concatenate([parts.log_mean + noise(posterior, parts, block) for block, parts in blocks], axis=1)


def _of_choice(
    posterior: "Answers", known: Measurements, sizes: Mapping[str, float | None], task: str, base: str | None
) -> Aim:
    """Regret of the choice of a method."""
    settings = settings_grid(None, sizes)
    if sizes["finetune_size"] is None:
        raise DesignError("finetune_size=None: give the D_f that the method is chosen for, such as 100000")
    methods, losses, _ = loss_draws(posterior, settings, task, base)
    if len(methods) == 1:
        raise DesignError(
            f"task {task!r} has one method, {methods[0]!r}: there is nothing to choose; give contrast=('model_size', "
            "'finetune_size') to learn about exponents"
        )
    loss = losses[:, :, 0].T
    regret = float((loss - loss.min(axis=1, keepdims=True)).mean(axis=0).min())
    return Aim(partial(known.regret_fall, loss), regret, "expected regret")


def _of_contrast(posterior: "Answers", known: Measurements, contrast: tuple[str, str], task: str) -> Aim:
    """Spread of the difference of two exponents."""
    if not isinstance(contrast, tuple | list) or len(contrast) != 2 or not all(isinstance(f, str) for f in contrast):
        raise BayesScalingError(
            f"contrast={shown(contrast)}: name two factors, such as ('model_size', 'finetune_size')"
        )
    layout = posterior.layout
    cells = [c for c in range(layout.n_cells) if layout.task[c] == task]
    pairs = [[exponent(posterior, c, factor) for factor in contrast] for c in cells]
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    if not differences or contrast[0] == contrast[1]:
        has = ", ".join(dict.fromkeys(("finetune_size", *layout.factor_of_term)))
        raise BayesScalingError(
            f"contrast={contrast!r}: no method of {task!r} has both exponents; the fit has those of {has}"
        )
    drawn = np.stack(differences, axis=1)
    return Aim(
        partial(known.spread_fall, drawn), float(drawn.std(axis=0).sum()), f"sd of {contrast[0]} minus {contrast[1]}"
    )


def _bought(worth: Worth, cost: Floats, budget: float) -> list[int]:
    """Candidates in the order in which they are bought, while one adds anything."""
    bought: list[int] = []
    before, left = 0.0, budget
    while True:
        affordable = [i for i in range(len(cost)) if i not in bought and cost[i] <= left]
        if not affordable:
            return bought
        after = {i: worth([*bought, i]) for i in affordable}
        best = max(affordable, key=lambda i: (after[i] - before) / cost[i])
        if after[best] <= before:
            return bought
        bought.append(best)
        before, left = after[best], left - cost[best]


def _where(task: str, sizes: Mapping[str, float | None]) -> str:
    given = [f"{'D_f' if n == 'finetune_size' else n} {format_quantity(s)}" for n, s in sizes.items() if s is not None]
    return ", ".join([task, *given])


def _text(table: pd.DataFrame, aim: Aim, where: str, together: float) -> str:
    now = f"{where}: the {aim.what} is {format_number(aim.all)} now."
    best = table.iloc[0]
    if not table["value"].max() > 0:
        return f"{now} None of the {len(table)} candidates is expected to change that."
    run = ", ".join([str(best["method"]), *(f"{_short(n)} {format_quantity(best[n])}" for n in SIZES if _has(best, n))])
    one = (
        f"{now} The run to make next is {run}: it is expected to take {format_number(best['value'])} off, "
        f"{100 * best['value'] / aim.all:.0f} % of what knowing everything would be."
    )
    if not table["buy"].any():
        return one
    return (
        f"{one} The {int(table['buy'].sum())} runs that the budget buys are together expected to take off "
        f"{format_number(together)} ({100 * together / aim.all:.0f} %)."
    )


def _short(name: str) -> str:
    return "D_f" if name == "finetune_size" else name


def _has(row: "pd.Series[float]", name: str) -> bool:
    return name in row and not pd.isna(row[name])
