"""Tables of several tasks, methods and families, and posteriors of pooled models made without sampling."""

from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.models.layout import Layout
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.models.pooling import PooledSite
from bayes_scaling.runs import validate_runs

S = 4000


def table(tasks: str = "abc", methods: tuple[str, ...] = ("full", "lora"), **columns: Any) -> pd.DataFrame:
    """Runs of three bases a task; the loss is a power law's, with a level and a wobble of its own for each task."""
    sizes = {"small": 1e8, "middle": 1e9, "large": 1e10}
    rows = [
        {"task": t, "method": m, "base": b, "model_size": n, "finetune_size": d}
        for t in tasks
        for m in methods
        for b, n in sizes.items()
        for d in (1e3, 1e4, 1e5)
    ]
    frame = pd.DataFrame(rows).assign(**columns)
    level = frame["task"].map({t: 1.0 + 0.3 * i for i, t in enumerate(tasks)})
    fall = 0.2 * np.log(frame["model_size"] / 1e9) + 0.1 * np.log(frame["finetune_size"] / 1e4)
    return frame.assign(loss=level + np.exp(-fall) + 0.002 * np.sin(np.arange(len(frame))))


def families_of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(family=frame["base"].map({"small": "Elm", "middle": "Elm", "large": "Oak"}))


MIDDLES = {"E": 1.0, "nu": 20.0, "base_share": 0.5, "reducible": 1.0, "data_term": 0.3, "prelearned": 0.3}
MIDDLES |= {"slope_share": 0.5, "beta_mean": 0.1, "alpha_mean": 0.2, "sigma_mean": 0.005, "drift_scale": 0.002}
SCALES = {"base_scale": 0.02, "family_scale": 0.1, "beta_scale": 0.1, "alpha_scale": 0.1, "sigma_scale": 0.3}
SCALES |= {"slope_scale": 0.1}


def canned(model: bs.JointLaw, runs: pd.DataFrame, draws: int = S) -> bs.Posterior:
    """A posterior with draws about sensible values, members drawn from their populations, and no sampling."""
    runs, rng = validate_runs(runs), np.random.default_rng(7)
    layout = model.encode(runs).layout
    sites = model.resolve(layout).sites
    size = {f: sum(len(s.index) for s in sites if s.family == f) for f in dict.fromkeys(s.family for s in sites)}
    middle = MIDDLES | SCALES | {"beta": 0.1, "alpha": 0.2, "sigma": 0.005}
    values = {f: middle[f] * np.exp((f in MIDDLES) * 0.02 * rng.normal(size=(draws, n))) for f, n in size.items()}
    for site in (s for s in sites if isinstance(s, PooledSite)):
        mean = values[site.mean_family][:, list(site.group)]
        deviation = values[site.scale_family][:, [site.scale_at]] * rng.normal(size=mean.shape)
        values[site.family][:, list(site.index)] = mean * np.exp(deviation) if site.positive else mean + deviation
    if model.base_effects:
        values |= base_draws(layout, values, rng, draws)
    if model.slopes:
        values |= slope_draws(layout, values, rng, draws)
    if model.drifts:
        values["drift"] = rng.normal(size=(draws, layout.drift.knot.size))
    shaped = {name: v.reshape(4, draws // 4, -1) for name, v in values.items()}
    stats = {"diverging": np.zeros((4, draws // 4), bool)}
    return bs.Posterior(runs, model, shaped, stats, 0, NutsSettings(chains=4, draws=draws // 4))


def base_draws(layout: Layout, values: dict[str, np.ndarray], rng: np.random.Generator, draws: int) -> Any:
    common = rng.standard_t(4, size=(draws, layout.n_commons))
    own = rng.standard_t(4, size=(draws, layout.n_effects))
    effect = values["base_scale"] * np.sqrt(0.5) * (common[:, layout.common_of_effect] + own)
    found = {"base_common": common, "base_effect": effect}
    if layout.families.family:
        found["base_family"] = rng.standard_t(4, size=(draws, len(layout.families.family)))
        of_effect = layout.families.of_common[layout.common_of_effect]
        found["base_effect"] = effect + values["family_scale"] * found["base_family"][:, of_effect]
    return found


def slope_draws(layout: Layout, values: dict[str, np.ndarray], rng: np.random.Generator, draws: int) -> Any:
    common = rng.standard_t(4, size=(draws, layout.slopes.common.size))
    own = rng.standard_t(4, size=(draws, layout.slopes.effect.size))
    slope = values["slope_scale"] * np.sqrt(0.5) * (common[:, layout.slopes.common_of] + own)
    return {"base_slope_common": common, "base_slope": slope}


# --- the model


def design(task: str, **columns: Any) -> pd.DataFrame:
    rows = {"task": [task] * 2, "method": ["full", "lora"], "model_size": 1e9, "finetune_size": 1e4}
    return pd.DataFrame(rows).assign(**columns)
