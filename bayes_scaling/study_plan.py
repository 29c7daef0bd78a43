"""``plan_study``: before any run, how many sizes, D_f points and seeds tell one exponent from another.

Studies are simulated from a truth, each is analysed as :func:`bayes_scaling.fit` would, and power is the share of them
that reach the goal. The posteriors are those of :mod:`bayes_scaling.models.gauss_newton`, a fraction of a second each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd

from bayes_scaling import study_simulation as simulated
from bayes_scaling.arguments import check_prob, check_seed, is_number, is_whole, shown
from bayes_scaling.errors import BayesScalingError, DesignError
from bayes_scaling.joint_law import JointLaw, checked_model
from bayes_scaling.quantities import implausible
from bayes_scaling.runs import FACTORS
from bayes_scaling.simulate import Truth
from bayes_scaling.study_simulation import SURE, Cost, Ranges, method_of
from bayes_scaling.text import format_number

SIZES = (*FACTORS, "finetune_size")
SHORT = {"model_size": "model sizes", "pretrain_size": "pretraining sizes", "pet_size": "PET sizes"}
FEWEST_LEVELS, MOST_LEVELS = 2, 1000
MOST_STUDIES = 1_000_000


@dataclass(frozen=True, eq=False)
class StudyPlan:
    """Power of every design that was considered.

    Attributes
    ----------
    contrast : (str, str)
        The two sizes whose exponents are compared.
    goal : str
        What a study has to reach, in words.
    wanted : float
        Power that is wanted.
    table : DataFrame
        One row a design, cheapest first: how many levels of each size (``model_size`` ...), ``seeds``, ``bases`` (base
        LLMs), ``runs``, ``cost``, ``power`` with ``mcse`` (its Monte Carlo standard error), ``p_wrong`` (share of
        studies that are sure of the wrong sign), ``coverage`` (share whose HDI holds the truth), ``hdi_width``
        (expected) with ``hdi_width_mcse``, and ``enough`` (whether the power is at least what is wanted).
    text : str
    """

    contrast: tuple[str, str]
    goal: str
    wanted: float
    table: pd.DataFrame
    text: str

    def plot(self, ax: Any = None) -> Any:
        """Power against cost; see :func:`bayes_scaling.plot_study_plan`."""
        from bayes_scaling.plots import plot_study_plan

        return plot_study_plan(self, ax=ax)


def plan_study(  # noqa: PLR0913 - what is asked, and what is seldom changed, by name
    truth: Truth | Sequence[Truth],
    contrast: tuple[str, str],
    ranges: Ranges,
    levels: Mapping[str, Sequence[int]],
    *,
    seeds: Sequence[int] = (1,),
    width: float | None = None,
    power: float = 0.9,
    prob: float = 0.9,
    studies: int = 100,
    cost: Cost | None = None,
    model: JointLaw | None = None,
    seed: int = 0,
) -> StudyPlan:
    """How many sizes, D_f points and seeds a study of one method needs.

    Every combination of the numbers of levels is one design: log-spaced sizes, all crossed. A study reaches its goal
    where P(first exponent > second) is at least .95, or, with a width, where the HDI of their difference is narrower.

    Parameters
    ----------
    truth : Truth or sequence of Truth
        What studies are simulated from, with one method. Of several (draws from what you believe), studies take turns,
        and power is its mean over them.
    contrast : (str, str)
        ``("model_size", "pretrain_size")``; ``"finetune_size"`` stands for beta.
    ranges : mapping of str to (float, float)
        Smallest and largest of each size that is varied, ``finetune_size`` among them.
    levels : mapping of str to sequence of int
        The numbers of levels to consider, for each size of the ranges.

    Other Parameters
    ----------------
    seeds : sequence of int
        Numbers of repeats of every setting to consider.
    width : float, optional
        Width of the HDI that is wanted, in units of the exponents.
    power : float
        Share of studies that should reach the goal.
    prob : float
        Probability inside the HDI.
    studies : int
        Simulated studies for each design. The Monte Carlo error of a power of .9 is .03 with 100.
    cost : callable, optional
        From a table of runs to the cost of each, such as ``lambda runs: 6 * runs.model_size * runs.finetune_size``; by
        default every run costs 1. Pretraining of base LLMs is to be in it where they are not to be had.
    model : JointLaw, optional
        The analysis; by default that of :func:`bayes_scaling.fit`.
    seed : int

    Returns
    -------
    StudyPlan

    Raises
    ------
    BayesScalingError
        If the contrast, a range, a number of levels or a probability is none, or the analysis has no quick posterior
        (it is for the multiplicative law).

    Examples
    --------
    >>> import bayes_scaling as bs
    >>> cell = bs.CellTruth(alpha={"model_size": 0.4}, beta=0.1, E=1.0, A=6000.0)
    >>> plan = bs.plan_study(
    ...     bs.Truth({"lora": cell}, base_scale=0.01),
    ...     ("model_size", "finetune_size"),
    ...     {"model_size": (1e8, 1e10), "finetune_size": (1e3, 1e6)},
    ...     {"model_size": [3, 6], "finetune_size": [4]},
    ...     studies=10,
    ... )
    >>> plan.table["runs"].tolist()
    [12, 24]
    """
    truths = cast("list[Truth]", list(truth) if isinstance(truth, tuple | list) else [truth])
    analysis = checked_model(model)
    _check(truths, contrast, ranges, levels, seeds, width, studies)
    check_prob(prob)
    check_seed(seed)
    if cost is not None and not callable(cost):
        raise BayesScalingError(f"cost={shown(cost)}: a function of a table of runs, or None")
    if not (is_number(power) and 0 < power < 1):
        raise BayesScalingError(f"power={shown(power)}: must lie between 0 and 1, such as 0.9")
    method = method_of(truths[0])
    rows = []
    for counts in product(*(levels[name] for name in ranges), seeds):
        of_size, repeats = dict(zip(ranges, counts[:-1], strict=True)), counts[-1]
        design = simulated.design(ranges, of_size, method)
        found = np.array(
            [
                simulated.study(design, truths[i % len(truths)], analysis, contrast, prob, repeats, seed + i)
                for i in range(studies)
            ]
        )
        rows.append(
            {
                **of_size,
                "seeds": repeats,
                **simulated.facts(design, repeats, cost),
                **simulated.power(found, truths, contrast, width),
            }
        )
    table = pd.DataFrame(rows).sort_values(["cost", "runs"], kind="stable").reset_index(drop=True)
    table = table.assign(enough=table["power"] >= power)
    goal = _goal(contrast, width, prob)
    text = _text(table, goal, power, prob, studies, list(ranges))
    return StudyPlan(contrast, goal, power, table, text)


def _check(
    truths: Sequence[Truth],
    contrast: tuple[str, str],
    ranges: Ranges,
    levels: Mapping[str, Sequence[int]],
    seeds: Sequence[int],
    width: float | None,
    studies: int,
) -> None:
    of_one = [isinstance(t, Truth) and isinstance(t.cells, Mapping) and len(t.cells) == 1 for t in truths]
    if not truths or not all(of_one):
        raise BayesScalingError(f"truth={shown(truths)}: give one bs.Truth, or several, each with one method")
    if len({method_of(truth) for truth in truths}) > 1:
        raise BayesScalingError("truth: the truths are of several methods; plan one method at a time")
    _check_ranges(ranges, levels)
    names = list(contrast) if isinstance(contrast, tuple | list) else []
    if len(names) != 2 or names[0] == names[1] or not all(name in list(ranges) for name in names):
        sizes = ", ".join(ranges)
        raise BayesScalingError(f"contrast={shown(contrast)}: name two of the sizes that are varied, {sizes}")
    for name, counts in [*levels.items(), ("seeds", seeds)]:
        _check_counts(name, counts)
    if width is not None and not (is_number(width) and width > 0):
        raise BayesScalingError(f"width={shown(width)}: a width of the HDI, above 0, such as 0.1")
    if not is_whole(studies, 2, MOST_STUDIES):
        raise BayesScalingError(f"studies={shown(studies)}: simulated studies of each design, at least 2, such as 100")


def _check_ranges(ranges: Ranges, levels: Mapping[str, Sequence[int]]) -> None:
    for argument, given in {"ranges": ranges, "levels": levels}.items():
        if not isinstance(given, Mapping):
            raise DesignError(f"{argument}={shown(given)}: give a mapping of size to what is said of it")
    for name, ends in ranges.items():
        if name not in SIZES:
            sizes = ", ".join(map(repr, SIZES))
            raise DesignError(f"ranges has {shown(name)}, which is no size; the sizes are {sizes}")
        if not _is_range(name, ends):
            raise DesignError(f"ranges[{name!r}]={shown(ends)}: give the smallest and the largest, such as (1e8, 1e10)")
    if "finetune_size" not in ranges or set(levels) != set(ranges):
        raise DesignError(
            f"ranges has {', '.join(map(repr, ranges))} and levels has {', '.join(map(repr, levels))}: both name "
            "'finetune_size' and the same sizes"
        )


def _check_counts(name: str, counts: object) -> None:
    fewest = 1 if name == "seeds" else FEWEST_LEVELS
    given = counts if isinstance(counts, tuple | list | range) else ()
    if not given or not all(is_whole(count, fewest, MOST_LEVELS) for count in given):
        raise DesignError(f"{name}={shown(counts)}: whole numbers of at least {fewest}, such as [3, 5]")


def _is_range(name: str, ends: object) -> bool:
    if not isinstance(ends, tuple | list) or len(ends) != 2 or not all(is_number(end) for end in ends):
        return False
    low, high = ends
    return bool(0 < low < high and not implausible(name, low) and not implausible(name, high))


def _goal(contrast: tuple[str, str], width: float | None, prob: float) -> str:
    first, second = (_name(size) for size in contrast)
    if width is None:
        return f"P({first} > {second}) of at least {SURE}"
    return f"a {100 * prob:.0f} % HDI of {first} - {second} narrower than {format_number(width)}"


def _name(size: str) -> str:
    return "beta" if size == "finetune_size" else f"alpha[{size}]"


def _text(table: pd.DataFrame, goal: str, wanted: float, prob: float, studies: int, sizes: list[str]) -> str:
    asked = (
        f"Goal: {goal}, in {100 * wanted:.0f} % of studies; {studies} were simulated for each of {len(table)} designs."
    )
    enough = table[table["enough"]]
    if enough.empty:
        best = table.sort_values("power", kind="stable").iloc[-1]
        return (
            f"{asked} No design has that power. The best of them is {_said(best, sizes)}.{_surer(best, prob, studies)}"
        )
    chosen = enough.iloc[0]
    close = chosen["power"] - 2 * chosen["mcse"] < wanted
    doubt = (
        " That is within two Monte Carlo errors of what is wanted: simulate more studies to be sure." if close else ""
    )
    return (
        f"{asked} The cheapest design that is enough is {_said(chosen, sizes)}.{doubt}{_surer(chosen, prob, studies)}"
    )


def _surer(row: "pd.Series[Any]", prob: float, studies: int) -> str:
    """A warning where the analysis is surer than it should be, such as where base LLMs scatter more than its prior."""
    if row["coverage"] + 2 * np.sqrt(prob * (1 - prob) / studies) >= prob:
        return ""
    return (
        f" But its {100 * prob:.0f} % HDIs hold the truth in {100 * row['coverage']:.0f} % of studies only: the "
        "priors of the analysis do not suit this truth, and the power is not to be believed."
    )


def _said(row: "pd.Series[Any]", sizes: list[str]) -> str:
    parts = [f"{int(row[name])} {SHORT.get(name, 'sizes of D_f')}" for name in sizes]
    return (
        f"{' x '.join(parts)} x {int(row['seeds'])} seed{'s' * int(row['seeds'] > 1)}, {int(row['runs'])} runs on "
        f"{int(row['bases'])} base LLM{'s' * int(row['bases'] > 1)} (cost {format_number(row['cost'])}): power "
        f"{row['power']:.2f} +- {row['mcse']:.2f}, expected HDI width {format_number(row['hdi_width'])}"
    )
