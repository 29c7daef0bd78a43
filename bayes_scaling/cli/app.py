"""The commands, and what an error or a warning of the package looks like on the command line."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from bayes_scaling.cli import (
    buying,
    compare,
    finetuning,
    fitting,
    importing,
    judging,
    planning,
    predicting,
    reporting,
)
from bayes_scaling.errors import BayesScalingError

WRONG_INPUT = 2


class _Group(TyperGroup):
    """Commands whose errors on purpose are one message, without a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run a command."""
        try:
            with _told_warnings():
                return super().invoke(ctx)
        except BayesScalingError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(WRONG_INPUT) from error


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Print the package's warnings as plain text on stderr, each once."""
    told = set[str]()

    def tell(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if str(message) not in told:
            told.add(str(message))
            typer.echo(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=UserWarning, module=r"bayes_scaling\b")
        warnings.showwarning = tell
        yield


app = typer.Typer(
    cls=_Group,
    help="Bayesian scaling laws for LLM finetuning: exponents, bands and choices with honest uncertainty.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("demo")(fitting.demo)
app.command("import")(importing.import_runs)
app.command("check")(fitting.check)
app.command("fit")(fitting.fit)
app.command("exponents")(compare.exponents)
app.command("compare")(compare.compare)
app.command("predict")(predicting.predict)
app.command("wins")(predicting.wins)
app.command("crossover")(predicting.crossover)
app.command("choose")(predicting.choose)
app.command("required")(predicting.required)
app.command("next")(buying.next_runs)
app.command("plan-study")(planning.plan_study)
app.command("laws")(judging.laws)
app.command("backtest")(judging.backtest)
app.command("report")(reporting.report)
app.add_typer(finetuning.app, name="finetune")
