"""Second modes: does the posterior of a cell of the measured ladder have a mode that the sampler does not start at?

    python benchmarks/two_modes.py en_de lora
    python benchmarks/two_modes.py en_de lora --signed    # the broken twin

NUTS starts at one mode, found from the middle of the priors, so no chain may ever visit another one, and R-hat cannot
tell. Here modes are looked for twice at each of several scales of base effects: from the middle of the priors, as the
sampler does, and from the mode at the scale before. The table has each mode's law and its Laplace evidence, all but the
scale of base effects free: two laws within a few nats of each other are two modes.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.laplace import Normal, laplace
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.programs import Shape, data_of, program
from bayes_scaling.models.starts import start
from bayes_scaling.models.whitening import followers

TRIED_SCALES = tuple(2.0 ** np.arange(-3.0, 2.5, 0.5))  # multiples of where the scale of base effects starts
SIGNED = {"beta": dist.StudentT(4.0, 0.1, 0.1)}
SHOWN = ("beta", "E", "reducible", "sigma", "base_scale")


@in_float64
def modes(runs: pd.DataFrame, model: bs.JointLaw) -> pd.DataFrame:
    """Modes of a model's posterior, a row each."""
    problem = model.encode(bs.load_runs(runs))
    resolved = model.resolve(problem.layout)
    coordinates = Coordinates(resolved, problem, True)
    compiled, data = program(Shape(coordinates)), data_of(coordinates)

    def potential(z: np.ndarray) -> tuple[float, np.ndarray]:
        return compiled.value_and_gradient(z, data)

    rows = []
    for from_before in (False, True):
        for normal in _along_scales(coordinates, potential, from_before):
            families, _ = coordinates.to_families(jnp.asarray(normal.mean))
            found = {name: float(np.asarray(families[name])[0]) for name in SHOWN}
            rows.append({"from": "the mode before" if from_before else "priors"} | found)
            rows[-1]["log evidence"] = evidence(potential, normal)
    return pd.DataFrame(rows)


def _along_scales(c: Coordinates, potential: Any, from_before: bool) -> Iterator[Normal]:
    _, scale_at = followers(c)
    if scale_at is None:
        raise SystemExit("these runs have no base effects whose scale is free: there is nothing to go along")
    z = start(c)
    typical = z[scale_at]
    for multiple in TRIED_SCALES:
        z = z.copy()
        z[scale_at] = typical + np.log(multiple)
        normal = laplace(potential, z, np.arange(c.size) == scale_at)
        z = normal.mean if from_before else z
        yield normal


def evidence(potential: Any, normal: Normal) -> float:
    """Log of the integral of exp(-potential) by Laplace, up to a constant."""
    return float(np.linalg.slogdet(normal.factor)[1] - potential(normal.mean)[0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("method")
    parser.add_argument("--split", choices=["fit", "all"], default="fit")
    parser.add_argument("--signed", action="store_true", help="the broken twin: beta of either sign")
    asked = parser.parse_args()
    model = bs.JointLaw(priors=SIGNED) if asked.signed else bs.JointLaw()
    runs = bs.load_data("ladder").query("task == @asked.task and method == @asked.method")
    table = modes(runs[runs["split"] == "fit"] if asked.split == "fit" else runs, model)
    print(table.to_string(index=False, float_format=lambda x: f"{x:.3f}"))
    print("\n" + verdict(table))


def verdict(table: pd.DataFrame) -> str:
    """What the best modes of either sign of beta come to."""
    best = table.sort_values("log evidence").groupby(table["beta"] > 0)["log evidence"].last()
    if best.size == 1:
        return "one sign of beta"
    return f"two modes: log evidence {best[True]:.1f} with beta above 0, {best[False]:.1f} below"


if __name__ == "__main__":
    main()
