"""Model size or pretraining size, per unit of compute: an exponent over what its size costs.

An exponent is per unit of log size, but sizes do not cost the same. With a cost C(sizes), a small growth of size f by a
share s costs the share s * e_f of C, where e_f is the elasticity of C; the reducible loss falls by s * alpha_f. What a
unit of log cost buys is alpha_f / e_f.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling import arviz_bridge
from bayes_scaling.arguments import check_name, check_prob, shown
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.exponents import exponent
from bayes_scaling.grid import one_size

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

Cost = Callable[..., float]
STEP = 1e-4  # of log size, for the elasticity
FLAT = 1e-9  # an elasticity that is none, but for rounding


def pretraining_flops(model_size: float, pretrain_size: float, **_: float) -> float:
    """6 N P (Kaplan et al. 2020, arXiv 2001.08361): both sizes cost alike."""
    return 6.0 * model_size * pretrain_size


def compare(
    posterior: "Posterior",
    first: str,
    second: str,
    sizes: Mapping[str, float],
    cost: Cost = pretraining_flops,
    prob: float = 0.9,
) -> pd.DataFrame:
    """Posterior of what a unit of log cost buys through one size rather than the other, within each (task, method).

    Parameters
    ----------
    posterior : Posterior
    first, second : str
        Two sizes, such as ``"model_size"`` and ``"pretrain_size"``.
    sizes : mapping
        Every size that the cost depends on, by its name: where the comparison is made.
    cost : callable
        From the sizes, by name, to a positive cost. By default the compute of pretraining. One that has finetuning and
        serving in it makes model size dearer.
    prob : float
        Probability inside the highest-density interval.

    Returns
    -------
    DataFrame
        ``task, method, elasticity_first, elasticity_second, first, second`` (posterior means of exponent over
        elasticity), ``difference, sd, hdi_low, hdi_high, p_greater``; ``attrs["text"]`` says it in words.

    Raises
    ------
    BayesScalingError
        If no (task, method) has both exponents, a size is missing, or the cost does not grow with both sizes.
    """
    check_prob(prob)
    if not callable(cost):
        raise BayesScalingError(f"cost={shown(cost)}: a function of sizes, such as lambda model_size, **_: model_size")
    check_name("first", first, "the name of a size")
    check_name("second", second, "the name of a size")
    sizes = {name: one_size(name, value) for name, value in sizes.items()}
    a, b = (_elasticity(cost, sizes, name) for name in (first, second))
    rows = []
    for c, (task, method) in enumerate(zip(posterior.layout.task, posterior.layout.method, strict=True)):
        drawn = [exponent(posterior, c, name) for name in (first, second)]
        if drawn[0] is None or drawn[1] is None:
            continue
        x, y = drawn[0] / a, drawn[1] / b
        low, high = arviz_bridge.hdi(x - y, prob)
        facts = {"elasticity_first": a, "elasticity_second": b, "first": float(x.mean()), "second": float(y.mean())}
        spread = {"difference": float(np.mean(x - y)), "sd": float(np.std(x - y)), "hdi_low": low, "hdi_high": high}
        rows.append({"task": task, "method": method, **facts, **spread, "p_greater": float(np.mean(x > y))})
    if not rows or first == second:
        raise BayesScalingError(f"no (task, method) of this fit has exponents of both {first!r} and {second!r}")
    table = pd.DataFrame(rows)
    table.attrs["text"] = _text(table, first, second)
    return table


def _elasticity(cost: Cost, sizes: Mapping[str, float], name: str) -> float:
    if name not in sizes:
        raise BayesScalingError(f"sizes={shown(sizes)} has no {name!r}: give the size at which costs are compared")
    around = [float(cost(**{**sizes, name: sizes[name] * np.exp(step)})) for step in (-STEP, STEP)]
    if not all(np.isfinite(value) and value > 0 for value in around):
        raise BayesScalingError(f"cost: it gave {shown(around)} at {name} {sizes[name]:g}; a cost is a positive number")
    slope = float(np.log(around[1] / around[0]) / (2 * STEP))
    if slope <= FLAT:
        raise BayesScalingError(f"cost: it does not grow with {name}, so that nothing of it is spent there")
    return slope


def _text(table: pd.DataFrame, first: str, second: str) -> str:
    parts = [
        f"{row['task']}, {row['method']}: a unit of log cost buys {row['first']:.3f} of log reducible loss through "
        f"{first} and {row['second']:.3f} through {second}, P({first} buys more) = {row['p_greater']:.2f}"
        for _, row in table.iterrows()
    ]
    return "; ".join(parts) + "."
