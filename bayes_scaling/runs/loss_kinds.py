"""What a loss is by the name of its metric and its size: a score or a perplexity is none, as good as it looks."""

import re
import warnings

import pandas as pd

MOST_NATS = 13.0
"""More nats than guessing among 256k tokens costs (12.5): a median above it is no loss per token."""

_NAMES = r"acc|accuracy|auc|auroc|bleu|bleurt|chrf|exact_match|f1|matthews\w*|mcc|precision|recall|rouge\w*"
SCORE = re.compile(rf"(^|[^a-z])({_NAMES})($|[^a-z])", re.IGNORECASE)
"""Names of metrics that are better when higher."""

_PERPLEXITY = re.compile(r"perplexity|(^|[^a-z])ppl($|[^a-z])", re.IGNORECASE)
_NATS = re.compile(r"(^|[^a-z])nats?($|[^a-z])", re.IGNORECASE)
_TURNED = re.compile(r"^\s*1(\.0)?\s*[-−]|error|loss|(^|[^a-z])log", re.IGNORECASE)


def warn_of_kind(runs: pd.DataFrame) -> None:
    """Warn where the losses of a runs table look like a score, a perplexity or per cent."""
    metric = str(runs["metric"].iloc[0]) if "metric" in runs else "nats"
    why = _by_name(metric)
    if _NATS.search(metric):
        why = why or _by_size(float(runs["loss"].median()))
    if why:
        warnings.warn(why, UserWarning, stacklevel=3)  # the line that called load_runs or fit


def _by_name(metric: str) -> str | None:
    if _TURNED.search(metric):
        return None
    if SCORE.search(metric):
        return (
            f"column 'metric': {metric!r} is better when higher, and a law's loss is better when lower; give the error "
            "as loss, 1 - score with the score between 0 and 1, and say so in 'metric'"
        )
    if _PERPLEXITY.search(metric):
        return (
            f"column 'metric': {metric!r} is a perplexity; laws are of the loss in nats per token, so give its natural "
            "logarithm as loss, and leave 'metric' out or say so there"
        )
    return None


def _by_size(median: float) -> str | None:
    if median <= MOST_NATS:
        return None
    return (
        f"column 'loss': the median is {median:g}, above {MOST_NATS:g} nats per target token, which is more than "
        "guessing costs; give the natural logarithm of a perplexity, 1 - score / 100 of a score in per cent, or name "
        "what it is in a 'metric' column"
    )
