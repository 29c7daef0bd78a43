"""``laws`` and ``backtest``: which law to believe, and what its bands are worth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.inputs import model_of, read_runs
from bayes_scaling.cli.output import answer, stage

if TYPE_CHECKING:
    from pandas import DataFrame

    from bayes_scaling.joint_law import JointLaw

Laws = Annotated[
    list[str] | None,
    typer.Option("--law", help="A law, such as multiplicative, additive, rectified or power; repeatable."),
]
Holdout = Annotated[
    str,
    typer.Option(
        help="largest_finetune_size, largest_model_size, leave_one_base_out, leave_one_family_out or rolling_origin."
    ),
]
By = Annotated[str | None, typer.Option(help="Columns whose groups are fitted alone, such as task,method,base.")]
Seed = Annotated[int, typer.Option(help="Same seed, same numbers on the same machine.")]
KNOWN = ("multiplicative", "additive", "rectified")


def laws(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.Runs,
    law: Laws = None,
    columns: options.Columns = None,
    factors: options.Factors = None,
    ceiling: options.Ceilings = None,
    by: By = None,
    seed: Seed = 0,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """Compare laws by the runs that they were not fitted to."""
    from bayes_scaling.law_comparison import compare_laws

    runs, models = _asked(source, columns, law or KNOWN, factors, ceiling)
    with stage(f"Fitting {len(models)} laws to {len(runs)} runs, and to the smaller sizes among them"):
        comparison = compare_laws(runs, models, by=_columns(by), seed=seed)
    answer(comparison.table, comparison.text, as_json=as_json, output=output)


def backtest(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.Runs,
    law: Laws = None,
    holdout: Holdout = "largest_finetune_size",
    columns: options.Columns = None,
    factors: options.Factors = None,
    ceiling: options.Ceilings = None,
    by: By = None,
    seed: Seed = 0,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """Hold runs out, fit the others, and count how often the bands told the truth; several laws are averaged."""
    from bayes_scaling.backtesting import backtest as run

    runs, models = _asked(source, columns, law or KNOWN[:1], factors, ceiling)
    with stage(f"Fitting all but the held-out of {len(runs)} runs"):
        result = run(runs, models, holdout, by=_columns(by), seed=seed)
    answer(result.table, result.text, as_json=as_json, output=output)


def _asked(
    source: str, columns: list[str] | None, laws: Sequence[str], factors: str | None, ceiling: list[str] | None
) -> tuple["DataFrame", list["JointLaw"]]:
    return read_runs(source, columns), [model_of(name, None, factors, ceiling) for name in laws]


def _columns(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))
