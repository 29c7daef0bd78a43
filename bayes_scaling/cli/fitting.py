"""``demo``, ``check`` and ``fit``: from runs to a posterior that can be trusted, or not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bayes_scaling.cli import options
from bayes_scaling.cli.inputs import model_of, read_runs
from bayes_scaling.cli.interrupts import INTERRUPTED
from bayes_scaling.cli.output import answer, stage
from bayes_scaling.errors import PosteriorFileError

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write the files.")] = Path(
        "demo-output"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the sampler.")] = 0,
) -> None:
    """Fit the runs of Zhang et al. (2024), say what follows, save tables and plots. Under a minute."""
    from bayes_scaling.demo import run

    run(output, seed, say=typer.echo, stage=stage)


def check(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: Annotated[
        str,
        typer.Argument(metavar="RUNS", help="A runs table (file or shipped data set), or a saved posterior (.nc)."),
    ],
    columns: options.Columns = None,
    law: options.Law = "multiplicative",
    priors: options.Priors = None,
    factors: options.Factors = None,
    ceiling: options.Ceilings = None,
    pool: options.Pool = None,
    noise: options.NoiseOf = "log loss",
    as_json: options.AsJson = False,
    output: options.TableFile = None,
) -> None:
    """Check a runs table and show the model it would get, or check a saved posterior."""
    if Path(source).suffix == ".nc":
        from bayes_scaling.storage import load_posterior

        checks = load_posterior(source).check()
        answer(checks.table, checks.text, as_json=as_json, output=output)
        return
    from bayes_scaling.model_text import cell_counts

    runs, model = read_runs(source, columns), model_of(law, priors, factors, ceiling, pool, noise)
    counts = cell_counts(runs, model.encode(runs).layout)
    zero = int((runs["finetune_size"] == 0).sum())
    which = f"{len(runs)} runs" + (f" ({zero} zero-shot, with D_f = 0)" if zero else "")
    text = f"{source}: {which}, and they pass every check of a runs table.\n\n{model.describe(runs)}"
    answer(counts, text, as_json=as_json, output=output, in_text=True)


def fit(  # noqa: PLR0913, PLR0917 - one parameter is one option
    source: options.Runs,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.nc", help="Where to save the posterior.")],
    columns: options.Columns = None,
    law: options.Law = "multiplicative",
    priors: options.Priors = None,
    factors: options.Factors = None,
    ceiling: options.Ceilings = None,
    pool: options.Pool = None,
    noise: options.NoiseOf = "log loss",
    seed: Annotated[int, typer.Option(help="Same seed, same draws on the same machine.")] = 0,
    draws: Annotated[int, typer.Option(help="Draws of each of four chains, in hundreds.")] = 1000,
    warmup: Annotated[int, typer.Option(help="Warm-up iterations of each chain, in hundreds.")] = 500,
    keep_on_interrupt: Annotated[
        bool, typer.Option("--keep-on-interrupt", help="On Ctrl-C save the draws that every chain has finished.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Fit a joint scaling law to runs and save its posterior."""
    from bayes_scaling.fitting import fit as fit_runs

    _check_folder(output)
    runs, model = read_runs(source, columns), model_of(law, priors, factors, ceiling, pool, noise)
    if not as_json:
        typer.echo(f"{model.describe(runs)}\n")
    with stage(f"Fitting {len(runs)} runs (compiling, then sampling)") as progress:
        posterior = fit_runs(
            runs, model, seed, draws=draws, warmup=warmup, progress=progress, keep_on_interrupt=keep_on_interrupt
        )
    if posterior.settings.asked:
        _save_interrupted(posterior, output)
    with stage("Checking and saving the posterior"):
        checks = posterior.check()
        posterior.save(output)
    answer(checks.table, f"{checks.text}\nThe posterior is saved in {output}.", as_json=as_json)


def _save_interrupted(posterior: "Posterior", output: Path) -> NoReturn:
    """Save what Ctrl-C left, and end as a command that was interrupted."""
    from bayes_scaling.convergence import kept_told

    posterior.save(output)
    typer.echo(f"Interrupted: {kept_told(posterior.settings)} and saved in {output}.", err=True)
    raise typer.Exit(INTERRUPTED)


def _check_folder(path: Path) -> None:
    """Tell a bad path now, and not when the sampling is done."""
    if path.is_dir() or not path.parent.is_dir():
        why = "it is a folder" if path.is_dir() else f"there is no folder {str(path.parent)!r}"
        raise PosteriorFileError(
            f"--output {str(path)!r}: {why}; name a file in a folder that exists, such as posterior.nc"
        )
