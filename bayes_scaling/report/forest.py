"""A forest of exponents as inline SVG: posterior mean, 50 % and 90 % highest-density intervals."""

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

import numpy as np

from bayes_scaling.encoding.rows import records
from bayes_scaling.posterior import Posterior

PLOT, LETTER, ROW, FOOT = 390, 6.8, 22, 30  # width of the axis and of a letter, height of a row and of the ticks
MARGIN = 12
LONGEST = 60  # letters of a label
INNER = 0.5
PARAMETERS = ("alpha", "beta")
TICKS = 5


def forest(posterior: Posterior, prob: float = 0.9) -> str:
    """Every alpha and beta, one row each, on one axis."""
    table, inner = posterior.exponents(prob), posterior.exponents(INNER)
    table = table.assign(inner_low=inner["hdi_low"], inner_high=inner["hdi_high"])
    rows = records(table[table["parameter"].isin(PARAMETERS)].sort_values(["parameter", "factor"], kind="stable"))
    names = [_name(row, table["task"].nunique() > 1) for row in rows]
    frame = Frame(
        low=min(0.0, *(row["hdi_low"] for row in rows)),
        high=max(row["hdi_high"] for row in rows),
        left=LETTER * max(map(len, names)) + MARGIN,
        height=ROW * len(rows) + FOOT,
    )
    drawn = [_axis(frame), *(_row(row, name, i, frame) for i, (row, name) in enumerate(zip(rows, names, strict=True)))]
    label = f"Exponents with {100 * INNER:g} % and {100 * prob:g} % intervals"
    width = frame.left + PLOT + MARGIN
    return (
        f'<svg class="forest" viewBox="0 0 {width:.0f} {frame.height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(drawn)}</svg>"
    )


class Frame(NamedTuple):
    """Ends of the axis, where it starts, and the height of the picture."""

    low: float
    high: float
    left: float
    height: int

    def place(self, value: float) -> float:
        """Where a value stands."""
        return self.left + (value - self.low) / (self.high - self.low) * PLOT


def _name(row: Mapping[str, Any], with_task: bool) -> str:
    """Task, method and parameter; the factor of beta is always D_f."""
    task = f"{row['task']}, " if with_task else ""
    factor = f"[{row['factor']}]" if row["parameter"] == "alpha" else ""
    name = f"{task}{row['method']}: {row['parameter']}{factor}"
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


def _axis(frame: Frame) -> str:
    rough = (frame.high - frame.low) / TICKS
    power = 10 ** np.floor(np.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough * 0.999)
    numbers = range(int(np.ceil(frame.low / step)), int(np.floor(frame.high / step)) + 1)
    bottom, parts = frame.height - FOOT, []
    for n in numbers:
        x, kind = frame.place(n * step), "rule" if n == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{n * step:g}</text>')
    return "".join(parts)


def _row(row: Mapping[str, Any], name: str, i: int, frame: Frame) -> str:
    y = ROW * (i + 0.5)
    place = {end: frame.place(row[end]) for end in ("mean", "hdi_low", "hdi_high", "inner_low", "inner_high")}
    return (
        f'<text x="{frame.left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        f'<line class="thin" x1="{place["hdi_low"]:.1f}" x2="{place["hdi_high"]:.1f}" y1="{y}" y2="{y}"/>'
        f'<line class="thick" x1="{place["inner_low"]:.1f}" x2="{place["inner_high"]:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle class="dot" cx="{place["mean"]:.1f}" cy="{y}" r="3.5"/>'
    )
