"""What the command line names, as the library has it: runs tables, models, posteriors, designs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bayes_scaling.cli.options import ceiling as ceilings
from bayes_scaling.cli.options import factors as factor_names
from bayes_scaling.cli.options import pairs
from bayes_scaling.errors import BayesScalingError, RunsError

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.joint_law import JointLaw
    from bayes_scaling.models.noise import Noise


def read_runs(name: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Runs of a file, or of a shipped data set.

    Raises
    ------
    RunsError
        If there is neither, or the table breaks a rule.
    """
    from bayes_scaling.datasets import load_data
    from bayes_scaling.runs import load_runs

    own_names = pairs(columns, "--column", "loss=eval_loss")
    if Path(name).suffix or os.path.exists(name):  # unlike Path.exists, it takes a name that is too long
        return load_runs(name, own_names)
    try:
        shipped = load_data(name)
    except BayesScalingError as error:
        raise RunsError(f"RUNS {name!r}: there is no such file, and {error}") from error
    return load_runs(shipped, own_names)


def model_of(
    law: str,
    priors: str | None,
    factors: str | None,
    ceiling: Sequence[str] | None = None,
    pool: str | None = None,
    noise: str = "log loss",
) -> "JointLaw":
    """The model that the options describe; names of ``pool`` have commas between them."""
    from bayes_scaling.joint_law import JointLaw

    names = tuple(name.strip() for name in pool.split(",")) if pool else ()
    return JointLaw(
        law=law,
        priors=priors or {},
        factors=factor_names(factors),
        ceiling=ceilings(ceiling),
        pool=names,
        noise=cast("Noise", noise),
    )


def read_design(path: Path) -> "pd.DataFrame":
    """Points to predict at; sizes may be written as 100k.

    Raises
    ------
    DesignError
        If a size cannot be read.
    """
    from bayes_scaling.runs.convert import convert
    from bayes_scaling.runs.readers import read_table
    from bayes_scaling.runs.schema import NAMES

    return convert(read_table(path, NAMES))
