"""A choice in words: one paragraph that a manager can read and a statistician can defend."""

from typing import Any

import pandas as pd

from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS
from bayes_scaling.text import format_number, listing


def said(
    table: pd.DataFrame,
    equal: pd.DataFrame,
    chosen: "pd.Series[Any] | None",
    likeliest: "pd.Series[Any]",
    wanted: "pd.Series[Any] | None",
    margin: float,
    runs: pd.DataFrame,
    refusal: str | None,
) -> str:
    """The whole paragraph."""
    unit = str(runs["metric"].iloc[0]) if "metric" in runs else "nats per target token"
    if refusal is not None:
        verdict = refusal
    elif wanted is not None:
        verdict = _cannot_rank(likeliest, wanted, margin, unit)
    else:
        verdict = _use(table, equal, chosen, margin, unit)
    return " ".join([_where(table), verdict, *_extrapolates(table)])


def least_known(table: pd.DataFrame) -> "pd.Series[Any]":
    """The method whose expected loss is the least known."""
    return table.sort_values("sd").iloc[-1]


def _where(table: pd.DataFrame) -> str:
    row = table.iloc[0]
    sizes = [f"{f} {format_quantity(row[f])}" for f in FACTORS if f in table]
    return f"{row['task']}, D_f {format_quantity(row['finetune_size'])}{''.join(', ' + s for s in sizes)}:"


def too_far(far: pd.DataFrame) -> str:
    """Why nothing is chosen at sizes that predictions have not been checked at."""
    times = format_number(10 ** far["distance"].max())
    return (
        f"these data cannot rank the methods there. It is {times} times beyond the measured sizes of "
        f"{listing(list(far['method']))}, farther than predictions have been checked. Measure "
        f"{least_known(far)['method']} there, or closer to it."
    )


def rising(rises: pd.DataFrame) -> str:
    """Why nothing is chosen where a law that cannot rise meets a loss that does."""
    method = least_known(rises)["method"]
    return (
        f"these data cannot rank the methods there. The measured loss of {listing(list(rises['method']))} rises with "
        f"D_f, which no law here follows, so that P(best) is not to be believed beyond the largest D_f measured. See "
        f"whether learning rates were tuned and the longest runs overfit, then measure {method} here."
    )


def _cannot_rank(likeliest: "pd.Series[Any]", wanted: "pd.Series[Any]", margin: float, unit: str) -> str:
    if "utility_regret" in likeliest:
        cost = (
            f"is likeliest the most useful (P = {likeliest['p_most_useful']:.2f}), and choosing it would cost "
            f"{format_number(likeliest['utility_regret'])} of utility in expectation, more than the margin of "
            f"{format_number(margin)}"
        )
    else:
        cost = (
            f"is likeliest best (P = {likeliest['p_best']:.2f}), and choosing it would cost "
            f"{likeliest['expected_regret']:.3f} {unit} in expectation, more than the margin of {margin:.3f}"
        )
    return (
        f"these data cannot rank the methods. {likeliest['method']} {cost}. Measure {wanted['method']} here: its "
        f"expected loss is the least known (sd {wanted['sd']:.3f})."
    )


def _use(table: pd.DataFrame, equal: pd.DataFrame, chosen: Any, margin: float, unit: str) -> str:
    facts = f"P(best) = {chosen['p_best']:.2f}, expected regret {chosen['expected_regret']:.4f} {unit}"
    if "utility_regret" in table:
        facts = (
            f"P(most useful) = {chosen['p_most_useful']:.2f}, expected regret "
            f"{format_number(chosen['utility_regret'])} of utility, {chosen['expected_regret']:.4f} {unit}"
        )
    others = [m for m in equal["method"] if m != chosen["method"]]
    if not others:
        return f"use {chosen['method']} ({facts})."
    within = format_number(margin) if "utility_regret" in table else f"{margin:.3f}"
    return (
        f"use {chosen['method']} ({facts}); {' and '.join(others)} "
        f"{'is' if len(others) == 1 else 'are'} practically equal (regret within {within}), and "
        f"{chosen['method']} {_why(table, chosen)}."
    )


def _why(table: pd.DataFrame, chosen: Any) -> str:
    if "cost" not in table:
        return "has the highest expected utility" if "utility_regret" in table else "has the lowest expected loss"
    sure = chosen["p_cheapest"] in (0.0, 1.0)  # costs without uncertainty
    return "is the cheapest" + ("" if sure else f" (of all, with P = {chosen['p_cheapest']:.2f})")


def _extrapolates(table: pd.DataFrame) -> list[str]:
    notes = []
    for region, how in (("edge", "leaves the measured range of"), ("beyond", "extrapolates far beyond the runs of")):
        methods = table.loc[table["region"] == region, "method"].tolist()
        notes += [f"This {how} {', '.join(methods)}."] if methods else []
    if table.attrs["new_base"]:
        notes.append(
            "No run started from this base LLM: its quirk is unknown, and the choice allows for a typical one."
        )
    return [*notes, *table.attrs["new_task"]]
