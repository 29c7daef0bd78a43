"""Seconds to a posterior, beside plain NumPyro, PyMC with nutpie, a bootstrap and a point fit; a table of ratios.

    python benchmarks/posterior_speed.py --pymc ENV/bin/python --bootstrap ENV/bin/python
    python benchmarks/posterior_speed.py joint curve --iterations 300

``joint``: nine (task, method) cells, three factors each, 648 runs, Student-t noise, exponents pooled over tasks. Every
sampler has its own process and its own compilation; ours is run with an empty folder of compiled programs and again
with what the first left there. ``ess`` is the smallest bulk ESS of E, beta and alpha; ``z`` the largest difference of a
mean from plain NumPyro's, over its Monte Carlo error; ``sd`` the largest ratio of standard deviations, either way.
``curve``: one cell of 240 runs, independent draws beside the 1,000 refits of simple-scaling-laws and the starts of a
point fit by L-BFGS. ``light``: importing, ``--help``, the demo. ``limit``: the gradient's arithmetic.

The rivals' environments: see ``rival_pymc.py`` and ``rival_intervals.py``. ``over_numpyro`` is the ratio of ESS by the
clock's seconds, ``over_numpyro_cores`` that of ESS a core second; threads that wait for work count in the latter.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import speed_problem
from scaling import machine
from scipy.optimize import minimize

import bayes_scaling as bs
from bayes_scaling.arviz_bridge import ess
from bayes_scaling.models.coordinates import Coordinates
from bayes_scaling.models.programs import Shape, data_of, program

HERE = Path(__file__).parent
STARTS = 256
CACHE = "JAX_COMPILATION_CACHE_DIR"
Draws = dict[str, np.ndarray]


def main() -> None:
    """Measure the parts that are asked for, print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"joint": joint, "curve": curve, "light": light, "limit": limit}
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="all of them by default")
    parser.add_argument("--pymc", type=Path, help="python that has pymc and nutpie")
    parser.add_argument("--bootstrap", type=Path, help="python that has simple-scaling-laws")
    parser.add_argument("--iterations", type=int, default=1000, help="of the rivals' warm-up, and draws of each chain")
    parser.add_argument("--ours", nargs=2, metavar=("JOB", "DRAWS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ours:
        of_ours(*map(Path, given.ours))
        return
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}\n", flush=True)
    for name in given.parts or parts:
        print(f"{name}\n{parts[name](given).to_string(index=False, float_format='%.3g')}\n", flush=True)


def joint(given: argparse.Namespace) -> pd.DataFrame:
    """Each sampler on the joint problem."""
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        settings = {"chains": 4, "warmup": given.iterations, "draws": given.iterations}
        job.write_text(json.dumps(speed_problem.job(speed_problem.simulated()) | settings))
        cache = {CACHE: folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
        ours = [sys.executable, __file__, "--ours"]
        found = {
            "plain NumPyro": sampled([sys.executable, str(HERE / "rival_numpyro.py")], job, {CACHE: ""}),
            "bayes_scaling": sampled(ours, job, cache),
            "bayes_scaling, compiled before": sampled(ours, job, cache),
        }
        if given.pymc:
            found["PyMC, nutpie"] = sampled([str(given.pymc), str(HERE / "rival_pymc.py")], job, {})
    reference = found["plain NumPyro"]
    rows = pd.DataFrame([{"sampler": name} | summary(draws, reference) for name, draws in found.items()])
    clock, cores = (rows["ess"] / rows[name] for name in ("seconds", "core_seconds"))
    return rows.assign(ess_a_second=clock, over_numpyro=clock / clock[0], over_numpyro_cores=cores / cores[0])


def sampled(command: list[str], job: Path, variables: dict[str, str]) -> Draws:
    """Draws of a process of its own."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        environment = {name: value for name, value in (os.environ | variables).items() if value}
        subprocess.run([*command, str(job), file.name], check=True, env=environment, stdout=sys.stderr)
        with np.load(file.name) as arrays:
            return dict(arrays)


def of_ours(job: Path, to: Path) -> None:
    """Fit the job's runs as any user would, and write what the rivals write."""
    settings = json.loads(job.read_text())
    runs = speed_problem.simulated()
    began, cores = time.perf_counter(), time.process_time()
    fit = bs.fit(runs, speed_problem.MODEL, chains=settings["chains"], engine="nuts")
    seconds, core_seconds = time.perf_counter() - began, time.process_time() - cores
    families = {name: fit.draws[name] for name in ("E", "beta", "alpha")}
    stats = {"steps": fit.stats["n_steps"] * fit.settings.thin, "diverging": fit.stats["diverging"]}
    np.savez(to, seconds=seconds, core_seconds=core_seconds, **families, **stats)


def summary(draws: Draws, reference: Draws) -> dict[str, float]:
    """What is printed of one sampler."""
    every, other = (np.concatenate([d[name] for name in ("E", "beta", "alpha")], axis=-1) for d in (draws, reference))
    sizes, others = ([ess(e[..., i]) for i in range(e.shape[-1])] for e in (every, other))
    sd, other_sd = every.std(axis=(0, 1)), other.std(axis=(0, 1))
    error = np.sqrt(sd**2 / sizes + other_sd**2 / others)
    z = np.abs(every.mean(axis=(0, 1)) - other.mean(axis=(0, 1))) / error
    return {
        "seconds": float(draws["seconds"]),
        "core_seconds": float(draws["core_seconds"]),
        "draws": every[..., 0].size,
        "steps_a_draw": float(draws["steps"].mean()),
        "divergences": int(draws["diverging"].sum()),
        "ess": min(sizes),
        "z": z.max(),
        "sd": np.exp(np.abs(np.log(sd / other_sd)).max()),
    }


def one_cell(seed: int) -> pd.DataFrame:
    """240 runs of one method: four LLMs, sixty D_f, normal noise."""
    levels = [np.geomspace(1e8, 8e9, 4), np.geomspace(500, 5e5, 60)]
    design = pd.MultiIndex.from_product(levels, names=["model_size", "finetune_size"]).to_frame(index=False)
    truth = bs.Truth({"full": bs.CellTruth(alpha={"model_size": 0.15}, beta=0.2, E=1.2, A=200.0, sigma=0.01)})
    return bs.simulate_runs(design.assign(method="full"), truth, seed=seed)


def curve(given: argparse.Namespace) -> pd.DataFrame:
    """4,000 independent draws, NUTS, the rival's bootstrap and a point fit."""
    model = bs.JointLaw(base_effects=False, priors={"nu": 1e6})
    bs.fit(one_cell(0), model, engine="exact")  # compiles
    runs = one_cell(1)
    rows = [timed("bayes_scaling, exact engine", lambda: bs.fit(runs, model, engine="exact"))]
    rows.append(timed("bayes_scaling, NUTS, compiled before", lambda: bs.fit(runs, model, engine="nuts")))
    rows.append(timed(f"point fit, L-BFGS from {STARTS} starts", lambda: point_fit(runs)))
    if given.bootstrap:
        rows.append(timed("simple-scaling-laws, 1,000 refits", lambda: bootstrap(given.bootstrap, runs)))
    table = pd.DataFrame(rows)
    return table.assign(over_exact=table["core_seconds"] / table["core_seconds"][0])


def timed(name: str, work: Callable[[], Any]) -> dict[str, Any]:
    """The median of three times, and the means of E, alpha and beta that came out."""
    taken = []
    for _ in range(3):
        began, cores = time.perf_counter(), time.process_time()
        found = work()
        spent = time.process_time() - cores
        told = found if isinstance(found, dict) else {}
        taken.append((time.perf_counter() - began, told.get("core_seconds", spent)))
    seconds, core_seconds = np.median(taken, axis=0)
    return {"what": name, "seconds": seconds, "core_seconds": core_seconds} | estimates(found)


def estimates(found: Any) -> dict[str, float]:
    """E, alpha and beta, where there are any."""
    if isinstance(found, bs.Posterior):
        return {name: float(found.family(name).mean()) for name in ("E", "alpha", "beta")}
    return {name: found[name] for name in ("E", "alpha", "beta") if name in found}


def point_fit(runs: pd.DataFrame) -> dict[str, float]:
    """The law by least squares on log loss, the best of many starts."""
    log_x, log_d = (np.log(runs[name]) - np.log(runs[name]).mean() for name in ("model_size", "finetune_size"))
    columns = [jnp.asarray(values.to_numpy(np.float64)) for values in (log_x, log_d, np.log(runs["loss"]))]

    @jax.jit
    def objective(p: jax.Array, x: jax.Array, d: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.value_and_grad(lambda p: jnp.sum((y - jnp.logaddexp(p[1] - p[2] * x - p[3] * d, p[0])) ** 2))(p)

    starts = np.random.default_rng(0).normal([0.0, 0.0, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2], (STARTS, 4))
    with jax.enable_x64(True):
        found = [
            minimize(lambda p: tuple(map(np.asarray, objective(p, *columns))), s, jac=True, method="L-BFGS-B")
            for s in starts
        ]
    best = min(found, key=lambda one: float(one.fun)).x
    return {"E": float(np.exp(best[0])), "alpha": float(best[2]), "beta": float(best[3])}


def bootstrap(python: Path, runs: pd.DataFrame) -> dict[str, float]:
    """The rival's fit, its refits included, in its own environment."""
    points = runs[["model_size", "finetune_size"]].head(1).astype(float)
    job = {"runs": runs[["model_size", "finetune_size", "loss"]].astype(float).to_numpy().tolist(), "seed": 0}
    command, told = (
        [str(python), str(HERE / "rival_intervals.py")],
        json.dumps(job | {"points": points.to_numpy().tolist()}),
    )
    answer = subprocess.run(command, input=told, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {"core_seconds": float(json.loads(answer)["seconds"])}


def light(_: argparse.Namespace) -> pd.DataFrame:
    """Importing, ``--help`` and the demo's second run: medians of five, of three for the demo."""
    tool = str(Path(sys.executable).with_name("bayes-scaling"))
    with tempfile.TemporaryDirectory() as folder:
        demo = [tool, "demo", "--output", folder]
        subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)
        commands = {"import bayes_scaling": [sys.executable, "-c", "import bayes_scaling"], "--help": [tool, "--help"]}
        rows = [in_process(name, command, 5) for name, command in commands.items()]
        return pd.DataFrame([*rows, in_process("demo, second run", demo, 3)])


# Started by a small process: Linux gives a child the peak of the process that starts it
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def in_process(name: str, command: list[str], times: int) -> dict[str, Any]:
    """Medians of a command's seconds and core seconds, and the peak of its memory, of one more time."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        taken.append((time.perf_counter() - began, used.ru_utime + used.ru_stime))
    seconds, core_seconds = np.median(taken, axis=0)
    peak = subprocess.run([sys.executable, "-c", PEAK, *command], stdout=subprocess.PIPE, text=True, check=True)
    return {"what": name, "seconds": seconds, "core_seconds": core_seconds, "peak_mb": int(peak.stdout) / 1000}


def limit(_: argparse.Namespace) -> pd.DataFrame:
    """One gradient of the joint problem: what it takes, and what its arithmetic would at full throughput."""
    problem = speed_problem.MODEL.encode(speed_problem.simulated())
    with jax.enable_x64(True):
        model = speed_problem.MODEL.resolve(problem.layout)
        coordinates = Coordinates(model, problem, True)
        compiled, data = program(Shape(coordinates)), data_of(coordinates)
        z = jnp.zeros(coordinates.size)
        gradient = compiled.gradient.lower(z, data).compile()
        counted = gradient.cost_analysis()
        cells = jnp.ones(4096)
        flops = 32 * cells.size / best(jax.jit(lambda x: many(x, lambda v: v * 0.999 + 1e-3, 16)), cells)
        exps = 4 * cells.size / best(jax.jit(lambda x: many(x, jnp.exp, 4)), -cells)
        taken = best(gradient, z, data)
    arithmetic = counted["flops"] / flops + counted["transcendentals"] / exps
    return pd.DataFrame(
        [
            {
                "gradient_us": 1e6 * taken,
                "arithmetic_us": 1e6 * arithmetic,
                "times": taken / arithmetic,
                "flops": counted["flops"],
                "transcendentals": counted["transcendentals"],
                "gflops_a_second": flops / 1e9,
                "exps_a_second_1e9": exps / 1e9,
            }
        ]
    )


def many(x: jax.Array, step: Callable[[jax.Array], jax.Array], times: int) -> jax.Array:
    """A step several times over, fused."""
    for _ in range(times):
        x = step(x)
    return x


def best(work: Callable[..., Any], *arguments: Any) -> float:
    """The shortest of many times: what the machine can do when nothing is in the way."""
    jax.block_until_ready(work(*arguments))
    taken = []
    for _ in range(2000):
        began = time.perf_counter()
        jax.block_until_ready(work(*arguments))
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    main()
