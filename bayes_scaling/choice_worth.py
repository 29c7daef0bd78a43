"""What a choice costs and what it is worth to its user: uncertain costs, utilities, and regret in their unit."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from scipy.special import ndtri

from bayes_scaling.arguments import is_number, shown
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models.layout import Floats

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

Costs = Mapping[str, float | tuple[float, float]]
Utility = Callable[[Floats, Floats], Floats]
CENTRAL = 0.9  # probability between the two ends of an uncertain cost


def cost_draws(posterior: "Answers", methods: Sequence[str], cost: Costs) -> Floats:
    """Draws of each method's cost, shape (methods, S); one given by two ends is lognormal, 90 % between them.

    Raises
    ------
    BayesScalingError
        If a method has no finite cost, or the ends are no range.
    """
    size = posterior.family("E").shape[0]
    return np.stack([_draws(posterior, method, _of_method(cost, method), size) for method in methods])


def _of_method(cost: Costs, method: str) -> tuple[float, float]:
    given = cost.get(method) if isinstance(cost, Mapping) else None
    ends = given if isinstance(given, tuple | list) else (given, given)
    numbers = [float(end) for end in ends if end is not None and is_number(end)]
    if len(ends) != 2 or len(numbers) != 2:
        raise BayesScalingError(
            f"cost={shown(cost)} has no finite cost of method {method!r}; give one for each, or two ends such as "
            "(10, 20)"
        )
    low, high = numbers
    if low < 0:
        raise BayesScalingError(
            f"cost[{method!r}]={shown(given)}: what a method costs is at least 0; give what it earns by utility="
        )
    if isinstance(given, tuple | list) and not 0 < low < high:
        raise BayesScalingError(
            f"cost[{method!r}]={shown(given)}: the two ends of a 90 % interval, the lower above 0, such as (10, 20)"
        )
    return low, high


def _draws(posterior: "Answers", method: str, ends: tuple[float, float], size: int) -> Floats:
    low, high = ends
    if low == high:
        return np.full(size, low)
    rng = np.random.default_rng([posterior.seed, crc32(f"cost\0{method}".encode())])
    spread = np.log(high / low) / (2 * float(ndtri((1 + CENTRAL) / 2)))
    return np.asarray(np.sqrt(low * high) * np.exp(spread * rng.standard_normal(size)))


def utility_draws(utility: Utility, loss: Floats, cost: Floats) -> Floats:
    """The user's utility of every method in every draw, shape (methods, S).

    Raises
    ------
    BayesScalingError
        If it is no function of (loss, cost), or does not give one finite number for each draw.
    """
    if not callable(utility):
        raise BayesScalingError(
            f"utility={shown(utility)}: a function of loss and cost, such as lambda loss, cost: -100 * loss - cost"
        )
    values = [np.asarray(utility(of_loss, of_cost)) for of_loss, of_cost in zip(loss, cost, strict=True)]
    for value in values:
        if value.shape != loss.shape[1:] or not np.issubdtype(value.dtype, np.number) or not np.isfinite(value).all():
            raise BayesScalingError(
                f"utility: it gave {shown(value)} for {loss.shape[1]} losses; it must give one finite number for each"
            )
    return np.stack(values).astype(np.float64)
