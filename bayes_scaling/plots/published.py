"""The rows of a forest: the posterior's intervals, with published values beside them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.plots.style import records

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

INNER = 0.5  # probability inside the thick interval
COLUMNS = ("task", "method", "parameter", "factor", "value")
SHARED = ("beta", "E")  # by the factors, so what a table writes in ``factor`` does not matter


def forest_rows(
    posterior: "Posterior", parameters: Sequence[str], published: pd.DataFrame | None, prob: float
) -> pd.DataFrame:
    """The table of exponents with ``inner_low, inner_high`` and ``value``, the published one or NaN.

    Raises
    ------
    BayesScalingError
        If the fit has no such parameter, or nothing that was published is of it.
    """
    table, inner = posterior.exponents(prob), posterior.exponents(INNER)
    table = table.assign(inner_low=inner["hdi_low"], inner_high=inner["hdi_high"], value=np.nan)
    known = list(dict.fromkeys(table["parameter"]))
    for name in parameters:
        if name not in known:
            raise BayesScalingError(f"parameters: the fit has no {name!r}; it has {', '.join(known)}")
    if not parameters:
        raise BayesScalingError(f"parameters is empty: name at least one of {', '.join(known)}")
    table = table[table["parameter"].isin(parameters)]
    return table if published is None else _beside(table, published)


def _beside(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in COLUMNS if column not in published]
    if missing:
        raise BayesScalingError(f"published has no column {missing[0]!r}; it needs {', '.join(COLUMNS)}")
    value = {_key(row): float(row["value"]) for row in records(published)}
    values = [value.get(_key(row), np.nan) for row in records(table)]
    if np.isnan(values).all():
        raise BayesScalingError(
            "published has none of the parameters shown: it is about the tasks "
            f"{_names(published['task'])}, the fit about {_names(table['task'])}"
        )
    return table.assign(value=values)


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    factor = "" if row["parameter"] in SHARED else row["factor"]
    return row["task"], row["method"], row["parameter"], factor


def _names(column: "pd.Series[str]") -> str:
    return ", ".join(dict.fromkeys(map(repr, column)))
