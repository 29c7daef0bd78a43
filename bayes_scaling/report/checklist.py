"""The reporting checklist of Li, Kudugunta and Zettlemoyer, filled in from the fit.

"(Mis)Fitting: A Survey of Scaling Laws" (ICLR 2025, arXiv 2502.18969) finds that most of 50 papers leave out what one
needs to repeat their fit, and lists what to report: the hypothesis, the training setup, the data collected and the
fit. The questions are theirs in our words. What a runs table cannot know is left to its author, and said to be.
"""

from typing import NamedTuple

import pandas as pd

from bayes_scaling.averaging import Average
from bayes_scaling.checks.finding import Checks
from bayes_scaling.convergence import kept_told
from bayes_scaling.model_text import prior_table
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.posterior import Posterior
from bayes_scaling.quantities import format_quantity
from bayes_scaling.report.carried import parts_of
from bayes_scaling.runs import FACTORS
from bayes_scaling.text import listing

YOURS = "not in the runs table, state it."
STARTS = {
    "nuts": "every chain at a draw from a normal approximation about the posterior's mode",
    "smc": "every particle at a draw from a wide normal reference",
}
TRAINING = ("learning_rate", "batch_size", "steps", "epochs", "optimizer", "schedule", "warmup")


class Item(NamedTuple):
    """One question and its answer; ``open`` where the author must answer."""

    part: str
    question: str
    answer: str

    @property
    def open(self) -> bool:
        """Whether only the runs' author knows."""
        return self.answer.lower().endswith(YOURS)


def checklist(answers: Posterior | Average, checks: Checks) -> list[Item]:
    """Every item, in the order of the paper.

    Parameters
    ----------
    answers : Posterior or Average
    checks : Checks
        Of its first law.
    """
    parts = {
        "Hypothesis": _hypothesis(answers),
        "Training setup": _training(answers.runs),
        "Data collected": _data(answers.runs),
        "Fit": _fit(answers, checks),
    }
    return [Item(part, question, answer) for part, found in parts.items() for question, answer in found]


def _hypothesis(answers: Posterior | Average) -> list[tuple[str, str]]:
    laws = [one.resolved.law for one in parts_of(answers)]
    first = parts_of(answers)[0]
    varied = list(dict.fromkeys(first.layout.factor_of_term))
    sampled = [len(prior_table(one.layout, one.resolved)) for one in parts_of(answers)]
    return [
        ("What is the form of the law?", "; ".join(f"{law.name}: {law.formula}" for law in laws)),
        ("Which variables does it relate?", f"{_metric(answers.runs)}; {listing(['finetune_size', *varied])}"),
        (
            "Which parameters are fitted, in how many laws?",
            f"{listing(list(map(str, sampled)))} rows of priors, all listed under 'Model and priors'; one joint fit of "
            f"{first.layout.n_cells} (task, method) cells",
        ),
        (
            "What does the form rest on?",
            f"{'; '.join(dict.fromkeys(law.source for law in laws))}. "
            f"Base effects: {_on(first.resolved.base_effects)}; slopes of base LLMs: "
            f"{_on(first.resolved.base_slopes)}; drift away from the law: {_on(first.resolved.discrepancy)}",
        ),
    ]


def _on(used: bool) -> str:
    return "in the model" if used else "not in the model"


def _metric(runs: pd.DataFrame) -> str:
    return str(runs["metric"].iloc[0]) if "metric" in runs else "loss (nats per target token)"


def _training(runs: pd.DataFrame) -> list[tuple[str, str]]:
    known = [name for name in TRAINING if name in runs]
    recorded = [f"{name}: {runs[name].nunique()} values" for name in known]
    return [
        (
            "How many models were trained, at which sizes?",
            f"{len(runs)} runs on {runs['base'].nunique()} base LLMs{_levels(runs, FACTORS)}",
        ),
        ("On how much data each?", f"D_f at {_levels(runs, ('finetune_size',)).removeprefix('; ')}{_seeds(runs)}"),
        ("On which data, and is any repeated?", YOURS.capitalize()),
        (
            "How are sizes counted?",
            "by the rules of the runs table: D_f in examples, model_size in non-embedding parameters, pretrain_size in "
            "tokens, pet_size as LoRA rank or prompt length. Say so if yours are counted otherwise",
        ),
        ("Which hyperparameters, chosen how?", f"{'; '.join([*recorded, 'how they were chosen'])}: {YOURS}"),
        ("Which architecture, and which training code?", YOURS.capitalize()),
    ]


def _levels(runs: pd.DataFrame, columns: tuple[str, ...]) -> str:
    found = []
    for column in columns:
        sizes = runs.loc[runs[column] > 0, column] if column in runs else pd.Series(dtype=float)
        if len(sizes):
            low, high = format_quantity(sizes.min()), format_quantity(sizes.max())
            found.append(f"{column} at {sizes.nunique()} levels, {low} to {high}")
    return "".join(f"; {text}" for text in found).replace("; finetune_size at ", "; ")


def _seeds(runs: pd.DataFrame) -> str:
    seeds = runs["seed"].nunique() if "seed" in runs else 0
    return f"; {seeds} seeds" if seeds > 1 else "; no repeated seeds"


def _data(runs: pd.DataFrame) -> list[tuple[str, str]]:
    known = "loss_se" in runs and runs["loss_se"].notna().any()
    error = "its standard error from the finite test set is known" if known else "its standard error is not given"
    return [
        ("Which metric, on which data?", f"{_metric(runs)}; {error}. Test set: {YOURS}"),
        ("Are checkpoints or losses released?", f"The losses are in the posterior file. Checkpoints: {YOURS}"),
        ("How many checkpoints of a run are used?", "one row of the table for each finished run"),
        ("Is the metric modified before the fit?", "not here: losses are fitted on their log, as the table has them"),
        (
            "Are points dropped, or used in some laws only?",
            f"all {len(runs)} runs of the table are in the one joint fit. Left out before: {YOURS}",
        ),
    ]


def _fit(answers: Posterior | Average, checks: Checks) -> list[tuple[str, str]]:
    first = parts_of(answers)[0]
    noise = "median loss of its cell" if first.layout.noise_of_loss else "expected loss"
    found = dict(zip(checks.table["check"], checks.table["reason"], strict=True))
    return [
        (
            "Which objective?",
            f"the posterior density: Student-t noise on log loss, its scale a share of the {noise}, and the "
            "priors listed",
        ),
        ("Which algorithm, with which settings?", _engine(first.settings, first.seed)),
        ("How is it initialised?", STARTS[first.settings.engine]),
        ("How uncertain is the fit?", "every number is a posterior with its interval, exponents with a 90 % HDI"),
        (
            "How good is the fit, and where was it validated?",
            f"{found.get('calibration', 'see the checks')}. Larger sizes held out: run bayes-scaling backtest and "
            f"report it",
        ),
        ("Is the fit repeatable?", "the posterior file holds runs, model, seed and draws"),
    ]


def _engine(settings: NutsSettings, seed: int) -> str:
    if settings.engine != "nuts":
        return f"sequential Monte Carlo, {settings.chains} populations of {settings.draws} particles, seed {seed}"
    return (
        f"NUTS, {settings.chains} chains of {settings.draws} draws (each {settings.thin} iterations) after "
        f"{settings.warmups * settings.warmup} of warm-up, target acceptance {settings.target_accept:g}, "
        f"tree depth at most {settings.max_tree_depth}, seed {seed}"
        + (f"; interrupted: {kept_told(settings)}" if settings.asked else "")
    )
