"""A backtest in words."""

import pandas as pd

from bayes_scaling.text import format_number, listing


def describe(table: pd.DataFrame, points: pd.DataFrame, skipped: list[str]) -> str:
    """Coverage of the posterior's bands, and how its scores compare with each rival's."""
    ours, *rivals = (row for _, row in table.iterrows())
    own = points[points["forecaster"] == ours["forecaster"]]
    count, splits = len(own), own["split"].nunique()
    sentences = [
        f"{count} held-out runs in {splits} {'split' if splits == 1 else 'splits'}. The posterior's 50 % and 90 % "
        f"bands hold {_percent(ours['coverage_50'])} and {_percent(ours['coverage_90'])} of them"
        + "".join(f", those of {r['forecaster']} {_both(r)}" for r in rivals)
        + "."
    ]
    sentences += [_against(ours, rival) for rival in rivals]
    worst = own.groupby("split")["crps"].mean().idxmax() if splits > 1 else None
    if worst is not None:
        sentences.append(f"Worst predicted: {worst}.")
    if skipped:
        sentences.append(f"Not scored: {listing(skipped[:3])}{' and others' if len(skipped) > 3 else ''}.")
    return " ".join(sentences)


def _both(row: "pd.Series[float]") -> str:
    return f"{_percent(row['coverage_50'])} and {_percent(row['coverage_90'])}"


def _against(ours: "pd.Series[float]", rival: "pd.Series[float]") -> str:
    change = ours["crps"] / rival["crps"] - 1
    return (
        f"Its CRPS on log loss is {format_number(ours['crps'])}, {_percent(abs(change))} "
        f"{'below' if change < 0 else 'above'} that of {rival['forecaster']}, and its log score "
        f"{ours['log_score']:.2f} against {rival['log_score']:.2f}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
