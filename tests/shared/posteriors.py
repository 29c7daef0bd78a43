"""Posteriors of known draws, made without sampling, on the runs of the paper."""

from dataclasses import replace

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.prediction import expected_loss

TASK = "WMT19 En-Zh"
METHODS = ("full", "prompt", "lora")  # the order of the cells
S8, S16 = 7.583e9, 14.78e9


def design(**columns):
    return pd.DataFrame({"method": ["lora"]}).assign(**{"model_size": S8, "finetune_size": 3e4, **columns})


def canned(runs, model=None, chains=2, draws=500, **families):
    """A posterior with given draws (numbers, or arrays that broadcast) and no sampling."""
    model = bs.JointLaw(discrepancy=False, base_slopes=False) if model is None else model
    runs = bs.load_runs(runs)
    layout = model.encode(runs).layout
    values = {"E": 1.0, "beta": 0.1, "alpha": 0.3, "reducible": 0.4, "sigma": 0.005, "nu": 30.0}
    values |= {"base_scale": 0.05, "base_share": 0.5, "base_common": 0.0, "base_effect": 0.0}
    values |= {"data_term": 0.2} if model.law == "additive" else {}
    counts = {"base_common": layout.n_commons, "base_effect": layout.n_effects}
    if model.slopes:
        values |= {"slope_scale": 0.2, "slope_share": 0.5, "base_slope": 0.0, "base_slope_common": 0.0}
        counts |= {"base_slope": layout.slopes.effect.size, "base_slope_common": layout.slopes.common.size}
    counts |= {"drift": layout.drift.knot.size}
    lengths = {name: counts.get(name, layout.family_size(name)) for name in values | families}
    full = {
        name: np.broadcast_to(np.asarray(value, float), (chains, draws, lengths[name])).copy()
        for name, value in (values | families).items()
        if lengths[name]
    }
    stats = {"diverging": np.zeros((chains, draws), bool)}
    return bs.Posterior(runs, model, full, stats, 0, NutsSettings(chains=chains, draws=draws))


def flat(runs, *losses, chains=2, draws=500, **families):
    """Methods whose expected loss is what is given, whatever the sizes: numbers or draws, one for each method."""
    columns = [np.broadcast_to(np.asarray(loss, float), (chains * draws,)) - 0.1 for loss in losses]
    floor = np.stack(columns, axis=-1).reshape(chains, draws, len(losses))
    still = {"beta": 0.0, "alpha": 0.0, "reducible": 0.1}
    return canned(runs, bs.JointLaw(base_effects=False), chains, draws, E=floor, **still, **families)


def loss_draws(fit, method, **columns):
    return expected_loss(fit, design(method=method, **columns))[:, 0]


def scattered(runs, model, chains=4, draws=100, seed=0):
    """A posterior whose every draw differs, made without sampling: what is computed from it is told draw by draw."""
    rng = np.random.default_rng(seed)
    layout = model.encode(bs.load_runs(runs)).layout

    def about(centre, spread, length):
        return centre * np.exp(spread * rng.standard_normal((chains, draws, length)))

    def effects(length):
        return 0.03 * rng.standard_t(4, (chains, draws, length))

    families = {name: about(*centre, layout.family_size(name)) for name, centre in CENTRES.items()}
    families["base_effect"], families["base_common"] = effects(layout.n_effects), effects(layout.n_commons)
    families["drift"] = rng.standard_normal((chains, draws, layout.drift.knot.size))
    if model.slopes:
        families |= {"base_slope": effects(layout.slopes.effect.size)}
        families |= {"base_slope_common": effects(layout.slopes.common.size)}
    if model.law == "additive":
        families["data_term"] = about(0.2, 0.2, layout.n_cells)
    if model.law == "rectified":
        families["prelearned"] = about(0.5, 0.3, layout.n_cells)
    posterior = canned(runs, model, chains, draws, **families)
    return replace(posterior, stats={**posterior.stats, "energy": rng.standard_normal((chains, draws))})


CENTRES = {  # median, and sd of the log
    "E": (0.9, 0.1),
    "beta": (0.08, 0.2),
    "alpha": (0.25, 0.2),
    "reducible": (0.4, 0.2),
    "sigma": (0.005, 0.3),
    "nu": (8.0, 0.3),
    "base_scale": (0.03, 0.3),
    "base_share": (0.5, 0.1),
    "slope_scale": (0.2, 0.2),
    "slope_share": (0.5, 0.1),
    "drift_scale": (0.01, 0.3),
}


def saved(runs, folder):
    """A small posterior that was not sampled, saved: three methods on the paper's first three LLMs, 100 draws."""
    few = runs[(runs.split == "fit") & runs.base.isin(["1B", "2B", "4B"])]
    path = folder / "small.nc"
    scattered(few, bs.JointLaw(), chains=2, draws=50).save(path)
    return path
