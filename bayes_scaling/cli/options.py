"""Arguments and options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.quantities import parse_quantity

Runs = Annotated[
    str,
    typer.Argument(metavar="RUNS", help="A CSV, TSV, JSONL or Parquet file, or the name of a shipped data set."),
]
PosteriorFile = Annotated[Path, typer.Argument(metavar="POSTERIOR", help="A posterior that 'bayes-scaling fit' saved.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=YOURS", help="What you call a column, such as loss=eval_loss; repeatable."),
]
Law = Annotated[str, typer.Option(help="multiplicative, additive, rectified or power.")]
Ceilings = Annotated[
    list[str] | None,
    typer.Option(
        "--ceiling",
        metavar="[TASK=]LOSS",
        help="Loss that no expected loss of a bounded metric exceeds, such as 0.5, or mrpc=0.32; repeatable.",
    ),
]
Priors = Annotated[
    str | None,
    typer.Option(metavar="PRESET", help="Preset of priors from published exponents, such as besiroglu2024."),
]
Factors = Annotated[
    str | None,
    typer.Option(help="Factors to scale by, with commas between them, or none; by default every one that varies."),
]
Pool = Annotated[
    str | None,
    typer.Option(help="What to pool over, with commas between the names: task, method, family; by default nothing."),
]
NoiseOf = Annotated[
    str,
    typer.Option("--noise", help="Noise of runs: of their 'log loss' (a share of the loss), or of their 'loss'."),
]
Prob = Annotated[float, typer.Option(help="Probability inside the intervals.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object: table and text.")]
TableFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE.csv", help="Also write the whole table to a CSV file."),
]
FinetuneSizes = Annotated[
    list[str],
    typer.Option("--finetune-size", metavar="SIZE", help="D_f in examples, such as 10k; repeatable."),
]
FinetuneSize = Annotated[str, typer.Option("--finetune-size", metavar="SIZE", help="D_f in examples, such as 100k.")]
ModelSizes = Annotated[
    list[str] | None,
    typer.Option("--model-size", metavar="SIZE", help="Non-embedding parameters of the LLM, such as 1.5B; repeatable."),
]
PretrainSizes = Annotated[
    list[str] | None,
    typer.Option("--pretrain-size", metavar="SIZE", help="Pretraining tokens, such as 84B; repeatable."),
]
PetSizes = Annotated[
    list[str] | None,
    typer.Option("--pet-size", metavar="SIZE", help="LoRA rank or prompt length; repeatable."),
]
ModelSize = Annotated[
    str | None,
    typer.Option("--model-size", metavar="SIZE", help="Non-embedding parameters of the LLM, such as 8B."),
]
PretrainSize = Annotated[
    str | None, typer.Option("--pretrain-size", metavar="SIZE", help="Pretraining tokens, such as 84B.")
]
PetSize = Annotated[str | None, typer.Option("--pet-size", metavar="SIZE", help="LoRA rank or prompt length.")]
Task = Annotated[str | None, typer.Option(help="Task of the fit; by default every one.")]
Base = Annotated[
    str | None,
    typer.Option(help="Name of the base LLM; by default the fitted one of these sizes, or else a new one."),
]


def size(text: str | None) -> float | None:
    """A size on the command line, or None where none was given."""
    return None if text is None else parse_quantity(text)


def sizes(texts: Sequence[str] | None) -> list[float] | None:
    """Sizes on the command line, or None where none was given."""
    return [parse_quantity(text) for text in texts] if texts else None


def pairs(texts: Sequence[str] | None, option: str, example: str) -> dict[str, str]:
    """``NAME=VALUE`` of a repeatable option.

    Raises
    ------
    BayesScalingError
        If one has no name, no value, or a name that came before.
    """
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise BayesScalingError(
                f"{option} {text!r}: write a name, an equals sign and a value, such as {option} {example}"
            )
        if name in found:
            raise BayesScalingError(f"{option} {text!r}: {name} was given before, as {found[name]!r}; give it once")
        found[name] = value
    return found


def costs(texts: Sequence[str] | None) -> dict[str, float | tuple[float, float]] | None:
    """Method to cost, or to the two ends of its 90 % interval, or None where no cost was given.

    Raises
    ------
    BayesScalingError
        If a cost is not a number.
    """
    given = pairs(texts, "--cost", "full=10")
    return {method: _cost(method, value) for method, value in given.items()} or None


def _cost(method: str, text: str) -> float | tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        return (float(low), float(high)) if colon else float(low)
    except ValueError as error:
        raise BayesScalingError(
            f"--cost {method}={text}: {text!r} is not a number; write --cost {method}=10, or --cost {method}=8:15"
        ) from error


def ceiling(texts: Sequence[str] | None) -> float | dict[str, float] | None:
    """One ceiling for every task, or task to ceiling, or None where none was given.

    Raises
    ------
    BayesScalingError
        If one is not a number.
    """
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return _number(texts[0], "--ceiling", "0.5")
    return {task: _number(v, "--ceiling", f"{task}=0.5") for task, v in pairs(texts, "--ceiling", "mrpc=0.32").items()}


def _number(text: str, option: str, example: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BayesScalingError(f"{option}: {text!r} is not a number; write {option} {example}") from error


def factors(text: str | None) -> tuple[str, ...] | None:
    """Names of factors with commas between them; ``none`` is no factor."""
    if text is None:
        return None
    return () if text == "none" else tuple(name.strip() for name in text.split(","))
