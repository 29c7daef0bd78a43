"""The page's sections, one function each; every one is HTML."""

from html import escape

import pandas as pd

from bayes_scaling.averaging import Average
from bayes_scaling.checks.finding import FAILED, PASSED
from bayes_scaling.errors import DesignError
from bayes_scaling.grid import methods_of
from bayes_scaling.posterior import Posterior
from bayes_scaling.report import choices
from bayes_scaling.report.carried import parts_of
from bayes_scaling.report.checklist import checklist
from bayes_scaling.report.forest import forest
from bayes_scaling.report.markup import folded, items, paragraph, table
from bayes_scaling.report.verdict import Verdict, fitted

COSTS = (
    "Each run counts as one unit of cost here. With runs and costs of your own: bayes-scaling next posterior.nc "
    "candidates.csv --budget 40 --finetune-size 100k."
)
MARKS = {PASSED: "✓ ", FAILED: "✗ "}


def trust(answers: Posterior | Average, found: Verdict) -> str:
    """The verdict, what was fitted, who wins where, and what to know."""
    word = f'<p class="verdict {found.word.lower()}"><strong>{found.word}</strong> {escape(found.meaning)}</p>'
    tasks = dict.fromkeys(answers.layout.task)
    notes = folded(f"{len(found.notes)} things to know", items(found.notes)) if found.notes else ""
    said = "".join(summary(answers, task) for task in tasks)
    return word + items(found.reasons) + paragraph(" ".join(fitted(answers))) + said + notes


def summary(answers: Posterior | Average, task: str) -> str:
    """Who is likeliest best where, in a sentence."""
    if len(methods_of(answers, task)) < 2:
        return ""
    which = choices.decision(answers, task)
    try:
        wins = choices.wins(answers, which).attrs["text"]
        return paragraph(f"On {which.base}: {wins} {choices.measured(answers, task)}")
    except DesignError:
        return ""


def methods(answers: Posterior | Average, task: str) -> str:
    """Which method when, on the largest base LLM of a task: wins, choices and crossovers."""
    which = choices.decision(answers, task)
    if len(methods_of(answers, task)) < 2:
        return paragraph(f"{task} has runs of one method only: there is nothing to choose between.")
    try:
        wins = choices.wins(answers, which)
        chosen = [choice.text for choice in choices.choose(answers, which)]
        met = [crossover.text for crossover in choices.crossovers(answers, which)]
    except DesignError as error:
        return paragraph(f"No one law speaks about all methods on {which.base}: {error}.")
    return (
        paragraph(f"On {which.base}, the largest base LLM that most methods were run on:")
        + table(choices.by_size(wins))
        + "<h4>What to use</h4>"
        + items(chosen)
        + "<h4>Where two methods meet</h4>"
        + items(met)
    )


def next_runs(answers: Posterior | Average, task: str) -> str:
    """Which runs to make next."""
    which = choices.decision(answers, task)
    if len(methods_of(answers, task)) < 2:
        return paragraph(f"{task}: without a choice between methods no run has a value by what it teaches about one.")
    try:
        ranked = choices.next_runs(answers, which)
    except DesignError as error:
        return paragraph(f"{task}: {error}.")
    shown = ranked.loc[ranked["value"] > 0, [c for c in ranked if c not in ("cost", "value_per_cost", "buy")]]
    return paragraph(str(ranked.attrs["text"])) + (
        table(shown.head(choices.SHOWN)) + paragraph(COSTS) if len(shown) else ""
    )


def exponents(answers: Posterior | Average) -> str:
    """Exponents of every law: forest and table."""
    found = []
    for one in parts_of(answers):
        title = f"<h3>{escape(one.model.name)} law</h3>" if isinstance(answers, Average) else ""
        found.append(title + f'<div class="wide">{forest(one)}</div>' + table(one.exponents()))
    return "".join(found)


def checks(found: Verdict) -> str:
    """Every check of every law."""
    parts = []
    for name, one in found.checks:
        title = f"<h3>{escape(name)} law</h3>" if len(found.checks) > 1 else ""
        marked = one.table.assign(status=[f"{MARKS.get(s, '')}{s}" for s in one.table["status"]])
        parts.append(title + table(marked))
    return "".join(parts)


def reporting(answers: Posterior | Average, found: Verdict) -> str:
    """The checklist."""
    listed = checklist(answers, found.checks[0][1])
    left = sum(item.open for item in listed)
    frame = pd.DataFrame(
        {
            "part": [item.part for item in listed],
            "question": [item.question for item in listed],
            "answer": [item.answer for item in listed],
        }
    )
    said = (
        'The checklist of "(Mis)Fitting: A Survey of Scaling Laws" (arXiv 2502.18969), in our words, filled in from '
        f"the fit; {left} of {len(listed)} items are left to the author of the runs."
    )
    return paragraph(said) + table(frame)


def model(answers: Posterior | Average) -> str:
    """Law, counts and priors, as describe() prints them."""
    return "".join(
        folded(f"{one.model.name} law: counts and priors", f'<pre tabindex="0">{escape(one.describe())}</pre>')
        for one in parts_of(answers)
    )
