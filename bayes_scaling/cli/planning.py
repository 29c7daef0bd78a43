"""``plan-study``: how many LLMs, sizes and seeds, before any run."""

from typing import Annotated

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.options import pairs
from bayes_scaling.cli.output import answer, stage
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.quantities import parse_quantity


def plan_study(  # noqa: PLR0913, PLR0917 - one parameter is one option
    contrast: Annotated[str, typer.Option(help="Two sizes whose exponents to tell apart, with a comma between.")],
    ranges: Annotated[
        list[str],
        typer.Option("--range", metavar="SIZE=LOW:HIGH", help="Smallest and largest, model_size=100M:10B; repeatable."),
    ],
    levels: Annotated[
        list[str],
        typer.Option(metavar="SIZE=N,N", help="How many levels to consider, such as model_size=3,6; repeatable."),
    ],
    exponents: Annotated[
        list[str],
        typer.Option("--exponent", metavar="SIZE=X", help="True exponent of each size, model_size=0.3; repeatable."),
    ],
    loss: Annotated[float, typer.Option(help="Expected loss at the centre of the ranges.")],
    floor: Annotated[float, typer.Option(help="E, the irreducible loss.")],
    noise: Annotated[float, typer.Option(help="Noise of runs, on log loss.")] = 0.005,
    base_scale: Annotated[float, typer.Option(help="How far base LLMs sit off the law, on log loss.")] = 0.02,
    slope_scale: Annotated[float, typer.Option(help="How far their fall with D_f differs, as a share of it.")] = 0.0,
    seeds: Annotated[str, typer.Option(help="Repeats of every setting to consider, with commas between.")] = "1",
    width: Annotated[float | None, typer.Option(help="Goal: an HDI narrower than this, not a sure sign.")] = None,
    power: Annotated[float, typer.Option(help="Share of studies that should reach the goal.")] = 0.9,
    prob: options.Prob = 0.9,
    studies: Annotated[int, typer.Option(help="Simulated studies of each design.")] = 100,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers on the same machine.")] = 0,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """How many model sizes, D_f points and seeds tell one exponent from another, by simulation."""
    from bayes_scaling.study_plan import plan_study as plan
    from bayes_scaling.study_simulation import truth_from_loss

    names = [name.strip() for name in contrast.split(",")]
    if len(names) != 2:
        raise BayesScalingError(f"--contrast {contrast!r}: name two sizes, such as model_size,pretrain_size")
    spans = {name: _span(text) for name, text in pairs(ranges, "--range", "model_size=100M:10B").items()}
    counts = {name: _whole(text, "--levels") for name, text in pairs(levels, "--levels", "model_size=3,6").items()}
    true = {name: _real(text) for name, text in pairs(exponents, "--exponent", "model_size=0.3").items()}
    scales = {"sigma": noise, "base_scale": base_scale, "slope_scale": slope_scale}
    truth = truth_from_loss(loss, floor, true, spans, **scales)
    with stage(f"Simulating {studies} studies of each design"):
        found = plan(
            truth,
            (names[0], names[1]),
            spans,
            counts,
            seeds=_whole(seeds, "--seeds"),
            width=width,
            power=power,
            prob=prob,
            studies=studies,
            seed=seed,
        )
    answer(found.table, found.text, as_json=as_json, output=output)


def _span(text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    if not colon:
        raise BayesScalingError(f"--range {text!r}: write the smallest and the largest, such as 100M:10B")
    return parse_quantity(low), parse_quantity(high)


def _whole(text: str, option: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise BayesScalingError(f"{option} {text!r}: whole numbers with commas between, such as 3,6") from error


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BayesScalingError(f"--exponent {text!r} is not a number; write --exponent model_size=0.3") from error
