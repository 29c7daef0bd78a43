"""The joint problem of ``speed_problem.py`` in PyMC, sampled by nutpie; runs in an environment of its own.

    python3.12 -m venv ENV && ENV/bin/pip install pymc nutpie numba
    ENV/bin/python benchmarks/rival_pymc.py JOB.json DRAWS.npz

In and out as ``rival_numpyro.py``; compilation included.
"""

import json
import sys
import time

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt


def model(job: dict[str, np.ndarray]) -> pm.Model:
    """Law, populations over tasks and Student-t noise."""
    method, cell = job["method"], job["cell"]
    populations, cells = int(method.max()) + 1, method.size
    with pm.Model() as made:
        e = pm.HalfNormal("E", job["e_scale"], shape=cells)
        reducible = pm.LogNormal("reducible", job["reducible_loc"], 1.0, shape=cells)
        nu = pm.TruncatedNormal("nu", mu=2.0, sigma=20.0, lower=2.0)
        columns = []
        for f in range(2):
            mean = pm.Gamma(f"alpha_mean_{f}", alpha=2.0, beta=8.0, shape=populations)
            scale = pm.HalfNormal(f"alpha_scale_{f}", 0.5)
            columns.append(pm.LogNormal(f"alpha_{f}", pt.log(mean)[method], scale, shape=cells))
        mean = pm.Normal("alpha_mean_2", 0.0, 0.1, shape=populations)
        columns.append(pm.Normal("alpha_2", mean[method], pm.HalfNormal("alpha_scale_2", 0.05), shape=cells))
        alpha = pt.stack(columns, axis=1)
        beta_mean = pm.LogNormal("beta_mean", np.log(0.05), 1.0, shape=populations)
        beta = pm.LogNormal("beta", pt.log(beta_mean)[method], pm.HalfNormal("beta_scale", 0.5), shape=cells)
        sigma_mean = pm.LogNormal("sigma_mean", np.log(0.01), 1.5, shape=populations)
        sigma_scale = pm.HalfNormal("sigma_scale", 0.5)
        sigma = pm.LogNormal("sigma", pt.log(sigma_mean)[method], sigma_scale, shape=cells)
        fall = (alpha[cell] * job["log_x"]).sum(axis=1) + beta[cell] * job["log_d"]
        log_mean = pt.logaddexp(pt.log(reducible)[cell] - fall, pt.log(e)[cell])
        pm.StudentT("log_loss", nu=nu, mu=log_mean, sigma=sigma[cell], observed=job["log_loss"])
    return made


def main() -> None:
    """One job in, draws out."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    settings = {name: job.pop(name) for name in ("chains", "warmup", "draws")}
    began, cores = time.perf_counter(), time.process_time()
    compiled = nutpie.compile_pymc_model(model({name: np.array(value) for name, value in job.items()}))
    trace = nutpie.sample(
        compiled,
        draws=settings["draws"],
        tune=settings["warmup"],
        chains=settings["chains"],
        seed=0,
        progress_bar=False,
    )
    seconds, core_seconds = time.perf_counter() - began, time.process_time() - cores
    draws, stats = trace.posterior, trace.sample_stats
    np.savez(
        sys.argv[2],
        E=draws["E"].values,
        beta=draws["beta"].values,
        alpha=np.stack([draws[f"alpha_{f}"].values for f in range(3)], axis=-1).reshape(*draws["E"].shape[:2], -1),
        steps=stats["n_steps"].values,
        diverging=stats["diverging"].values,
        seconds=seconds,
        core_seconds=core_seconds,
    )


if __name__ == "__main__":
    main()
