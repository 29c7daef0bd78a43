"""What the demo prints: one function a section, each at most 100 columns wide."""

from pathlib import Path

import pandas as pd

from bayes_scaling.demo import tables
from bayes_scaling.demo.results import (
    CHOICE_BASE,
    CHOICE_SIZE,
    FIRST,
    NEW_BASE,
    SECOND,
    Results,
    base_sizes,
    score,
)
from bayes_scaling.quantities import format_quantity
from bayes_scaling.regions import measured_range
from bayes_scaling.text import compact, format_probability, interval, listing, paragraph, render


def everything(found: Results) -> str:
    """All sections in order, the verdict first."""
    parts = [
        verdict(found),
        data(found),
        priors(found),
        exponents(found),
        comparison(found),
        held_out(found),
        wins(found),
        crossover(found),
        choice(found),
    ]
    return "\n\n\n".join(parts)


def verdict(found: Results) -> str:
    """Whether the numbers below can be trusted."""
    return f"VERDICT  {found.checks.text}\n\n{render(compact(found.checks.table)[1])}"


def data(found: Results) -> str:
    """The runs by method and size."""
    text = (
        "Zhang et al. 2024, WMT19 English to Chinese, test loss in nats per target token, read off "
        "Figure 2 (error about 0.001 to 0.002). Held out, as in the paper: the largest D_f of each method, "
        "and the 16B LLM."
    )
    return _section("The data by method and size", render(tables.data(found.runs)), text)


def priors(found: Results) -> str:
    """The model and every prior with its numbers."""
    return _section("The model and its priors, before any sampling", found.posterior.describe())


def exponents(found: Results) -> str:
    """The posterior beside the paper's parameters."""
    inside = int(found.exponents["inside"].sum())
    text = (
        f"{inside} of the paper's {len(found.exponents)} values lie in the 90 % interval. They are Table 4, "
        "de-rounded: one set of parameters that satisfies the paper's two printed digits and its figure. "
        "The paper fits in two stages and without base effects, which here give every LLM a quirk of its own."
    )
    return _section("Exponents, beside the paper's Table 4", render(tables.exponents(found.exponents)), text)


def comparison(found: Results) -> str:
    """Model size against finetuning data."""
    falls = [
        f"{100 * row['doubling_first']:.0f} % and {100 * row['doubling_second']:.1f} % with {row['method']}"
        for row in found.comparison.to_dict("records")
    ]
    text = f"A doubling of the LLM and a doubling of D_f lower the reducible loss (L - E) by {listing(falls)}."
    return _section(
        "What is worth more: a larger LLM or more finetuning data?",
        render(tables.comparison(found.comparison)),
        text,
    )


def held_out(found: Results) -> str:
    """Bands where the model had not looked, and how many hold."""
    table = render(tables.bands(found.bands))
    return _section("90 % bands at the held-out points, and what was observed there", table, coverage(found.bands))


def coverage(bands: pd.DataFrame) -> str:
    """Coverage and error in words."""
    s = score(bands)
    return (
        f"Coverage: {s.inside} of {s.points} held-out points lie in their band "
        f"({_percent(s.inside, s.points)}); {NEW_BASE} alone, an LLM that the fit has never seen: "
        f"{s.inside_new} of {s.points_new} ({_percent(s.inside_new, s.points_new)}). "
        f"Mean absolute error at the held-out D_f of 1B to 8B: {s.mae_known:.4f} nats "
        f"({s.points - s.points_new} points)."
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def wins(found: Results) -> str:
    """P(each method is best), and aloud what of it extrapolates."""
    text = f"* far outside the sizes that the method was measured at. {_measured(found)}"
    title = "Probability that each method has the lowest expected loss"
    return _section(title, render(tables.wins(found.wins, base_sizes(found.runs))), text)


def crossover(found: Results) -> str:
    """Where full finetuning overtakes LoRA."""
    low, high = map(format_quantity, found.crossover.limits)
    rows = found.crossover.table.to_dict("records")
    names = {size: base for base, size in base_sizes(found.runs).items()}
    sentences = []
    for row in rows:
        if row["p_none"] < 0.5:
            at, span = format_quantity(row["median"]), interval(row["hdi_low"], row["hdi_high"])
            sentences.append(f"{names[row['model_size']]}: they meet at about {at} examples (90 % HDI {span}).")
        else:
            likelier = FIRST if row["p_first_always"] > row["p_second_always"] else SECOND
            p = format_probability(row["p_none"])
            sentences.append(f"{names[row['model_size']]}: probably never (P = {p}), {likelier} stays lower.")
    text = f"Searched from {low} to {high} examples. {' '.join(sentences)} {_measured(found)}"
    title = f"The crossover: the D_f at which {FIRST} finetuning and {SECOND} have the same expected loss"
    return _section(title, render(tables.crossover(found.crossover, names)), text)


def choice(found: Results) -> str:
    """One sentence to act on."""
    size = format_quantity(base_sizes(found.runs)[CHOICE_BASE])
    title = f"The choice: {format_quantity(CHOICE_SIZE)} examples on the {CHOICE_BASE} LLM ({size} parameters)"
    return _section(title, paragraph(found.choice.text))


def file_list(folder: Path, saved: dict[str, str]) -> str:
    """Names of the files, and what is in them."""
    table = pd.DataFrame({"file": [str(folder / name) for name in saved], "what": list(saved.values())})
    return _section("Files", render(table))


def _measured(found: Results) -> str:
    """Say aloud at which D_f each method was fitted, and what follows for comparisons."""
    posterior = found.posterior
    ranges: dict[str, list[str]] = {}
    for (_, method), cell in posterior.layout.cell_index.items():
        low, high = measured_range(posterior, cell, "finetune_size")
        ranges.setdefault(f"{format_quantity(low)} to {format_quantity(high)}", []).append(method)
    told = "; ".join(f"{listing(methods)} at {span}" for span, methods in ranges.items())
    if len(ranges) == 1:
        return f"Fitted were {told}."
    return (
        f"Fitted were {told}. No D_f was measured with all of them, so every comparison across these groups "
        "extrapolates at least one law: it says what the laws imply, and no pair of runs has tested it."
    )


def _section(title: str, body: str, text: str = "") -> str:
    below = f"\n\n{paragraph(text)}" if text else ""
    return f"{title}\n{'-' * len(title)}\n{body}{below}"
