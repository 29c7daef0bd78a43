"""Model families of base LLMs: a column ``family`` of runs and designs, where base effects are pooled over them."""

import numpy as np
import pandas as pd

from bayes_scaling.errors import DesignError, RunsError
from bayes_scaling.models.layout import BaseFamilies
from bayes_scaling.runs.messages import listing, rows_error, rule_error

FAMILY = "family"
RULE = "a base LLM belongs to one model family, named in column 'family' of every run, where pool= has 'family'"


def base_families(runs: pd.DataFrame, commons: list[tuple[str, str]]) -> BaseFamilies:
    """Families of the (task, base) pairs of a fit.

    Raises
    ------
    RunsError
        If there is no column ``family``, a run has none, or a base has two.
    """
    of_base = family_of_base(runs)
    pairs = [(task, of_base[base]) for task, base in commons]
    distinct = list(dict.fromkeys(pairs))
    of_common = np.array([distinct.index(pair) for pair in pairs], dtype=np.int64)
    return BaseFamilies(of_common, tuple(t for t, _ in distinct), tuple(f for _, f in distinct))


def family_of_base(runs: pd.DataFrame) -> dict[str, str]:
    """The family of every base LLM of the runs, see :func:`base_families` for the errors."""
    if FAMILY not in runs:
        raise _missing(runs)
    without = runs[FAMILY].isna().to_numpy()
    if without.any():
        todo = (
            "name the family of each base LLM, its own name where it has no relatives; or leave 'family' out of pool="
        )
        raise rows_error(runs, without, FAMILY, "empty", RULE, todo)
    names = runs[FAMILY].astype(str)
    several = names.groupby(runs["base"]).nunique()
    bad = several.index[several > 1]
    if len(bad):
        rows = (runs["base"] == bad[0]).to_numpy()
        raise rows_error(runs, rows, FAMILY, f"of base {bad[0]!r} with different families", RULE, "give it one family")
    return dict(zip(runs["base"], names, strict=True))


def design_families(runs: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """A design with ``family`` in every row: that of a fitted base, the one given, or one of the new base's own.

    Raises
    ------
    DesignError
        If a row gives a fitted base another family than the runs do.
    """
    of_base = family_of_base(runs)
    given = frame[FAMILY] if FAMILY in frame else pd.Series(pd.NA, index=frame.index)
    found = []
    for base, name in zip(frame["base"], given, strict=True):
        fitted = of_base.get(base)
        if fitted is not None and not pd.isna(name) and str(name) != fitted:
            raise DesignError(
                f"design column 'family': base {base!r} is given as {str(name)!r}, but its runs say {fitted!r}; "
                "correct it, or leave the family of a fitted base out"
            )
        own = f"family of {base}"  # unseen, and shared with no other base
        found.append(fitted if fitted is not None else own if pd.isna(name) else str(name))
    return frame.assign(**{FAMILY: found})


def _missing(runs: pd.DataFrame) -> RunsError:
    return rule_error(
        f"column 'family' is missing; columns found: {listing(runs.columns)}",
        RULE,
        "add the column, such as 'Pythia' or 'OPT', or leave 'family' out of pool=",
    )
