"""Tables and paragraphs as plain text: left-aligned columns, sizes such as 100k, three significant digits."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

WIDTH = 100  # columns of a page; paragraphs are wrapped to it and the package's own tables fit into it
SIZES = ("finetune_size", *FACTORS)
PROBABILITIES = ("p_", "prob_", "mcse")
GAP = "  "
LEAST_ROOM = 24  # of a wrapped last column


def render(table: pd.DataFrame, indent: int = 0, width: int = WIDTH) -> str:
    """A table as left-aligned text columns without its index; a long last column is wrapped.

    Parameters
    ----------
    table : DataFrame
        Any table of the package; a cell that holds text already is left as it is.
    indent : int
        Spaces before every line.
    width : int
        Where the last column wraps, if it has room there at all.
    """
    lines = [list(map(str, table.columns)), *cells(table)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    margin = " " * indent
    room = width - indent - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
    laid = []
    for *first, last in lines:
        start = margin + "".join(cell.ljust(w) + GAP for cell, w in zip(first, widths[:-1], strict=True))
        parts = textwrap.wrap(last, room) if len(last) > room >= LEAST_ROOM else [last]
        laid += [start + parts[0], *(" " * len(start) + part for part in parts[1:])]
    return "\n".join(line.rstrip() for line in laid)


def cells(table: pd.DataFrame) -> list[list[str]]:
    """Every cell as text, row by row."""
    columns = [[format_cell(str(name), value) for value in table[name]] for name in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def compact(table: pd.DataFrame, prob: float | None = 0.9) -> tuple[str, pd.DataFrame]:
    """A caption, with what is the same in every row, and a narrower table, with columns that belong together in one.

    Parameters
    ----------
    table : DataFrame
    prob : float, optional
        Probability inside the intervals, for their names.
    """
    same = [name for name in ("task", "metric") if name in table and len(table) and table[name].nunique() == 1]
    caption = ", ".join(f"{name}: {table[name].iloc[0]}" for name in same)
    narrow = table.drop(columns=same)
    if "advice" in narrow:
        what = [f"{r}; {a}" if a else r for r, a in zip(narrow["reason"], narrow["advice"], strict=True)]
        narrow = narrow.assign(reason=what).drop(columns="advice")
    percent = "" if prob is None else f"{100 * prob:g} % "
    for low, high, name in (("hdi_low", "hdi_high", "HDI"), ("low", "high", "band")):
        if low in narrow and high in narrow:
            joined = [interval(a, b) for a, b in zip(narrow[low], narrow[high], strict=True)]
            narrow = narrow.assign(**{low: joined}).drop(columns=high).rename(columns={low: f"{percent}{name}"})
    return caption, narrow


def format_cell(column: str, value: object) -> str:
    """One cell: a size as ``100k``, a probability with two decimals, other numbers with three digits."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer) and column not in SIZES:
        return str(value)
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value)
        if column in SIZES:
            return "0" if number == 0 else format_quantity(number)
        return format_probability(number) if column.startswith(PROBABILITIES) else format_number(number)
    return str(value)


def format_number(value: float) -> str:
    """Three significant digits; four from 1 to 10, since losses are told apart in the third decimal.

    Examples
    --------
    >>> [format_number(x) for x in (0.01776, 0.4312, 1.3161, 18.8, 46712.2, -0.25, 0.0)]
    ['0.0178', '0.431', '1.316', '18.8', '46.7k', '-0.250', '0']
    """
    size = abs(value)
    if not np.isfinite(value) or size == 0:
        return f"{value:g}"
    if size < 1e-4:
        return f"{value:.2e}"
    if size >= 999.5:
        return ("-" if value < 0 else "") + format_quantity(size)
    exponent = int(np.floor(np.log10(float(f"{size:.3g}"))))
    return f"{value:.{3 if exponent == 0 else 2 - exponent}f}"


def format_probability(value: float) -> str:
    """Two decimals; what is nearly 0 or 1 says so, since a share of draws proves neither.

    Examples
    --------
    >>> [format_probability(p) for p in (0.664, 0.998, 0.0002, 0.0, 1.0)]
    ['0.66', '>0.99', '<0.01', '<0.01', '>0.99']
    """
    return "<0.01" if value < 0.005 else ">0.99" if value > 0.995 else f"{value:.2f}"


def interval(low: float, high: float) -> str:
    """``0.374 to 0.495``, or ``-`` where there is none."""
    return "-" if np.isnan(low) or np.isnan(high) else f"{format_number(low)} to {format_number(high)}"


def paragraph(text: str, width: int = WIDTH, indent: int = 0) -> str:
    """Text wrapped to a width, its line breaks kept."""
    margin = " " * indent
    wrap = textwrap.TextWrapper(
        width, initial_indent=margin, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrap.fill(line) if line.strip() else "" for line in text.splitlines())


def listing(names: Sequence[str]) -> str:
    """``full``, ``full and lora``, ``full, lora and prompt``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
