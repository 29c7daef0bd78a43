"""What the demo saves: the posterior, its tables and four plots."""

from pathlib import Path

from bayes_scaling.datasets import published_exponents
from bayes_scaling.demo.results import Results
from bayes_scaling.errors import BayesScalingError

DPI = 150


def prepare(folder: Path) -> None:
    """Make the folder, and tell a missing matplotlib now and not when the sampling is done."""
    import bayes_scaling.plots  # noqa: F401

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BayesScalingError(
            f"--output {str(folder)!r}: cannot make this folder ({error.strerror or error}); name another one"
        ) from error


def save(found: Results, folder: Path) -> dict[str, str]:
    """Write every file; returns name and content of each, in order."""
    found.posterior.save(folder / "posterior.nc")
    return {
        "posterior.nc": "the posterior with its model and runs; ArviZ opens it too",
        **_save_tables(found, folder),
        **_save_plots(found, folder),
    }


def _save_tables(found: Results, folder: Path) -> dict[str, str]:
    tables = {
        "checks.csv": (found.checks.table, "every check with its reason"),
        "exponents.csv": (found.exponents, "A, alpha, beta and E beside the paper's"),
        "comparison.csv": (found.comparison, "exponent of model size minus exponent of D_f"),
        "heldout_bands.csv": (found.bands, "90 % bands at the held-out points, and what was observed"),
        "win_probability.csv": (found.wins, "P(best), expected loss and regret of every method"),
        "crossover.csv": (found.crossover.table, "the D_f at which full and lora meet"),
        "choice.csv": (found.choice.table, "the methods at 100k examples on the 8B LLM"),
    }
    for name, (table, _) in tables.items():
        table.to_csv(folder / name, index=False)
    return {name: what for name, (_, what) in tables.items()}


def _save_plots(found: Results, folder: Path) -> dict[str, str]:
    import matplotlib as mpl

    from bayes_scaling import plots

    mpl.use("agg")
    posterior = found.posterior
    drawn = {
        "fit.png": (
            plots.plot_fit(posterior, found.held),
            "the fit with its bands, fitted and held-out points",
        ),
        "exponents.png": (
            plots.plot_exponents(posterior, published=published_exponents()),
            "forest of exponents with the paper's values",
        ),
        "win_probability.png": (plots.plot_wins(found.curve, posterior=posterior), "P(best) against D_f"),
        "crossover.png": (
            plots.plot_crossover(found.crossover, posterior=posterior),
            "posterior of the D_f at which full and lora meet",
        ),
    }
    for name, (axes, _) in drawn.items():
        axes[0].figure.canvas.print_figure(folder / name, dpi=DPI)
    mpl.pyplot.close("all")
    return {name: what for name, (_, what) in drawn.items()}
