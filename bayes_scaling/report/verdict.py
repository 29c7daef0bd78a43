"""What was fitted, and whether it can be trusted, in plain words."""

from typing import NamedTuple

import pandas as pd

from bayes_scaling.averaging import Average
from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, Checks
from bayes_scaling.posterior import Posterior
from bayes_scaling.quantities import format_quantity
from bayes_scaling.report.carried import parts_of
from bayes_scaling.runs import FACTORS
from bayes_scaling.text import listing

TOLD = (FAILED, INFORMATIONAL)
ORDER = ("PASS", "REVIEW", "FAIL")
MEANING = {
    "PASS": "The fit passed every check. None of them can vouch for sizes far from those that were measured.",
    "REVIEW": "The fit can be used with care: read the reasons below before using the numbers they name.",
    "FAIL": "The fit cannot be trusted: do not use its numbers before the reasons below are dealt with.",
}
NAMES = {
    "finetune_size": "D_f",
    "model_size": "model size",
    "pretrain_size": "pretraining size",
    "pet_size": "PET size",
}


class Verdict(NamedTuple):
    """The worst verdict of all laws, what it means, failed checks, what else to know, and all findings by law."""

    word: str
    meaning: str
    reasons: list[str]
    notes: list[str]
    checks: list[tuple[str, Checks]]


def verdict(answers: Posterior | Average) -> Verdict:
    """Check every law of the posterior."""
    found = [(part.model.name, part.check()) for part in parts_of(answers)]
    word = max((checks.verdict for _, checks in found), key=ORDER.index)
    failed, notes = ([text for name, c in found for text in _said(name, c, s, len(found))] for s in TOLD)
    return Verdict(word, MEANING[word], failed, notes, found)


def _said(name: str, checks: Checks, status: str, laws: int) -> list[str]:
    of_status = checks.table[checks.table["status"] == status]
    law = f"{name} law, " if laws > 1 else ""
    return [
        f"{law}{check}: {reason}. {f'What to do: {_ended(advice)}' if advice else ''}".strip()
        for check, reason, advice in zip(of_status["check"], of_status["reason"], of_status["advice"], strict=True)
    ]


def _ended(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def fitted(answers: Posterior | Average) -> list[str]:
    """Runs, sizes and laws in a few sentences."""
    runs = answers.runs
    tasks, methods = (list(dict.fromkeys(runs[name])) for name in ("task", "method"))
    sentences = [
        f"{len(runs)} finetuning runs of {_counted(methods, 'method')} on {_counted(tasks, 'task')}, from "
        f"{runs['base'].nunique()} base LLM{'s' if runs['base'].nunique() > 1 else ''}.",
        f"Measured were {listing(_ranges(runs))}.",
    ]
    for part in parts_of(answers):
        law = part.resolved.law
        sentences.append(f"Law: {law.name}, {law.formula} ({law.source}).")
    if isinstance(answers, Average):
        sentences.append(answers.text)
    return sentences


def _counted(names: list[str], what: str) -> str:
    return f"{what} {names[0]}" if len(names) == 1 else f"{len(names)} {what}s ({listing(names)})"


def _ranges(runs: pd.DataFrame) -> list[str]:
    found = []
    for column in ("finetune_size", *FACTORS):
        sizes = runs.loc[runs[column] > 0, column] if column in runs else pd.Series(dtype=float)
        if len(sizes):
            low, high = format_quantity(sizes.min()), format_quantity(sizes.max())
            found.append(f"{NAMES[column]} {low}" if low == high else f"{NAMES[column]} from {low} to {high}")
    return found
