"""Priors on A, alpha, beta, E and the noise: defaults scaled to the data, each overridable alone.

A prior is named by the parameter it is on and, in brackets, what it is narrowed to: ``"beta"``,
``"alpha[pet_size]"``, ``"beta[lora]"``, ``"alpha[model_size, lora]"``. The narrowest key that fits wins.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpyro.distributions import Distribution, constraints

from bayes_scaling.arguments import shown
from bayes_scaling.errors import ModelError
from bayes_scaling.models.laws import OWN, Law
from bayes_scaling.models.layout import Layout
from bayes_scaling.models.prior_spec import PriorSpec, stack

DESCRIPTIONS = {
    "E": "irreducible loss",
    "beta": "exponent of D_f",
    "alpha": "exponent of a factor",
    "reducible": "reducible loss at the centre of the data; sets A",
    "A": "amplitude at X = 1, D_f = 1",
    "data_term": "D_f's term at the centre of the data; sets B",
    "sigma": "noise of log loss between runs",
    "nu": "degrees of freedom of the noise",
    "base_scale": "how far a base LLM's runs sit off the law, in log loss",
    "base_share": "share of the base effect's variance that the methods have in common",
    "slope_scale": "how far a base LLM's fall with D_f differs from the law's, as a share of it",
    "slope_share": "share of the slope effect's variance that the methods have in common",
    "prelearned": "D_l over D_0^beta: data that pretraining was worth",
    "drift_scale": "how the slope of log loss on log D_f strays from the law's, over a factor e of D_f",
}
UNBOUNDED_BY_NUMBERS = (constraints.real, constraints.positive, constraints.nonnegative, constraints.unit_interval)
PET_EXPONENT = PriorSpec.of("Normal", loc=0.0, scale=0.1), "either sign; published |alpha| < .005"
FIXED_DEFAULTS = {
    # One prior for model and pretraining size: which matters more is the data's to answer. It is positive: a negative
    # exponent lets large base effects stand in for the law (seen on the En-Zh data).
    "alpha": (
        PriorSpec.of("Gamma", concentration=2.0, rate=8.0),
        "same for model and pretraining size; published .07 to .52",
    ),
    # Positive as well: with a law that rises and a drift or base slopes that make the loss fall, the posterior has a
    # second mode (seen on the ladder's LoRA runs), in which no chain can stand for both.
    "beta": (
        PriorSpec.of("LogNormal", loc=math.log(0.05), scale=1.0),
        "published .015 to .15, median .05; larger in other fields",
    ),
    "sigma": (PriorSpec.of("LogNormal", loc=math.log(0.01), scale=1.5), "1 % of the loss, give or take a factor 4.5"),
    "nu": (
        # below 2 a run has no variance, and one odd curve makes every band infinite (seen on accuracies at chance)
        PriorSpec(
            "LeftTruncatedDistribution", (("base_dist", PriorSpec.of("Normal", loc=2.0, scale=20.0)), ("low", 2.0))
        ),
        "from heavy tails to normal ones; a run keeps a variance",
    ),
    "base_scale": (
        PriorSpec.of("LogNormal", loc=math.log(0.02), scale=0.8),
        "families of LLMs scatter by .5 to 10 % of the loss",
    ),
    "base_share": (PriorSpec.of("Beta", concentration1=2.0, concentration0=2.0), "partly shared"),
    "slope_scale": (
        PriorSpec.of("LogNormal", loc=math.log(0.2), scale=0.8),
        "exponents of D_f of a family's LLMs scatter by 5 to 50 %",
    ),
    "slope_share": (PriorSpec.of("Beta", concentration1=2.0, concentration0=2.0), "partly shared"),
    "prelearned": (PriorSpec.of("LogNormal", loc=math.log(0.3), scale=1.5), "the bend lies anywhere below the centre"),
    "drift_scale": (PriorSpec.of("LogNormal", loc=math.log(0.01), scale=1.5), "a tenth of beta, give or take 4.5"),
}


class Parts(NamedTuple):
    """What a model has beside its law: effects of base LLMs on level and slope, and drift."""

    base_effects: bool = False
    base_slopes: bool = False
    discrepancy: bool = False


@dataclass(frozen=True)
class Element:
    """One scalar parameter: its family (``"beta"``) and the labels that its prior can be narrowed by."""

    family: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """``beta[WMT19 En-Zh, lora]``; a parameter without labels is its family's name."""
        return f"{self.family}[{', '.join(self.labels)}]" if self.labels else self.family


@dataclass(frozen=True)
class Site:
    """One NumPyro sample site: the elements of a family that share a prior key and a kind of distribution.

    Attributes
    ----------
    name : str
        Name of the site, such as ``"alpha[model_size]"``.
    family : str
    index : tuple of int
        Where the site's elements stand in the family's vector.
    specs : tuple of PriorSpec
        One prior for each element.
    on_amplitude : bool
        True where the prior is on A (at X = 1, D_f = 1) rather than on the reducible loss at the centre.
    source : str
        Where the prior comes from, for printing.
    told : Distribution, optional
        The batched prior where its numbers are arguments of a compiled program, not the specs'.
    """

    name: str
    family: str
    index: tuple[int, ...]
    specs: tuple[PriorSpec, ...]
    on_amplitude: bool
    source: str
    told: Distribution | None = field(default=None, compare=False)

    @property
    def fixed(self) -> bool:
        """True where every element is held at a value."""
        return self.specs[0].fixed

    @cached_property
    def positive(self) -> bool:
        """True where the prior is on positive values."""
        return self.distribution().support in (constraints.positive, constraints.nonnegative)

    @cached_property
    def baked(self) -> bool:
        """True where the prior's numbers are more than its density's: a held value, or the bounds of its support."""
        return self.fixed or not any(self.distribution().support is support for support in UNBOUNDED_BY_NUMBERS)

    def distribution(self) -> Distribution:
        """The batched prior, batch shape (len(index),)."""
        return stack(self.specs) if self.told is None else self.told


def elements(law: Law, layout: Layout, parts: Parts) -> dict[str, list[Element]]:
    """Every scalar parameter of a model with a prior of its own, by family, in the order of its vector."""
    cells = [(t, m) for t, m in zip(layout.task, layout.method, strict=True)]
    per_cell = ["E", "beta", "sigma"] + ["data_term"] * law.has_data_term + ["prelearned"] * law.has_prelearned
    per_cell += [OWN + name for name, _ in law.own]
    found = {family: [Element(family, cell) for cell in cells] for family in per_cell}
    found["alpha"] = [
        Element("alpha", (factor, *cells[c]))
        for c, factor in zip(layout.cell_of_term, layout.factor_of_term, strict=True)
    ]
    found["reducible"] = [
        Element("reducible", (factor, *cells[c]) if factor else cells[c])
        for c, factor in zip(layout.cell_of_amplitude, layout.factor_of_amplitude, strict=True)
    ]
    scalars = ["nu"] + ["base_scale", "base_share"] * parts.base_effects
    scalars += ["slope_scale", "slope_share"] * parts.base_slopes + ["drift_scale"] * parts.discrepancy
    return found | {family: [Element(family, ())] for family in scalars}


def default_prior(element: Element, position: int, law: Law, layout: Layout) -> tuple[PriorSpec, str]:
    """The default prior of one element and a word on why."""
    match element.family:
        case "E":
            scale = float(layout.loss_min[position])
            return PriorSpec.of("HalfNormal", scale=scale), "scale: lowest loss measured"
        case "reducible":
            return _amplitude(float(layout.loss_median[layout.cell_of_amplitude[position]]), law)
        case "data_term":
            return _amplitude(float(layout.loss_median[position]), law)
        case "alpha" | "beta":
            return _exponent(element, position, layout)
        case family if family.startswith(OWN):
            return dict(law.own)[family.removeprefix(OWN)], "given with the law"
        case family:
            return FIXED_DEFAULTS[family]


def _exponent(element: Element, position: int, layout: Layout) -> tuple[PriorSpec, str]:
    """The prior of an exponent of the loss, and below a ceiling of the unbounded loss.

    A ceiling flattens: log loss falls ``1 - L / C`` times as fast as the unbounded one. The median loss stands for L.
    """
    if element.family == "alpha" and element.labels[0] == "pet_size":
        return PET_EXPONENT
    spec, source = FIXED_DEFAULTS[element.family]
    cell = int(layout.cell_of_term[position]) if element.family == "alpha" else position
    steepness = float(layout.drift.steepness[cell])
    if steepness == 1.0:
        return spec, source
    return _times(spec, steepness), f"{source}; of log loss, that is, which the ceiling flattens"


def _times(spec: PriorSpec, factor: float) -> PriorSpec:
    """The distribution of a parameter times a factor, of the kinds that exponents have by default."""
    given = {name: float(value) for name, value in spec.args if not isinstance(value, PriorSpec)}
    if spec.name == "LogNormal":
        return PriorSpec.of(spec.name, loc=given["loc"] + math.log(factor), scale=given["scale"])
    return PriorSpec.of(spec.name, concentration=given["concentration"], rate=given["rate"] / factor)


def _amplitude(median: float, law: Law) -> tuple[PriorSpec, str]:
    terms = 3.0 if law.has_data_term else 2.0  # E and the amplitudes share the loss evenly, give or take e
    spec = PriorSpec.of("LogNormal", loc=math.log(median / terms), scale=1.0)
    return spec, f"median loss / {terms:.0f}, give or take e"


PRESETS: dict[str, tuple[str, dict[str, PriorSpec]]] = {
    "zhang2024": (
        "Zhang et al. 2024, Table 4: mean and twice the spread of its nine (task, method) rows, of beta on the log",
        {
            "alpha[model_size]": PriorSpec.of("Gamma", concentration=1.33, rate=4.4),
            "alpha[pretrain_size]": PriorSpec.of("Gamma", concentration=1.9, rate=12.0),
            "alpha[pet_size]": PriorSpec.of("Normal", loc=0.0, scale=0.01),
            "beta": PriorSpec.of("LogNormal", loc=-2.99, scale=1.66),
        },
    ),
    "besiroglu2024": (
        "Besiroglu et al. 2024 (arXiv 2404.10102), pretraining of Chinchilla, exponents give or take .1",
        {
            "alpha[model_size]": PriorSpec.of("Gamma", concentration=12.1, rate=34.8),
            "alpha[pretrain_size]": PriorSpec.of("Gamma", concentration=13.4, rate=36.6),
        },
    ),
}


def preset(name: str) -> dict[str, PriorSpec]:
    """Priors from published exponents, to pass as ``JointLaw(priors=...)`` or to merge with your own.

    Parameters
    ----------
    name : str
        ``"zhang2024"`` or ``"besiroglu2024"``; :data:`PRESETS` gives the source of each. Note that the
        first has *different* priors for alpha[model_size] and alpha[pretrain_size], as its paper found them:
        do not use it to ask which of the two is larger.

    Raises
    ------
    ModelError
        If there is no preset of that name.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ModelError(f"priors={shown(name)}: no such preset; the presets are {', '.join(map(repr, PRESETS))}")
    return dict(PRESETS[name][1])


def resolve(
    law: Law,
    layout: Layout,
    parts: Parts,
    overrides: Mapping[str, PriorSpec],
    *,
    strict: bool = True,
) -> tuple[Site, ...]:
    """All sample sites of a model, defaults and overrides together; not ``strict`` skips keys that fit nothing.

    Raises
    ------
    ModelError
        If a key fits no parameter of this model, or two equally narrow keys fit the same one.
    """
    table = elements(law, layout, parts)
    used: set[str] = set()
    grouped: dict[tuple[str, object], list[tuple[int, PriorSpec, str]]] = {}
    for family, members in table.items():
        for i, element in enumerate(members):
            fitting = _fitting(element, overrides)
            used.update(fitting)
            spec, source = default_prior(element, i, law, layout)
            name = f"alpha[{element.labels[0]}]" if family == "alpha" else family
            if fitting:
                name, spec, source = fitting[-1], overrides[fitting[-1]], "given"
                _check_range(name, family, spec)
            grouped.setdefault((name, spec.shape_key()), []).append((i, spec, f"{family}\n{source}"))
    if strict:
        _reject_unused(overrides, used, table)
    return tuple(_site(name, members) for (name, _), members in grouped.items())


def _site(name: str, members: list[tuple[int, PriorSpec, str]]) -> Site:
    family, source = members[0][2].split("\n")
    index, specs = tuple(m[0] for m in members), tuple(m[1] for m in members)
    on_amplitude = _parse(name)[0] in ("A", "B")
    name = f"{family} from {name}" if on_amplitude else name
    return Site(name, family, index, specs, on_amplitude, source)


def _parse(key: str) -> tuple[str, frozenset[str]]:
    match = re.fullmatch(r"\s*(\w+)\s*(?:\[(.+)\])?\s*", key)
    if match is None:
        raise ModelError(f"prior key {key!r} is not of the form 'alpha' or 'alpha[model_size, lora]'")
    labels = match[2].split(",") if match[2] else []
    return match[1], frozenset(label.strip() for label in labels)


def _check_range(key: str, family: str, spec: PriorSpec) -> None:
    """Refuse a prior that can put its parameter where the model is not defined."""
    if family in ("alpha", "beta") or family.startswith(OWN):
        return
    high, rule, better = (
        (1.0, "between 0 and 1", "dist.Beta")
        if family in ("base_share", "slope_share")
        else (np.inf, "positive", "dist.LogNormal, dist.Gamma or dist.TruncatedNormal(low=0)")
    )
    values = spec.sample()
    outside = values[~((values > 0) & (values < high))]
    if outside.size:
        raise ModelError(
            f"prior {key!r}: {spec} can give {outside[0]:.3g}, but {family} is {rule}; use a prior that keeps to that, "
            f"such as {better}"
        )
    if spec.fixed and _parse(key)[0] in ("A", "B"):
        raise ModelError(
            f"prior {key!r}: A and B cannot be held at a number, since alpha and beta move them along their ridge; "
            "use a narrow prior such as dist.LogNormal(math.log(1000), 0.01)"
        )


def _fitting(element: Element, overrides: Mapping[str, PriorSpec]) -> list[str]:
    """Keys that fit an element, the narrowest last."""
    names = {"reducible": ("reducible", "A"), "data_term": ("data_term", "B")}.get(
        element.family, (element.family.removeprefix(OWN),)
    )
    fitting = []
    for key in overrides:
        family, labels = _parse(key)
        if family in names and labels <= set(element.labels):
            fitting.append((len(labels), key))
    fitting.sort()
    if len(fitting) > 1 and fitting[-1][0] == fitting[-2][0]:
        raise ModelError(
            f"priors {fitting[-2][1]!r} and {fitting[-1][1]!r} both fit {element.name} and neither is narrower; "
            "drop one of them, or name the task, method and factor"
        )
    return [key for _, key in fitting]


def _reject_unused(overrides: Mapping[str, PriorSpec], used: set[str], table: dict[str, list[Element]]) -> None:
    for key in overrides:
        if key in used:
            continue
        labels = sorted({label for members in table.values() for e in members for label in e.labels})
        raise ModelError(
            f"prior {key!r} fits no parameter of this model; parameters: {', '.join(table)} (and A for reducible); "
            f"they can be narrowed by {', '.join(map(repr, labels))}"
        )
