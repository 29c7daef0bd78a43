"""The demo's tables as a person reads them: few columns, each cell text."""

from collections.abc import Mapping

import pandas as pd

from bayes_scaling.crossover import Crossover
from bayes_scaling.quantities import format_quantity
from bayes_scaling.text import format_probability, interval


def data(runs: pd.DataFrame) -> pd.DataFrame:
    """One row for each method and base LLM: fitted runs, held-out runs, range of the loss."""
    rows = []
    for (method, base), cell in runs.groupby(["method", "base"], sort=False):
        fitted, held = cell[cell["split"] == "fit"], cell[cell["split"] == "held"]
        rows.append(
            {
                "method": method,
                "LLM": base,
                "parameters": format_quantity(cell["model_size"].iloc[0]),
                "fitted runs": _runs(fitted),
                "held out": _runs(held),
                "loss": interval(cell["loss"].min(), cell["loss"].max()),
            }
        )
    return pd.DataFrame(rows)


def _runs(runs: pd.DataFrame) -> str:
    if runs.empty:
        return "-"
    low, high = format_quantity(runs["finetune_size"].min()), format_quantity(runs["finetune_size"].max())
    return f"{len(runs)}: D_f {low}" + (f" to {high}" if low != high else "")


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Posterior and the paper's value."""
    factors = table["factor"].where(table["parameter"].isin(["A", "alpha"]), "")
    names = [f"{p}[{f}]" if f else p for p, f in zip(table["parameter"], factors, strict=True)]
    return pd.DataFrame(
        {
            "method": table["method"],
            "parameter": names,
            "mean": table["mean"],
            "sd": table["sd"],
            "90 % HDI": _intervals(table, "hdi_low", "hdi_high"),
            "Table 4, de-rounded": table["published"],
            "inside": table["inside"],
        }
    )


def comparison(table: pd.DataFrame) -> pd.DataFrame:
    """alpha[model_size] against beta, within each method."""
    return pd.DataFrame(
        {
            "method": table["method"],
            "alpha - beta": table["difference"],
            "90 % HDI": _intervals(table, "hdi_low", "hdi_high"),
            "P(alpha > beta)": table["p_greater"].map(format_probability),
            "per doubling of LLM": [f"-{100 * x:.1f} %" for x in table["doubling_first"]],
            "per doubling of D_f": [f"-{100 * x:.1f} %" for x in table["doubling_second"]],
        }
    )


def bands(table: pd.DataFrame) -> pd.DataFrame:
    """Held-out runs beside their bands."""
    return pd.DataFrame(
        {
            "method": table["method"],
            "LLM": table["base"],
            "D_f": table["finetune_size"].map(format_quantity),
            "observed": _losses(table["loss"]),
            "predicted": _losses(table["mean"]),
            "90 % band": [f"{low:.3f} to {high:.3f}" for low, high in zip(table["low"], table["high"], strict=True)],
            "inside": table["inside"],
        }
    )


def wins(table: pd.DataFrame, sizes: Mapping[str, float]) -> pd.DataFrame:
    """One row for each LLM and D_f, one column for each method; far extrapolations carry a star."""
    names = {size: base for base, size in sizes.items()}
    marked = table.assign(
        cell=table["p_best"].map(format_probability) + table["region"].map({"beyond": "*"}).fillna(""),
        LLM=table["model_size"].map(names),
        D_f=table["finetune_size"].map(format_quantity),
    )
    keys = marked[["model_size", "finetune_size", "LLM", "D_f"]].drop_duplicates()
    for method, rows in marked.groupby("method", sort=False):
        own = rows[["LLM", "D_f", "cell"]].rename(columns={"cell": f"P({method} best)"})
        keys = keys.merge(own, on=["LLM", "D_f"])
    return keys.sort_values(["model_size", "finetune_size"]).drop(columns=["model_size", "finetune_size"])


def crossover(found: Crossover, names: Mapping[float, str]) -> pd.DataFrame:
    """One row for each LLM."""
    table = found.table
    return pd.DataFrame(
        {
            "LLM": table["model_size"].map(names),
            "P(no crossover)": table["p_none"].map(format_probability),
            f"{found.first} always lower": table["p_first_always"].map(format_probability),
            f"{found.second} always lower": table["p_second_always"].map(format_probability),
            "median D_f": table["median"],
            "90 % HDI": _intervals(table, "hdi_low", "hdi_high"),
        }
    )


def _intervals(table: pd.DataFrame, low: str, high: str) -> list[str]:
    return [interval(a, b) for a, b in zip(table[low], table[high], strict=True)]


def _losses(values: "pd.Series[float]") -> list[str]:
    return [f"{value:.3f}" for value in values]
