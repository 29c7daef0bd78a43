"""The joint problem of ``speed_problem.py`` in plain NumPyro, as one would write it: its own NUTS, natural parameters.

    python benchmarks/rival_numpyro.py JOB.json DRAWS.npz

The job has every run's ``cell``, centred ``log_x`` (n, 3), centred ``log_d`` and ``log_loss``; every cell's ``method``,
``e_scale`` and ``reducible_loc``; and ``chains``, ``warmup``, ``draws``. Out come draws of E, beta and alpha, shape
(chains, draws, length), leapfrog steps a draw, divergences and the seconds of clock and cores, compilation included.
"""

import json
import os
import sys
import time
from typing import Any

os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={os.cpu_count()}"

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS

POSITIVE = np.array([1.0, 1.0, 0.0])  # factors whose exponents are pooled on the log


def model(data: dict[str, Any]) -> None:
    """Law, populations over tasks and Student-t noise."""
    method, cell = data["method"], data["cell"]
    populations = int(method.max()) + 1
    e = numpyro.sample("E", dist.HalfNormal(data["e_scale"]))
    reducible = numpyro.sample("reducible", dist.LogNormal(data["reducible_loc"], 1.0))
    nu = numpyro.sample("nu", dist.TruncatedNormal(2.0, 20.0, low=2.0))
    alpha = jnp.stack([exponent(f, populations, method) for f in range(3)], axis=1)
    numpyro.deterministic("alpha", alpha)
    beta_mean = numpyro.sample("beta_mean", dist.LogNormal(np.log(0.05), 1.0).expand([populations]))
    beta_scale = numpyro.sample("beta_scale", dist.HalfNormal(0.5))
    beta = numpyro.sample("beta", dist.LogNormal(jnp.log(beta_mean)[method], beta_scale))
    sigma_mean = numpyro.sample("sigma_mean", dist.LogNormal(np.log(0.01), 1.5).expand([populations]))
    sigma_scale = numpyro.sample("sigma_scale", dist.HalfNormal(0.5))
    sigma = numpyro.sample("sigma", dist.LogNormal(jnp.log(sigma_mean)[method], sigma_scale))
    fall = jnp.sum(alpha[cell] * data["log_x"], axis=1) + beta[cell] * data["log_d"]
    log_mean = jnp.logaddexp(jnp.log(reducible)[cell] - fall, jnp.log(e)[cell])
    numpyro.sample("log_loss", dist.StudentT(nu, log_mean, sigma[cell]), obs=data["log_loss"])


def exponent(factor: int, populations: int, method: np.ndarray) -> jax.Array:
    """One factor's exponents of all cells."""
    if POSITIVE[factor]:
        mean = numpyro.sample(f"alpha_mean_{factor}", dist.Gamma(2.0, 8.0).expand([populations]))
        scale = numpyro.sample(f"alpha_scale_{factor}", dist.HalfNormal(0.5))
        return numpyro.sample(f"alpha_{factor}", dist.LogNormal(jnp.log(mean)[method], scale))
    mean = numpyro.sample(f"alpha_mean_{factor}", dist.Normal(0.0, 0.1).expand([populations]))
    scale = numpyro.sample(f"alpha_scale_{factor}", dist.HalfNormal(0.05))
    return numpyro.sample(f"alpha_{factor}", dist.Normal(mean[method], scale))


def main() -> None:
    """One job in, draws out."""
    numpyro.enable_x64()
    with open(sys.argv[1]) as file:
        job = json.load(file)
    settings = {name: job.pop(name) for name in ("chains", "warmup", "draws")}
    began, cores = time.perf_counter(), time.process_time()
    sampler = MCMC(
        NUTS(model),
        num_warmup=settings["warmup"],
        num_samples=settings["draws"],
        num_chains=settings["chains"],
        progress_bar=False,
    )
    data = {name: np.array(value) for name, value in job.items()}
    sampler.run(jax.random.key(0), data, extra_fields=("num_steps", "diverging"))
    draws = sampler.get_samples(group_by_chain=True)
    stats = sampler.get_extra_fields(group_by_chain=True)
    alpha = np.asarray(draws["alpha"])
    np.savez(
        sys.argv[2],
        E=np.asarray(draws["E"]),
        beta=np.asarray(draws["beta"]),
        alpha=alpha.reshape(*alpha.shape[:2], -1),
        steps=np.asarray(stats["num_steps"]),
        diverging=np.asarray(stats["diverging"]),
        seconds=time.perf_counter() - began,
        core_seconds=time.process_time() - cores,
    )


if __name__ == "__main__":
    main()
