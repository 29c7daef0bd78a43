"""``predict``, ``wins``, ``crossover``, ``choose`` and ``required``: what the posterior says of runs not yet made."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.inputs import read_design
from bayes_scaling.cli.options import size, sizes
from bayes_scaling.cli.output import answer
from bayes_scaling.quantities import parse_quantity

Method = Annotated[str, typer.Argument(help="A method of the fit, such as full or lora.")]


def predict(
    source: options.PosteriorFile,
    design: Annotated[
        Path,
        typer.Argument(metavar="DESIGN", help="Points to predict at: a table of method, finetune_size, ..."),
    ],
    kind: Annotated[str, typer.Option(help="mean: the expected loss; run: the loss of one new run.")] = "mean",
    prob: options.Prob = 0.9,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """Credible bands at the points of a design."""
    from bayes_scaling.storage import load_posterior

    points = read_design(design)
    table = load_posterior(source).predict(points, kind=cast(Literal["mean", "run"], kind), prob=prob)
    what = "one new run" if kind == "run" else "the expected loss"
    beyond = int((table["region"] == "beyond").sum())
    text = (
        f"{100 * prob:g} % bands of {what}, equal tails; distance is in decades outside the measured sizes. "
        f"{beyond} of {len(table)} points lie far beyond the runs of their method."
    )
    answer(table, text, as_json=as_json, output=output, prob=prob)


def wins(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.PosteriorFile,
    finetune_size: options.FinetuneSizes,
    model_size: options.ModelSizes = None,
    pretrain_size: options.PretrainSizes = None,
    pet_size: options.PetSizes = None,
    task: options.Task = None,
    base: options.Base = None,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """Probability that each method is best, at each D_f and combination of sizes."""
    at = [parse_quantity(text) for text in finetune_size]
    factors = {
        "model_size": sizes(model_size),
        "pretrain_size": sizes(pretrain_size),
        "pet_size": sizes(pet_size),
    }
    from bayes_scaling.storage import load_posterior

    table = load_posterior(source).win_probability(at, **factors, task=task, base=base)
    answer(table, str(table.attrs["text"]), as_json=as_json, output=output)


def crossover(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.PosteriorFile,
    first: Method,
    second: Method,
    model_size: options.ModelSizes = None,
    pretrain_size: options.PretrainSizes = None,
    pet_size: options.PetSizes = None,
    task: options.Task = None,
    prob: options.Prob = 0.9,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """D_f at which the expected losses of two methods meet, and how likely they never do."""
    model_sizes, pretrain_sizes, pet_sizes = sizes(model_size), sizes(pretrain_size), sizes(pet_size)
    from bayes_scaling.storage import load_posterior

    found = load_posterior(source).crossover(
        first,
        second,
        model_size=model_sizes,
        pretrain_size=pretrain_sizes,
        pet_size=pet_sizes,
        task=task,
        prob=prob,
    )
    answer(found.table, found.text, as_json=as_json, output=output, prob=prob)


def choose(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.PosteriorFile,
    finetune_size: options.FinetuneSize,
    model_size: options.ModelSize = None,
    pretrain_size: options.PretrainSize = None,
    pet_size: options.PetSize = None,
    cost: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD=COST",
            help="Cost of a method, such as full=10, or its 90 % interval, full=8:15; repeatable.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Regret that is practically nothing, in the loss's unit; by default one run's noise."),
    ] = None,
    task: options.Task = None,
    base: options.Base = None,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """The method to use at one D_f, or what to measure before choosing."""
    at, given = parse_quantity(finetune_size), options.costs(cost)
    factors = [size(text) for text in (model_size, pretrain_size, pet_size)]
    from bayes_scaling.storage import load_posterior

    choice = load_posterior(source).choose(
        at,
        model_size=factors[0],
        pretrain_size=factors[1],
        pet_size=factors[2],
        cost=given,
        margin=margin,
        task=task,
        base=base,
    )
    answer(choice.table, choice.text, as_json=as_json, output=output)


def required(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.PosteriorFile,
    method: Method,
    loss: Annotated[float, typer.Option(help="The expected loss to reach, in the loss's unit.")],
    of: Annotated[
        str, typer.Option(help="The size that is asked for: finetune_size, model_size ...")
    ] = "finetune_size",
    finetune_size: Annotated[str | None, typer.Option(metavar="SIZE", help="D_f, where another size is asked.")] = None,
    model_size: options.ModelSize = None,
    pretrain_size: options.PretrainSize = None,
    pet_size: options.PetSize = None,
    task: options.Task = None,
    base: options.Base = None,
    prob: options.Prob = 0.9,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """D_f, or another size, that a target loss takes, and how likely it is in reach."""
    given = [size(text) for text in (finetune_size, model_size, pretrain_size, pet_size)]
    from bayes_scaling.storage import load_posterior

    found = load_posterior(source).required(
        loss,
        method,
        of,
        finetune_size=given[0],
        model_size=given[1],
        pretrain_size=given[2],
        pet_size=given[3],
        task=task,
        base=base,
        prob=prob,
    )
    answer(found.table, found.text, as_json=as_json, output=output, prob=prob)
