"""The posterior probability that each method is best, jointly over methods on one base LLM."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling import unseen_tasks
from bayes_scaling.grid import Sizes, methods_of, one_method_design, settings_grid, tasks_of
from bayes_scaling.models.layout import Floats
from bayes_scaling.prediction import completed, expected_loss
from bayes_scaling.quantities import format_quantity
from bayes_scaling.regions import add_regions
from bayes_scaling.shares import errors_of_shares

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers


def table(
    posterior: "Answers",
    finetune_size: Sizes,
    sizes: Mapping[str, Sizes],
    task: str | None = None,
    base: str | None = None,
) -> pd.DataFrame:
    """P(each method has the lowest expected loss) at each D_f and combination of sizes.

    The methods are compared draw by draw on the same base LLM: what they share of its effect cancels.

    Parameters
    ----------
    posterior : Posterior or Average
    finetune_size : float or sequence of float
        D_f, in examples.
    sizes : mapping
        Factor to size or sizes; every factor that the methods' laws have.
    task : str, optional
        By default every task of the fit.
    base : str, optional
        Name of the base LLM; by default the fitted one that has these sizes, or else a new one.

    Returns
    -------
    DataFrame
        ``task, method, finetune_size``, the factors given, ``p_best``, ``mcse`` (its Monte Carlo standard error),
        ``expected_loss``, ``expected_regret`` (how much more than the best method's, in the loss's unit) and
        ``region``: whether the method was measured there (interior, edge or beyond).
        ``attrs["text"]`` says it in words.

    Raises
    ------
    DesignError
        If a size is missing, or one that a method's law cannot speak about.
    """
    settings = settings_grid(finetune_size, sizes)
    parts = [_of_task(posterior, settings, t, base) for t in tasks_of(posterior, task)]
    result = pd.concat(parts, ignore_index=True)
    result.attrs["text"] = " ".join([describe(result), *unseen_tasks.notes(posterior, result["task"])])
    return result


def loss_draws(
    posterior: "Answers", settings: pd.DataFrame, task: str, base: str | None = None
) -> tuple[list[str], Floats, list["pd.Series[str]"]]:
    """Methods of a task, draws of their expected loss, shape (methods, S, settings), and regions of the settings."""
    methods = methods_of(posterior, task)
    designs = [one_method_design(posterior, settings, task, method, base) for method in methods]
    regions = [region_of(posterior, design) for design in designs]
    return methods, np.stack([expected_loss(posterior, design) for design in designs]), regions


def region_of(posterior: "Answers", design: pd.DataFrame) -> "pd.Series[str]":
    """Region of every design row."""
    return add_regions(posterior, completed(posterior, design), design)["region"]


def _of_task(posterior: "Answers", settings: pd.DataFrame, task: str, base: str | None) -> pd.DataFrame:
    methods, losses, regions = loss_draws(posterior, settings, task, base)
    is_best = losses.argmin(axis=0)
    regret = losses - losses.min(axis=0)
    rows = []
    # of two methods one wins where the other does not, with the same Monte Carlo error
    errors = [
        errors_of_shares(is_best == m, posterior.settings.chains)
        for m in range(1 if len(methods) == 2 else len(methods))
    ]
    for m, method in enumerate(methods):
        wins = is_best == m
        rows.append(
            pd.DataFrame({"task": task, "method": method}, index=settings.index)
            .join(settings)
            .assign(
                p_best=wins.mean(axis=0),
                mcse=errors[m % len(errors)],
                expected_loss=losses[m].mean(axis=0),
                expected_regret=regret[m].mean(axis=0),
                region=regions[m],
            )
        )
    return pd.concat(rows, ignore_index=True)


def describe(result: pd.DataFrame) -> str:
    """Who is likely best where, one sentence for each combination of task and sizes."""
    factors = [c for c in ("model_size", "pretrain_size", "pet_size") if c in result]
    sentences = []
    for key, group in result.groupby(["task", *factors], sort=False):
        task, *sizes = (str(part) for part in key)
        at = ", ".join([task, *(f"{f} {format_quantity(float(s))}" for f, s in zip(factors, sizes, strict=True))])
        sentences.append(f"{at}: {_spans(group)}.")
    return " ".join(sentences)


def _spans(group: pd.DataFrame) -> str:
    """Runs of neighbouring D_f with the same likeliest winner."""
    top = group.sort_values("p_best").groupby("finetune_size").tail(1).sort_values("finetune_size")
    change = (top["method"] != top["method"].shift()).cumsum()
    return "; ".join(_span(span) for _, span in top.groupby(change))


def _span(span: pd.DataFrame) -> str:
    low, high = format_quantity(span["finetune_size"].min()), format_quantity(span["finetune_size"].max())
    p_low, p_high = span["p_best"].min(), span["p_best"].max()
    sizes = low if low == high else f"{low} to {high}"
    p = f"{p_low:.2f}" if f"{p_low:.2f}" == f"{p_high:.2f}" else f"{p_low:.2f} to {p_high:.2f}"
    return f"{span['method'].iloc[0]} is likeliest best at D_f {sizes} (P = {p})"
