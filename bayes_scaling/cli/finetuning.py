"""``finetune plan|run|status|export|pretrain|recipe``: real finetuning runs, from a study file to a runs table."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.interrupts import INTERRUPTED, ctrl_c_raises
from bayes_scaling.cli.output import answer, stage, write_csv

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.finetune.runs import RunConfig

READING = ("pydantic", "yaml")
TRAINING = (*READING, "torch", "transformers", "peft", "accelerate")
INSTALL = 'pip install "bayes_scaling[finetune]"'
NOT_FINISHED = 1
WATCH_SECONDS = 2.0

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="A study file.")]
Source = Annotated[Path, typer.Argument(metavar="STUDY.yaml|LEDGER", help="A study file, or the ledger of one.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at one time; by default what the study file says.")]


class EngineKind(StrEnum):
    """Where runs are run."""

    local = "local"
    ray = "ray"


app = typer.Typer(
    help="Real finetuning runs: plan, run and export the runs table of a study file.", no_args_is_help=True
)


@app.command()
def plan(
    source: StudyFile,
    calibrate: Annotated[bool, typer.Option(help="Time a few steps of each base and method on this machine.")] = True,
    as_json: options.AsJson = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.csv", help="Write a CSV file with a row per run.")
    ] = None,
) -> None:
    """Show what a study would run, how large it is, how long it takes, and what is done. Writes nothing."""
    _need(TRAINING)
    from bayes_scaling.finetune.config import load_study
    from bayes_scaling.finetune.planning.study_plan import plan as plan_study

    study = load_study(source)
    with stage("Checking the study and timing a few steps" if calibrate else "Checking the study") as progress:
        found = plan_study(study, calibrate=calibrate, say=progress)
    if output is not None:
        write_csv(found.runs, output)
    answer(found.table if as_json else found.shown, found.text, as_json=as_json)


@app.command()
def run(
    source: StudyFile,
    workers: Workers = None,
    engine: Annotated[EngineKind | None, typer.Option(help="By default what the study file says.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also run again what failed before.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Run what is missing of a study; may be killed and run again at any time."""
    _need(TRAINING)
    from bayes_scaling.finetune.config import load_study
    from bayes_scaling.finetune.running import run_study

    study = load_study(source)
    chosen = {"workers": workers, "kind": None if engine is None else engine.value}
    changes = {name: value for name, value in chosen.items() if value is not None}
    with _interruptible():
        outcome = run_study(study, engine=study.engine.model_copy(update=changes), retry_failed=retry_failed)
    answer(outcome.table, outcome.text, as_json=as_json)
    if outcome.unfinished:
        raise typer.Exit(NOT_FINISHED)


@app.command()
def status(
    source: Source,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it until nothing is left to run.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show how a study stands: counts, running runs, failures with their reasons, time left."""
    _need(READING)
    from bayes_scaling.finetune.results.status import standing

    ledger = _ledger(source)
    if watch and not as_json:
        from bayes_scaling.cli.watching import watch as watch_ledger

        watch_ledger(ledger, every=WATCH_SECONDS)
        return
    found = standing(ledger)
    answer(found.table, found.text, as_json=as_json)


@app.command()
def export(
    source: Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Runs table: .csv, .tsv, .jsonl or .parquet.")
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="All runs of the ledger, also those that the study file no longer has.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Write the runs table for 'check' and 'fit'. Diverged runs go into a file of their own beside it."""
    _need(READING if everything or not _is_study(source) else TRAINING)
    from bayes_scaling.finetune.results.export import check_finished, export_runs
    from bayes_scaling.finetune.results.exporting import check_target, summary, write_runs

    check_target(output)
    ledger = _ledger(source)
    table = export_runs(ledger, None if everything or not _is_study(source) else _runs_of(source))
    check_finished(table, ledger)
    written = write_runs(table, output)
    answer(summary(table), written.text, as_json=as_json)


@app.command()
def pretrain(
    source: Annotated[Path, typer.Argument(metavar="LADDER.yaml", help="A ladder file: sizes, corpus, token counts.")],
    workers: Workers = None,
    as_json: options.AsJson = False,
) -> None:
    """Pretrain a ladder of small causal LMs from nothing, to be finetuned as bases."""
    _need(TRAINING)
    from bayes_scaling.finetune.pretrain import pretrain_ladder

    with _interruptible():
        bases = pretrain_ladder(source, workers=workers, show=lambda line: typer.echo(line, err=True))
    text = f"{len(bases)} bases; loss in nats per token of held-out text. Next: name their folders in a study file."
    answer(_ladder(bases), text, as_json=as_json)


@app.command()
def recipe(
    name: Annotated[str, typer.Argument(help="pythia: sizes x checkpoints of the Pythia suite, for a GPU.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="STUDY.yaml", help="Where to write it.")],
) -> None:
    """Copy out a study file that is ready to run where its models and data can be reached."""
    _need(READING)
    from bayes_scaling.finetune.recipes import write_recipe

    write_recipe(name, output)
    typer.echo(f"Written to {output}. Next: bayes-scaling finetune plan {output}")


def _ladder(folders: list[Path]) -> "pd.DataFrame":
    """What each pretrained base says of itself."""
    import pandas as pd

    said = [json.loads((folder / "pretraining.json").read_text(encoding="utf-8")) for folder in folders]
    names = {
        "name": "base",
        "model_size": "model_size",
        "pretrain_size": "pretrain_size",
        "validation_loss_after": "loss",
    }
    rows = [{column: facts.get(name) for name, column in names.items()} for facts in said]
    return pd.DataFrame(rows, columns=list(names.values())).assign(folder=[str(folder) for folder in folders])


def _need(modules: tuple[str, ...]) -> None:
    """Tell missing libraries before anything else."""
    from bayes_scaling.finetune.errors import MissingExtraError

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"'bayes-scaling finetune' needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f"installed: {INSTALL}"
        )


def _is_study(source: Path) -> bool:
    return source.suffix.lower() in (".yaml", ".yml")


def _ledger(source: Path) -> Path:
    from bayes_scaling.finetune.config import load_study

    return load_study(source).ledger_path if _is_study(source) else source


def _runs_of(source: Path) -> "tuple[RunConfig, ...]":
    """The runs of a study file as it is now, with the learning rates that were chosen."""
    from bayes_scaling.finetune.config import load_study
    from bayes_scaling.finetune.errors import StudyError
    from bayes_scaling.finetune.running import known_runs

    study = load_study(source)
    try:
        return known_runs(study).runs
    except StudyError as error:
        raise StudyError(
            f"{error}\nTo export all runs of its ledger without looking at the study: bayes-scaling finetune export "
            f"{study.ledger_path.name} -o FILE, or --all"
        ) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        with ctrl_c_raises():
            yield
    except KeyboardInterrupt:
        typer.echo(f"Interrupted. What is finished is kept; the same command goes on: {_again()}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _again() -> str:
    return " ".join(["bayes-scaling", *sys.argv[1:]])
