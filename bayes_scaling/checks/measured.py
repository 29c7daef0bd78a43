"""What the runs themselves can tell: direction, levels, overlap, base LLMs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, PASSED, Check
from bayes_scaling.exponents import DATA
from bayes_scaling.quantities import format_quantity
from bayes_scaling.regions import measured_range
from bayes_scaling.rising import RISING, slopes

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

MIN_LEVELS = 3


def direction(posterior: "Posterior") -> Iterator[Check]:
    """Does the measured loss rise with a size that the law says it falls with?"""
    rising = []
    for c in range(posterior.layout.n_cells):
        for name, (slope, _) in slopes(posterior, c).items():
            if name != "pet_size" and slope > RISING:
                rising.append(f"{name} in {posterior.layout.cell_label(c)} (slope {slope:+.3f})")
    if rising:
        text = f"measured loss rises with {'; '.join(rising)}"
        yield Check("direction", FAILED, text, "is the column a loss, are its runs trained alike?")
    else:
        yield Check("direction", PASSED, "no measured loss rises with D_f, model size or pretraining size")


def levels(posterior: "Posterior") -> Iterator[Check]:
    """Fewer than three levels of a size identify nothing."""
    few = []
    for c in range(posterior.layout.n_cells):
        cell = posterior.runs[posterior.problem.rows.cell == c]
        for column in (DATA, *posterior.layout.terms_of_cell[c]):
            if cell[column].nunique() < MIN_LEVELS:
                few.append(f"{column} in {posterior.layout.cell_label(c)} ({cell[column].nunique()})")
    if few:
        text = f"fewer than {MIN_LEVELS} levels of {'; '.join(few)}: the exponent is mostly its prior"
        yield Check("levels", FAILED, text, "add a size")
    else:
        yield Check("levels", PASSED, f"at least {MIN_LEVELS} levels of D_f and of every factor")


def overlap(posterior: "Posterior") -> Iterator[Check]:
    """Is there a D_f at which every method was measured?"""
    layout = posterior.layout
    for task in dict.fromkeys(layout.task):
        cells = [c for c in range(layout.n_cells) if layout.task[c] == task]
        ranges = {layout.method[c]: measured_range(posterior, c, DATA) for c in cells}
        if max(low for low, _ in ranges.values()) > min(high for _, high in ranges.values()):
            listed = ", ".join(f"{m} {format_quantity(a)} to {format_quantity(b)}" for m, (a, b) in ranges.items())
            text = f"{task}: no D_f was measured with every method ({listed}): comparisons extrapolate"
            yield Check("overlap of D_f", INFORMATIONAL, text, "run the methods at one D_f before comparing them")


def bases(posterior: "Posterior") -> Iterator[Check]:
    """How many base LLMs inform the exponent of their size?"""
    if not posterior.resolved.base_effects:
        text = "the model has none: bands at a new base LLM are too narrow"
        yield Check("base effects", FAILED, text, "use JointLaw(base_effects=True)")
        return
    counts = [int(np.sum(posterior.layout.cell_of_effect == c)) for c in range(posterior.layout.n_cells)]
    scale = np.median(posterior.family("base_scale"))
    text = (
        f"{_span(counts)} base LLMs a (task, method) inform alpha[model_size], not the number of runs; "
        f"they sit off the law by about {100 * scale:.1f} %"
    )
    if posterior.resolved.base_slopes:
        slope = np.median(posterior.family("slope_scale"))
        text += f", and fall with D_f faster or slower than it by about {100 * slope:.0f} %"
    yield Check("base effects", INFORMATIONAL, text)


def _span(counts: list[int]) -> str:
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
