"""A forest of exponents as inline SVG: posterior mean, 50 % and 90 % highest-density intervals."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from bayes_scaling.encoding.rows import records
from bayes_scaling.posterior import Posterior

WIDTH, LABELS, ROW, FOOT = 640, 250, 22, 30  # of the picture, of its labels, of a row, of the axis
INNER = 0.5
PARAMETERS = ("alpha", "beta")
TICKS = 5


def forest(posterior: Posterior, prob: float = 0.9) -> str:
    """Every alpha and beta, one row each, on one axis."""
    table, inner = posterior.exponents(prob), posterior.exponents(INNER)
    table = table.assign(inner_low=inner["hdi_low"], inner_high=inner["hdi_high"])
    rows = records(table[table["parameter"].isin(PARAMETERS)].sort_values(["parameter", "factor"], kind="stable"))
    low = min(0.0, *(row["hdi_low"] for row in rows))
    high = max(row["hdi_high"] for row in rows)
    height = ROW * len(rows) + FOOT
    drawn = [
        _axis(low, high, height),
        *(_row(row, i, low, high, table["task"].nunique()) for i, row in enumerate(rows)),
    ]
    label = f"Exponents with {100 * INNER:g} % and {100 * prob:g} % intervals"
    return (
        f'<svg class="forest" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(drawn)}</svg>"
    )


def _place(value: float, low: float, high: float) -> float:
    return LABELS + (value - low) / (high - low) * (WIDTH - LABELS - 12)


def _axis(low: float, high: float, height: int) -> str:
    rough = (high - low) / TICKS
    power = 10 ** np.floor(np.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough * 0.999)
    ticks = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    parts = []
    for tick in ticks:
        x = _place(float(tick), low, high)
        kind = "rule" if tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - FOOT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - FOOT + 16}" text-anchor="middle">{tick:g}</text>')
    return "".join(parts)


def _row(row: Mapping[str, Any], i: int, low: float, high: float, tasks: int) -> str:
    y = ROW * (i + 0.5)
    place = {name: _place(row[name], low, high) for name in ("mean", "hdi_low", "hdi_high", "inner_low", "inner_high")}
    task = f"{row['task']}, " if tasks > 1 else ""
    name = escape(f"{task}{row['method']}: {row['parameter']}[{row['factor']}]")
    return (
        f'<text x="{LABELS - 8}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'
        f'<line class="thin" x1="{place["hdi_low"]:.1f}" x2="{place["hdi_high"]:.1f}" y1="{y}" y2="{y}"/>'
        f'<line class="thick" x1="{place["inner_low"]:.1f}" x2="{place["inner_high"]:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle class="dot" cx="{place["mean"]:.1f}" cy="{y}" r="3.5"/>'
    )
