"""Which base LLM x method x PET size is best: candidates of any kind, compared draw by draw.

Candidates on one base LLM share what it does beside the law, as methods do; those on different ones differ by it.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.encoding.design import check_sizes
from bayes_scaling.errors import DesignError
from bayes_scaling.grid import Sizes, one_task, settings_grid
from bayes_scaling.prediction import completed, expected_loss
from bayes_scaling.quantities import format_quantity
from bayes_scaling.regions import add_regions
from bayes_scaling.runs import FACTORS
from bayes_scaling.shares import errors_of_shares
from bayes_scaling.tables import check_names

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers

COLUMNS = ("method", "base", "family", *FACTORS)


def table(
    posterior: "Answers", candidates: pd.DataFrame, finetune_size: Sizes, task: str | None = None
) -> pd.DataFrame:
    """P(each candidate has the lowest expected loss) at each D_f.

    Parameters
    ----------
    posterior : Posterior or Average
    candidates : DataFrame
        One row a candidate: ``method``, the factors of its law, and optionally ``base``, as in a design of
        :meth:`Posterior.predict`. Two rows must not be the same.
    finetune_size : float or sequence of float
        D_f, in examples.
    task : str, optional
        Needed where the fit has several.

    Returns
    -------
    DataFrame
        The candidates' columns after ``task, candidate`` (a name of each), then ``finetune_size, p_best, mcse,
        expected_loss, expected_regret, region``. ``attrs["text"]`` says it in words.

    Raises
    ------
    DesignError
        If there are fewer than two candidates, two are the same, or one does not fit the posterior.
    """
    frame = _checked(candidates)
    if finetune_size is None:
        raise DesignError("finetune_size=None: give the D_f that candidates are compared at, such as 100000")
    name, sizes = one_task(posterior, task), settings_grid(finetune_size, {})
    designs = [frame.assign(task=name, finetune_size=size) for size in sizes["finetune_size"]]
    parts = [_at(posterior, design) for design in designs]
    result = pd.concat(parts, ignore_index=True)
    result.attrs["text"] = _text(result)
    return result


def _checked(candidates: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(candidates, pd.DataFrame) or len(candidates) < 2:
        raise DesignError("candidates must be a DataFrame with two or more rows: method, and base or sizes")
    frame = candidates[[c for c in COLUMNS if c in candidates]].reset_index(drop=True)
    if "method" not in frame:
        raise DesignError(
            f"candidates has no column 'method'; it has {', '.join(map(str, candidates.columns))}. Add it"
        )
    check_names(frame, ("method", "base", "family"), "candidates")
    for factor in (f for f in FACTORS if f in frame):
        check_sizes(frame[factor], required=False)
    if frame.duplicated().any():
        row = frame[frame.duplicated()].iloc[0].to_dict()
        raise DesignError(f"candidates: {row} is there twice; list each candidate once")
    return frame


def _at(posterior: "Answers", design: pd.DataFrame) -> pd.DataFrame:
    """Every candidate at one D_f."""
    losses = expected_loss(posterior, design)
    wins = losses.argmin(axis=1)[:, None] == np.arange(losses.shape[1])
    regret = losses - losses.min(axis=1, keepdims=True)
    known = [c for c in COLUMNS if c in design]
    return (
        pd.DataFrame({"task": design["task"], "candidate": names(design)})
        .join(design[known])
        .assign(
            finetune_size=design["finetune_size"],
            p_best=wins.mean(axis=0),
            mcse=errors_of_shares(wins, posterior.settings.chains),
            expected_loss=losses.mean(axis=0),
            expected_regret=regret.mean(axis=0),
            region=add_regions(posterior, completed(posterior, design), design)["region"],
        )
    )


def names(candidates: pd.DataFrame) -> list[str]:
    """A name of each candidate: its method, base LLM (or the sizes that it has instead) and PET size."""
    return [_name(row) for _, row in candidates.iterrows()]


def _name(row: "pd.Series[float]") -> str:
    has = [c for c in COLUMNS if c in row and not pd.isna(row[c])]
    on = [str(row["base"])] if "base" in has else [f"{c} {format_quantity(row[c])}" for c in has if c in FACTORS[:2]]
    pet = [f"pet_size {format_quantity(row['pet_size'])}"] if "pet_size" in has else []
    return ", ".join([str(row["method"]), *on, *pet])


def _text(result: pd.DataFrame) -> str:
    sentences = []
    for size, group in result.groupby("finetune_size", sort=False):
        best = group.sort_values("p_best").iloc[-1]
        sentences.append(
            f"At D_f {format_quantity(float(str(size)))}, {best['candidate']} is likeliest the best of {len(group)} "
            f"(P = {best['p_best']:.2f}, expected loss {best['expected_loss']:.3f})."
        )
    return f"{result['task'].iloc[0]}: {' '.join(sentences)}"
