"""The ArviZ groups of a posterior, with named dimensions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_scaling import arviz_bridge
from bayes_scaling.exponents import amplitudes_of
from bayes_scaling.models.layout import SCALAR_FAMILIES, Floats, Layout
from bayes_scaling.models.pooling import population_elements
from bayes_scaling.models.predictive import evaluate_runs, sample_prior
from bayes_scaling.runs import FACTORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bayes_scaling.posterior import Posterior

PRIOR_DRAWS = 1000
SCALARS = SCALAR_FAMILIES
DIMENSION = {
    "alpha": "term",
    "reducible": "amplitude",
    "A": "amplitude",
    "base_effect": "cell_base",
    "base_common": "task_base",
    "base_slope": "sloped_cell_base",
    "base_slope_common": "sloped_task_base",
    "drift": "knot",
    "base_family": "task_family",
    "alpha_mean": "alpha_population",
    "beta_mean": "population",
    "sigma_mean": "population",
    "alpha_scale": "factor",
}


def build(posterior: "Posterior") -> Any:
    """The ArviZ object with all groups, see :attr:`bayes_scaling.Posterior.idata`."""
    return arviz_bridge.to_idata(datasets(posterior))


def datasets(posterior: "Posterior") -> dict[str, xr.Dataset]:
    """Every group as an xarray dataset."""
    problem, layout = posterior.problem, posterior.layout
    replicated, log_likelihood = evaluate_runs(posterior.resolved, problem, posterior.draws, posterior.seed)
    prior, prior_loss = sample_prior(posterior.resolved, problem, PRIOR_DRAWS, posterior.seed)
    prior = {name: values[None] for name, values in prior.items()}
    run = ("chain", "draw", "run")
    stats = {name: (("chain", "draw"), values) for name, values in posterior.stats.items()}
    groups = {
        "posterior": _parameters(layout, posterior.resolved.pool, posterior.draws),
        "sample_stats": xr.Dataset(stats),
        "log_likelihood": xr.Dataset({"loss": (run, log_likelihood)}),
        "posterior_predictive": xr.Dataset({"loss": (run, replicated)}),
        "prior": _parameters(layout, posterior.resolved.pool, prior),
        "prior_predictive": xr.Dataset({"loss": (run, prior_loss[None])}),
        "observed_data": xr.Dataset({"loss": ("run", problem.loss)}),
        "constant_data": _constants(posterior),
    }
    return {name: _number_draws(group) for name, group in groups.items()}


def _number_draws(group: xr.Dataset) -> xr.Dataset:
    """Give chains and draws their numbers: ArviZ 1.x tells chains apart by them."""
    return group.assign_coords({d: np.arange(group.sizes[d]) for d in ("chain", "draw") if d in group.dims})


def _parameters(layout: Layout, pool: tuple[str, ...], families: "Mapping[str, Floats]") -> xr.Dataset:
    named = {**families, **amplitudes_of(layout, families)}
    variables = {
        name: (("chain", "draw"), values[..., 0])
        if name in SCALARS
        else (("chain", "draw", DIMENSION.get(name, "cell")), values)
        for name, values in named.items()
        if values.shape[-1]
    }
    used = {dimension for dims, _ in variables.values() for dimension in dims}
    coordinates = _coordinates(layout) | _of_populations(layout, pool)
    return xr.Dataset(variables, {k: v for k, v in coordinates.items() if k in used})


def _of_populations(layout: Layout, pool: tuple[str, ...]) -> dict[str, list[str]]:
    """Names of populations by what their members have in common, and of model families by task."""
    found = population_elements(layout, pool)
    families = zip(layout.families.task, layout.families.family, strict=True)
    named = {DIMENSION[f]: [" | ".join(e.labels) or "all" for e in found[f]] for f in found if f in DIMENSION}
    return named | {"task_family": [f"{task} | {family}" for task, family in families]}


def _coordinates(layout: Layout) -> dict[str, list[str]]:
    cells = [layout.cell_label(c) for c in range(layout.n_cells)]
    terms = zip(layout.cell_of_term, layout.factor_of_term, strict=True)
    amplitudes = zip(layout.cell_of_amplitude, layout.factor_of_amplitude, strict=True)
    effects = zip(layout.cell_of_effect, layout.base_of_effect, strict=True)
    commons = zip(layout.task_of_common, layout.base_of_common, strict=True)
    cell_bases = [f"{cells[c]} | {base}" for c, base in effects]
    task_bases = [f"{task} | {base}" for task, base in commons]
    return {
        "cell": cells,
        "term": [f"{cells[c]} | {factor}" for c, factor in terms],
        "amplitude": [f"{cells[c]} | {factor}" if factor else cells[c] for c, factor in amplitudes],
        "cell_base": cell_bases,
        "task_base": task_bases,
        "sloped_cell_base": [cell_bases[h] for h in layout.slopes.effect],
        "sloped_task_base": [task_bases[g] for g in layout.slopes.common],
        "knot": [f"{cells[c]} | {x:+.2f}" for c, x in zip(layout.drift.cell, layout.drift.knot, strict=True)],
    }


def _constants(posterior: "Posterior") -> xr.Dataset:
    runs = posterior.runs
    text = {name: ("run", runs[name].to_numpy(dtype=np.str_)) for name in ("task", "method", "base")}
    sizes = [name for name in ("finetune_size", *FACTORS, "loss_se") if name in runs]
    return xr.Dataset({**text, **{name: ("run", runs[name].to_numpy(np.float64)) for name in sizes}})
