"""Studies that were never run: designs, simulated losses, and what their analysis would say."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from bayes_scaling import arviz_bridge
from bayes_scaling.errors import BayesScalingError, ModelError
from bayes_scaling.joint_law import JointLaw
from bayes_scaling.models.gauss_newton import approximate, suits
from bayes_scaling.models.layout import Floats
from bayes_scaling.simulate import CellTruth, Truth, simulate_runs

DRAWS = 1000  # of each posterior
SURE = 0.95  # P(first > second) from which a study says so
Ranges = Mapping[str, tuple[float, float]]
Cost = Callable[[pd.DataFrame], "Sequence[float] | Floats | pd.Series[float]"]


def truth_from_loss(
    loss: float,
    floor: float,
    exponents: Mapping[str, float],
    ranges: Ranges,
    **scales: float,
) -> Truth:
    """A truth of one method, told by its loss at the centre of the ranges instead of A.

    Parameters
    ----------
    loss, floor : float
        Expected loss at the geometric centre of all sizes, and E.
    exponents : mapping of str to float
        Size to exponent, ``finetune_size`` among them.
    ranges : mapping of str to (float, float)
        As in :func:`bayes_scaling.plan_study`.
    **scales : float
        ``sigma`` of :class:`CellTruth`, and ``base_scale`` and ``slope_scale`` of :class:`Truth`.

    Raises
    ------
    BayesScalingError
        If the floor is not below the loss, or a size has no exponent.
    """
    if not 0 <= floor < loss:
        raise BayesScalingError(f"floor={floor!r} and loss={loss!r}: E is at least 0 and below the loss at the centre")
    missing = [name for name in ranges if name not in exponents]
    if missing:
        raise BayesScalingError(f"exponents has none of {missing[0]!r}; give one for each size that is varied")
    log_scale = sum(exponents[name] * np.log(low * high) / 2 for name, (low, high) in ranges.items())
    alpha = {name: exponents[name] for name in ranges if name != "finetune_size"}
    amplitude = float((loss - floor) * np.exp(log_scale))
    cell = CellTruth(alpha, exponents["finetune_size"], floor, amplitude, scales.pop("sigma", 0.005))
    return Truth({"method": cell}, **scales)  # type: ignore[arg-type]


def design(ranges: Ranges, counts: Mapping[str, int], method: str) -> pd.DataFrame:
    """Log-spaced sizes of a method, all crossed."""
    values = {name: np.geomspace(*ranges[name], counts[name]) for name in ranges}
    return pd.DataFrame(list(product(*values.values())), columns=list(values)).assign(method=method)


def study(
    design: pd.DataFrame,
    truth: Truth,
    model: JointLaw,
    contrast: tuple[str, str],
    prob: float,
    repeats: int,
    seed: int,
) -> tuple[float, float, float]:
    """P(first > second) and the ends of the difference's HDI in one simulated study."""
    problem = model.encode(simulate_runs(design, truth, seed, repeats))
    resolved = model.resolve(problem.layout)
    if not suits(resolved, problem):
        raise ModelError(
            f"law={model.name!r}: a study is planned with a quick posterior, which is for the multiplicative law of "
            "one method whose sizes are crossed; plan with model=None, or simulate with bs.simulate_runs and bs.fit"
        )
    families = approximate(resolved, problem, DRAWS, seed)
    terms = problem.layout.terms_of_cell[0]
    first, second = (
        families["beta"][:, 0] if name == "finetune_size" else families["alpha"][:, terms[name]] for name in contrast
    )
    low, high = arviz_bridge.hdi(first - second, prob)
    return float(np.mean(first > second)), low, high


def facts(design: pd.DataFrame, repeats: int, cost: Cost | None) -> dict[str, float]:
    """Base LLMs, runs and cost of a design."""
    of_base = [name for name in ("model_size", "pretrain_size") if name in design]
    costs = np.ones(len(design)) if cost is None else np.asarray(cost(design), dtype=np.float64)
    if costs.shape != (len(design),) or not np.all(np.isfinite(costs) & (costs > 0)):
        raise BayesScalingError("cost must give one positive number for each row of the table that it is given")
    bases = len(design[of_base].drop_duplicates()) if of_base else 1
    return {"bases": bases, "runs": len(design) * repeats, "cost": float(costs.sum() * repeats)}


def power(found: Floats, truths: Sequence[Truth], contrast: tuple[str, str], width: float | None) -> dict[str, float]:
    """Share of studies, shape (studies, 3) from :func:`study`, that reach the goal, and what else is said of them."""
    p_greater, low, high = found.T
    widths = high - low
    reached = p_greater >= SURE if width is None else widths < width
    true = np.array([_difference(truths[i % len(truths)], contrast) for i in range(len(found))])
    wrong = ((p_greater >= SURE) & (true <= 0)) | ((p_greater <= 1 - SURE) & (true >= 0))
    n, smoothed = len(found), (reached.sum() + 0.5) / (len(found) + 1)
    return {
        "power": float(reached.mean()),
        "mcse": float(np.sqrt(smoothed * (1 - smoothed) / n)),
        "p_wrong": float(wrong.mean()),
        "coverage": float(np.mean((low <= true) & (true <= high))),
        "hdi_width": float(widths.mean()),
        "hdi_width_mcse": float(widths.std(ddof=1) / np.sqrt(n)),
    }


def _difference(truth: Truth, contrast: tuple[str, str]) -> float:
    (cell,) = truth.cells.values()
    first, second = (cell.beta if name == "finetune_size" else cell.alpha.get(name, 0.0) for name in contrast)
    return first - second


def method_of(truth: Truth) -> str:
    """The one method of a truth."""
    (name,) = truth.cells
    return name if isinstance(name, str) else name[1]
