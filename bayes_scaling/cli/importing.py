"""``import``: runs that another tool recorded, as a runs table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.output import answer, write_csv

if TYPE_CHECKING:
    from bayes_scaling.runs.importers.importing import Kind
    from bayes_scaling.runs.importers.loss_of import At


def import_runs(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file (mlflow: or folder), or a pattern: 'runs/{method}-n{finetune_size}/trainer_state.json'.",
        ),
    ],
    kind: Annotated[str, typer.Option(help="trainer, wandb, mlflow, lm_eval or peft.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.csv", help="Where to write the runs table.")],
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Metric that is the loss; '1 - NAME' of a score, 'log NAME' of a perplexity."
        ),
    ] = None,
    at: Annotated[str, typer.Option(help="Which evaluation counts: last or best.")] = "last",
    columns: options.Columns = None,
    shared: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="COLUMN=VALUE", help="A column that all runs share, such as task=sum; repeatable."
        ),
    ] = None,
    names: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Pattern of runs' names, such as '{method}-n{finetune_size}'.")
    ] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Also runs that stopped before their end.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Write the runs table of what transformers' Trainer, W&B, MLflow, lm-evaluation-harness or peft recorded."""
    from bayes_scaling.runs.importers import import_runs as read

    runs = read(
        source,
        cast("Kind", kind),
        loss=loss,
        at=cast("At", at),
        columns=options.pairs(columns, "--column", "finetune_size=train_examples"),
        names=names,
        unfinished=unfinished,
        **options.pairs(shared, "--set", "task=sum"),
    )
    write_csv(runs, output)
    text = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} written to {output}. Next: bayes-scaling check {output}"
    answer(runs, text, as_json=as_json)
