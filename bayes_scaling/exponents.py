"""Tables of A, alpha, beta and E, and of differences between exponents."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling import arviz_bridge, unseen_tasks
from bayes_scaling.arguments import check_name, check_prob, is_number, shown
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models.layout import Floats, Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bayes_scaling.answers import Answers
    from bayes_scaling.posterior import Posterior

DATA = "finetune_size"


def table(posterior: "Posterior", prob: float = 0.9) -> pd.DataFrame:
    """Posterior of A, alpha, beta and E (and B for the additive law) of every (task, method).

    Parameters
    ----------
    posterior : Posterior
    prob : float
        Probability inside the highest-density interval.

    Returns
    -------
    DataFrame
        ``task, method, parameter, factor, mean, sd, hdi_low, hdi_high, prob_positive, ess_bulk, r_hat``. A and E
        are in the unit of the loss (A at X = 1 and D_f = 1), exponents are per unit of log size. Where exponents are
        pooled, further rows give a new member of each population: task "(new task)", method "(new method)".
    """
    check_prob(prob)
    layout = posterior.layout
    rows = []
    for c, (task, method) in enumerate(zip(layout.task, layout.method, strict=True)):
        rows += [_row((task, method, *which), draws, prob) for *which, draws in _of_cell(posterior, c)]
    rows += [_row(names, draws, prob) for names, draws in unseen_tasks.populations(posterior)]
    return pd.DataFrame(rows)


def _row(names: "Sequence[str]", draws: Floats, prob: float) -> dict[str, str | float]:
    """One row of the table from its task, method, parameter and factor, and its draws."""
    low, high = arviz_bridge.hdi(draws, prob)
    varies = np.ptp(draws) > 0
    return {
        **dict(zip(("task", "method", "parameter", "factor"), names, strict=True)),
        "mean": float(draws.mean()),
        "sd": float(draws.std()),
        "hdi_low": low,
        "hdi_high": high,
        "prob_positive": float(np.mean(draws > 0)),
        "ess_bulk": arviz_bridge.ess(draws) if varies else np.nan,
        "r_hat": arviz_bridge.r_hat(draws) if varies else np.nan,
    }


def _of_cell(posterior: "Posterior", c: int) -> list[tuple[str, str, Floats]]:
    layout, amplitude = posterior.layout, amplitudes_of(posterior.layout, posterior.draws)
    found = [
        ("A", layout.factor_of_amplitude[j], amplitude["A"][..., j])
        for j in np.flatnonzero(layout.cell_of_amplitude == c)
    ]
    if "B" in amplitude:
        found.append(("B", DATA, amplitude["B"][..., c]))
    found += [("alpha", factor, posterior.draws["alpha"][..., k]) for factor, k in layout.terms_of_cell[c].items()]
    found.append(("beta", DATA, posterior.draws["beta"][..., c]))
    found.append(("E", "", posterior.draws["E"][..., c]))
    return found


def amplitudes_of(layout: Layout, draws: "Mapping[str, Floats]") -> dict[str, Floats]:
    """The paper's A, shape (..., J), and for the additive law B, shape (..., C), from draws of the families."""
    alpha = draws.get("alpha", np.zeros((*draws["beta"].shape[:-1], 0)))
    log_x = np.einsum("jk,...k->...j", layout.amplitude_has_term, alpha * layout.log_x0)
    log_d = draws["beta"] * layout.log_d0 + np.log1p(draws.get("prelearned", 0.0))
    if "data_term" in draws:
        return {"A": draws["reducible"] * np.exp(log_x), "B": draws["data_term"] * np.exp(log_d)}
    return {"A": draws["reducible"] * np.exp(log_x + log_d[..., layout.cell_of_amplitude])}


def exponent(posterior: "Answers", cell: int, factor: str) -> Floats | None:
    """Draws of one factor's exponent (beta for D_f), shape (S,), or None where the cell has none."""
    if factor == DATA:
        return posterior.family("beta")[:, cell]
    k = posterior.layout.terms_of_cell[cell].get(factor)
    return None if k is None else posterior.family("alpha")[:, k]


def compare(
    posterior: "Posterior", first: str, second: str = DATA, prob: float = 0.9, rope: float = 0.02
) -> pd.DataFrame:
    """Posterior of exponent(first) - exponent(second) within each (task, method).

    Exponents are per unit of log size, so both are also given as the fall in reducible loss per doubling: a
    doubling of model size and one of pretraining size do not cost the same.

    Parameters
    ----------
    posterior : Posterior
    first, second : str
        ``"model_size"``, ``"pretrain_size"``, ``"pet_size"`` or ``"finetune_size"`` (beta).
    prob : float
        Probability inside the highest-density interval.
    rope : float
        Half-width of the region of practical equivalence, above 0: exponents that differ by .02 differ by 1.4 % of the
        reducible loss per doubling.

    Returns
    -------
    DataFrame
        ``task, method, difference, sd, hdi_low, hdi_high, p_greater, p_rope, doubling_first, doubling_second``;
        ``p_greater`` is P(first > second), ``p_rope`` is P(-rope < difference < rope).

    Raises
    ------
    BayesScalingError
        If no (task, method) has both exponents, both are one, or ``rope`` is no width.
    """
    check_prob(prob)
    _check_comparison(first, second, rope)
    layout, rows = posterior.layout, []
    for c, (task, method) in enumerate(zip(layout.task, layout.method, strict=True)):
        a, b = exponent(posterior, c, first), exponent(posterior, c, second)
        if a is None or b is None:
            continue
        difference = a - b
        low, high = arviz_bridge.hdi(difference, prob)
        rows.append(
            {
                "task": task,
                "method": method,
                "difference": float(difference.mean()),
                "sd": float(difference.std()),
                "hdi_low": low,
                "hdi_high": high,
                "p_greater": float(np.mean(difference > 0)),
                "p_rope": float(np.mean(np.abs(difference) < rope)),
                "doubling_first": float(np.mean(1 - 2.0**-a)),
                "doubling_second": float(np.mean(1 - 2.0**-b)),
            }
        )
    if not rows:
        has = sorted({DATA, *layout.factor_of_term})
        raise BayesScalingError(
            f"no (task, method) of this fit has exponents of both {first!r} and {second!r}; it has {', '.join(has)}. "
            "A factor gets an exponent where it takes two or more values"
        )
    result = pd.DataFrame(rows)
    result.attrs["text"] = _compare_text(result, first, second)
    return result


def _check_comparison(first: str, second: str, rope: float) -> None:
    check_name("first", first, "the name of a factor")
    check_name("second", second, "the name of a factor")
    if first == second:
        raise BayesScalingError(
            f"first={first!r}, second={second!r}: an exponent does not differ from itself; name two factors, such as "
            "'model_size' and 'finetune_size'"
        )
    if not (is_number(rope) and rope > 0):
        raise BayesScalingError(
            f"rope={shown(rope)}: half the width of a region about 0, a number above 0, such as 0.02"
        )


def _compare_text(result: pd.DataFrame, first: str, second: str) -> str:
    parts = [
        f"{row.task}, {row.method}: {row.difference:+.3f} [{row.hdi_low:+.3f}, {row.hdi_high:+.3f}], "
        f"P({first} > {second}) = {row.p_greater:.2f}"
        for row in result.itertuples()
    ]
    return f"Exponent of {first} minus exponent of {second}. " + "; ".join(parts) + "."
