"""What the plots share: colours and markers that survive a grey print, panels, axes of sizes, legends."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS

# Okabe and Ito's palette without its yellow, which is too pale for a line
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
KNOWN = ("full", "lora", "prompt")  # these look the same in every plot
GREY = "0.35"
SMALL, NORMAL = 7.0, 8.0  # points: readable where a panel fills one column
PANEL, ALONE, LEGEND = (2.4, 2.3), (3.5, 2.3), 0.4  # inches
LETTER, HANDLE = 0.057, 0.5  # inches that a legend takes for a letter and for what stands before it
NATS = "nats per target token"


class Style(NamedTuple):
    """How one method, or one base LLM, is drawn."""

    color: Any
    marker: str
    line: Any


def method_styles(methods: Iterable[str]) -> dict[str, Style]:
    """A style for each method; the paper's three have theirs whatever else there is."""
    names = list(dict.fromkeys((*KNOWN, *methods)))
    return {name: Style(_nth(PALETTE, i), _nth(MARKERS, i), _nth(LINES, i)) for i, name in enumerate(names)}


def ordered_styles(names: Sequence[str]) -> dict[str, Style]:
    """A style for each of an ordered list, light to dark."""
    colors = colormaps["viridis"](np.linspace(0.8, 0.0, max(len(names), 2)))
    return {name: Style(colors[i], _nth(MARKERS, i), "-") for i, name in enumerate(names)}


def _nth(values: Sequence[Any], i: int) -> Any:
    return values[i % len(values)]


def new_axes(
    ax: Axes | Iterable[Axes] | None,
    panels: int = 1,
    columns: int = 3,
    panel: tuple[float, float] | None = None,
    **options: Any,
) -> list[Axes]:
    """The given axes, checked, or a new figure's, with the house's ticks and grid.

    Raises
    ------
    BayesScalingError
        If axes are given and are not one for each panel.
    """
    found = _new(panels, min(panels, columns), panel, options) if ax is None else _given(ax)
    if len(found) != panels:
        raise BayesScalingError(
            f"{len(found)} axes were given and the plot has {panels} panels: give one for each, or none"
        )
    for one in found:
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=SMALL)
        one.grid(color="0.92", linewidth=0.6)
        one.set_axisbelow(True)
    return found


def _new(panels: int, columns: int, panel: tuple[float, float] | None, options: dict[str, Any]) -> list[Axes]:
    rows = -(-panels // columns)
    width, height = panel or (ALONE if panels == 1 else PANEL)
    size = (width * columns, height * rows + LEGEND)
    figure, grid = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)
    for empty in grid.flat[panels:]:
        figure.delaxes(empty)
    return list(grid.flat[:panels])


def _given(ax: Axes | Iterable[Axes]) -> list[Axes]:
    found = [ax] if isinstance(ax, Axes) else list(np.ravel(np.asarray(ax, dtype=object)))
    for one in found:
        if not isinstance(one, Axes):
            raise BayesScalingError(f"axes: {one!r} is no matplotlib Axes, such as plt.subplots() makes")
    return found


def starts_row(ax: Axes, given: object) -> bool:
    """Whether a panel needs a label of its own on the y axis."""
    place = ax.get_subplotspec()
    return given is not None or place is None or place.is_first_col()


def size_axis(ax: Axes, low: float, high: float) -> None:
    """A log axis of D_f from ``low`` to ``high`` whose ticks read 10k, 1M."""
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    decades = np.log10(high / low)
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)))
    ax.xaxis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: format_quantity(size)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("finetuning examples $D_f$", fontsize=NORMAL)


def swatch(
    label: str, *, color: Any = GREY, marker: str = "", face: Any = None, width: float = 0, line: Any = "-"
) -> Line2D:
    """One entry of a legend."""
    look = {"marker": marker, "markersize": 4, "markerfacecolor": color if face is None else face}
    return Line2D([], [], color=color, linewidth=width, linestyle=line if width else "", label=label, **look)


def legend(axes: Sequence[Axes], handles: Sequence[Artist], own: bool) -> None:
    """One legend: below the panels of an own figure, where it covers nothing, or else in the last panel."""
    figure = axes[0].get_figure(root=True)
    if own and figure is not None:
        columns = _columns([str(handle.get_label()) for handle in handles], figure.get_figwidth())
        place: dict[str, Any] = {"loc": "outside lower center", "ncols": columns, "frameon": False}
        figure.legend(handles=list(handles), fontsize=SMALL, **place)
    else:
        axes[-1].legend(handles=list(handles), fontsize=SMALL, framealpha=0.8)


def _columns(labels: list[str], inches: float) -> int:
    """The most columns of a legend, filled downwards, that fit the figure."""
    for columns in range(min(len(labels), 6), 1, -1):
        rows = -(-len(labels) // columns)
        widest = [max(map(len, labels[i : i + rows])) for i in range(0, len(labels), rows)]
        if sum(widest) * LETTER + len(widest) * HANDLE < inches:
            return columns
    return 1


def metric_of(runs: pd.DataFrame) -> str:
    """What the losses are, with their unit."""
    named = "metric" in runs and isinstance(runs["metric"].iloc[0], str)
    return str(runs["metric"].iloc[0]) if named else NATS


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as mappings."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def setting_title(row: Mapping[str, Any], tasks: int = 1) -> str:
    """``model_size 8B``, after the task's name where there are several tasks or no sizes."""
    sizes = [f"{f} {format_quantity(row[f])}" for f in FACTORS if f in row and not pd.isna(row[f])]
    return ", ".join([str(row["task"])] * (tasks > 1 or not sizes) + sizes)
