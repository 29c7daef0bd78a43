"""``next``: which runs to pay for."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.inputs import read_design
from bayes_scaling.cli.options import size
from bayes_scaling.cli.output import answer
from bayes_scaling.errors import BayesScalingError


def next_runs(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.PosteriorFile,
    candidates: Annotated[
        Path,
        typer.Argument(
            metavar="CANDIDATES", help="Runs that could be made: a table of method, finetune_size, cost ..."
        ),
    ],
    budget: Annotated[float | None, typer.Option(help="What may be spent, in the unit of the cost.")] = None,
    finetune_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="D_f that the method is chosen for; by default the largest candidate's."),
    ] = None,
    model_size: options.ModelSize = None,
    pretrain_size: options.PretrainSize = None,
    pet_size: options.PetSize = None,
    contrast: Annotated[
        str | None,
        typer.Option(help="Learn about two exponents instead, such as model_size,pretrain_size."),
    ] = None,
    task: options.Task = None,
    base: options.Base = None,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """The runs to make next, by what they are expected to teach per unit of cost."""
    given = [size(text) for text in (finetune_size, model_size, pretrain_size, pet_size)]
    about = None if contrast is None else _two(contrast)
    runs = read_design(candidates)
    from bayes_scaling.storage import load_posterior

    table = load_posterior(source).next_runs(
        runs,
        budget,
        finetune_size=given[0],
        model_size=given[1],
        pretrain_size=given[2],
        pet_size=given[3],
        task=task,
        base=base,
        contrast=about,
    )
    answer(table, str(table.attrs["text"]), as_json=as_json, output=output)


def _two(contrast: str) -> tuple[str, str]:
    names = [name.strip() for name in contrast.split(",")]
    if len(names) != 2:
        raise BayesScalingError(f"--contrast {contrast!r}: name two factors, such as model_size,pretrain_size")
    return names[0], names[1]
