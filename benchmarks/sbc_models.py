"""What is calibrated: every shipped model at a small fixed design, and its broken twins.

Priors are given in numbers: the defaults scale with the data, and a truth is drawn before there are data.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import numpyro.distributions as dist
import pandas as pd

import bayes_scaling as bs

CURVE_PRIORS: dict[str, Any] = {
    "E": dist.Gamma(8.0, 10.0),
    "reducible": dist.LogNormal(-0.3, 0.5),
    "beta": dist.Gamma(4.0, 20.0),
    "sigma": dist.LogNormal(math.log(0.01), 0.5),
}
JOINT_PRIORS: dict[str, Any] = {
    "E": dist.Gamma(8.0, 10.0),
    "reducible": dist.LogNormal(-0.7, 0.5),
    "beta": dist.Gamma(3.0, 30.0),
    "sigma": dist.LogNormal(math.log(0.005), 0.4),
    "base_scale": dist.LogNormal(math.log(0.01), 0.5),
    "slope_scale": dist.LogNormal(math.log(0.2), 0.5),
}
DATA_TERM: dict[str, Any] = {"data_term": dist.LogNormal(-1.0, 0.5)}  # the additive law has one more
CEILING = 2.0
LAWS = ("multiplicative", "additive", "rectified")
NEW_BASE = "a base LLM that no run has seen"


@dataclass(frozen=True)
class Twin:
    """A wrong way of fitting: another model, or runs with more noise than the model's."""

    name: str
    fitted: bs.JointLaw | None = None
    noise: float = 1.0


@dataclass(frozen=True)
class Case:
    """A model, the runs it is calibrated at, the points it predicts, and its broken twin.

    ``options`` go to ``bs.fit``: draws, chains and the like.
    """

    name: str
    model: bs.JointLaw
    design: pd.DataFrame
    points: pd.DataFrame
    twin: Twin
    options: Mapping[str, int] = field(default_factory=dict)


def curves() -> list[Case]:
    """One (task, method) without base effects, by sequential Monte Carlo: with and without drift, below a ceiling."""
    return [*(_curve(law, drift) for law, drift in product(LAWS, (False, True))), _bounded()]


def _bounded() -> Case:
    """The multiplicative law's curve below a ceiling that it comes near to."""
    plain = _curve("multiplicative", False)
    model = replace(plain.model, ceiling=CEILING)
    return replace(
        plain, name="curve, multiplicative, ceiling", model=model, twin=Twin("ceiling left out", plain.model)
    )


def _curve(law: str, drift: bool) -> Case:
    """A curve of D_f alone; the additive law needs a factor to be more than that: a 4 x 4 grid."""
    sizes = [0.5e9, 1e9, 2e9, 4e9] if law == "additive" else [1e9]
    amounts = np.geomspace(200, 2e5, 4 if law == "additive" else 11)
    design = _design(["full"], sizes, amounts)
    points = design.tail(1).assign(finetune_size=4 * amounts[-1])
    options: dict[str, Any] = {"base_effects": False} | ({} if law == "additive" else {"factors": ()})
    priors = CURVE_PRIORS | (DATA_TERM if law == "additive" else {})
    model = bs.JointLaw(law, priors, discrepancy=drift, **options)
    if drift:
        twin = Twin("drift left out", bs.JointLaw(law, priors, discrepancy=False, **options))
    elif law != "multiplicative":
        twin = Twin("fitted as multiplicative", bs.JointLaw(priors=CURVE_PRIORS, discrepancy=False, **options))
    else:
        twin = Twin("noise doubled", noise=2.0)
    return Case(f"curve, {law}{', drift' * drift}", model, design, points, twin, {"chains": 2, "draws": 500})


def joints() -> list[Case]:
    """Two methods on five base LLMs, with base effects and drift, by NUTS; with slopes, the default of each law."""
    return [_joint(law, slopes=slopes) for slopes in (True, False) for law in LAWS]


def _joint(law: str, *, slopes: bool) -> Case:
    sizes, amounts = [0.5e9, 1e9, 2e9, 4e9, 8e9], np.geomspace(1e4, 1e6, 4)
    design = _design(["full", "lora"], sizes, amounts)
    design = design.assign(base=[f"{size:.1e}" for size in design["model_size"]])
    far = design[design["base"] == "8.0e+09"].groupby("method").tail(1).assign(finetune_size=4 * amounts[-1])
    points = pd.concat([far, far.assign(base=NEW_BASE, model_size=16e9)], ignore_index=True)
    priors = _without(() if slopes else ("slope",), JOINT_PRIORS | (DATA_TERM if law == "additive" else {}))
    level = bs.JointLaw(law, _without(("slope",), priors), base_slopes=False)
    plain = bs.JointLaw(law, _without(("base", "slope"), priors), base_effects=False, discrepancy=True)
    twin = Twin("base slopes left out", level) if slopes else Twin("base effects left out", plain)
    options = {"chains": 2, "draws": 500, "warmup": 500}
    name = f"joint, {law}, base effects{', slopes' * slopes}, drift"
    return Case(name, bs.JointLaw(law, priors, base_slopes=slopes), design, points, twin, options)


def _without(prefixes: tuple[str, ...], priors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: prior for name, prior in priors.items() if not name.startswith(prefixes)}


def _design(methods: list[str], sizes: list[float], amounts: np.ndarray) -> pd.DataFrame:
    rows = [
        {"task": "t", "method": method, "model_size": size, "finetune_size": amount}
        for method, size, amount in product(methods, sizes, amounts.tolist())
    ]
    return pd.DataFrame(rows)
