"""``exponents`` and ``compare``: what the posterior says of the law's parameters."""

from typing import Annotated

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.output import answer

Factor = Annotated[str, typer.Argument(help="model_size, pretrain_size, pet_size or finetune_size.")]


def exponents(
    source: options.PosteriorFile,
    prob: options.Prob = 0.9,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """Posterior of A, alpha, beta and E of every (task, method)."""
    from bayes_scaling.storage import load_posterior

    table = load_posterior(source).exponents(prob)
    text = (
        f"L = A X^-alpha D_f^-beta + E. Posterior mean, sd and {100 * prob:g} % highest-density interval; "
        "A and E are in the unit of the loss, exponents per unit of log size."
    )
    answer(table, text, as_json=as_json, output=output, prob=prob)


def compare(
    source: options.PosteriorFile,
    first: Factor,
    second: Factor,
    prob: options.Prob = 0.9,
    rope: Annotated[float, typer.Option(help="Half-width of practical equivalence.")] = 0.02,
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """Which factor's exponent is larger, and how sure that is."""
    from bayes_scaling.storage import load_posterior

    table = load_posterior(source).compare_exponents(first, second, prob=prob, rope=rope)
    answer(table, str(table.attrs["text"]), as_json=as_json, output=output, prob=prob)
