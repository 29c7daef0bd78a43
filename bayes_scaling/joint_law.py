"""``JointLaw``: what is assumed of the runs, said aloud before any sampling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from numpyro.distributions import Distribution

from bayes_scaling.arguments import check_flag, shown
from bayes_scaling.encoding import encode_runs
from bayes_scaling.encoding.factor_sets import check_requested
from bayes_scaling.encoding.suitability import Ceiling, check_ceiling
from bayes_scaling.errors import ModelError
from bayes_scaling.model_text import describe
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.laws import LAWS, Law
from bayes_scaling.models.layout import Layout, Problem
from bayes_scaling.models.noise import Noise, check_noise
from bayes_scaling.models.pooled_priors import resolve_pooled
from bayes_scaling.models.pooling import check_pool
from bayes_scaling.models.prior_spec import PriorSpec
from bayes_scaling.models.priors import PRESETS, Parts, preset
from bayes_scaling.runs import validate_runs

Priors = Mapping[str, "Distribution | float | PriorSpec"]


@dataclass(frozen=True, eq=False)
class JointLaw:
    r"""A scaling law fitted jointly to all runs, with base-model effects.

    Within one (task, method) the factors share E and :math:`\beta`; A and :math:`\alpha` belong to the factor:
    :math:`L(X, D_f) = A X^{-\alpha} D_f^{-\beta} + E` (Zhang et al. 2024, eq. 1). Nothing is sampled here;
    see :func:`bayes_scaling.fit`.

    Parameters
    ----------
    law : {"multiplicative", "additive", "rectified", "power"} or Law
        How a factor and D_f combine, see :mod:`bayes_scaling.models.laws`; or one of your own, see
        :class:`bayes_scaling.Law`.
    priors : mapping or str, optional
        Priors that replace the defaults, each a scalar ``numpyro.distributions`` object or a number that holds the
        parameter fixed. Keys name a parameter, narrowed in brackets: ``"beta"``, ``"alpha[pet_size]"``,
        ``"E[lora]"``, ``"alpha[model_size, lora]"``; the narrowest wins. ``"A"`` puts the prior on the paper's A
        instead of the reducible loss at the centre of the data. A string names a preset, see
        :func:`bayes_scaling.prior_preset`.

    Other Parameters
    ----------------
    base_effects : bool
        Whether a base LLM's runs may sit together off the law. Without it, bands at a new LLM are far too narrow.
    base_slopes : bool, optional
        Whether base LLMs may also fall faster or slower with D_f than the law says. It needs two of them that were run
        at several D_f, and is left out where there are none. By default as ``base_effects``.
    factors : sequence of str, optional
        Factors to scale by; by default every one that varies. ``()`` fits D_f alone.
    sharing : {"auto", "separate", "product"}
        Several factors in one (task, method): ``"product"`` multiplies them in one law; ``"separate"`` gives each
        its own A, as the paper does, for runs that move one factor at a time; ``"auto"`` takes the first wherever
        the runs connect the factors, and the second where they do not.
    discrepancy : bool, optional
        Whether the slope of log loss on log D_f may drift away from the law's with the distance from the centre of
        the data. Without it, bands beyond the measured D_f believe the law. By default as ``base_effects``: a model
        without them is taken at its word.
    ceiling : float or mapping of task to float, optional
        For a bounded error metric: the loss that no expected loss exceeds, such as .5 where chance is right every
        other time (see :mod:`bayes_scaling.models.ceiling`). None, the default, is right for losses in nats.
    pool : sequence of {"task", "method", "family"}
        What to pool over, see :mod:`bayes_scaling.models.pooling`. ``"task"`` draws the exponents and the noise of a
        method's tasks from one population, so that tasks with few runs borrow from the others and an unseen task can
        be predicted; ``"method"`` does so for the methods of one task; both make one population of all. ``"family"``
        lets base LLMs of one model family (a column ``family``) share a part of their effect. Priors on ``"beta"``,
        ``"alpha"`` and ``"sigma"`` are then on the populations' means, and ``"beta_scale"``, ``"alpha_scale"``,
        ``"sigma_scale"`` and ``"family_scale"`` say how far members differ.
    noise : {"log loss", "loss"}
        Whether the noise of runs is a share of their loss, or as large at every loss (then sigma is its share of the
        median loss), see :mod:`bayes_scaling.models.noise`. It moves exponents: compare both where it matters.

    Raises
    ------
    ModelError
        If a name or a prior is not one of the above.

    Examples
    --------
    >>> import bayes_scaling as bs
    >>> bs.JointLaw(priors={"base_scale": 0.01}).law
    'multiplicative'
    """

    law: str | Law = "multiplicative"
    priors: Priors | str = field(default_factory=dict)
    base_effects: bool = True
    factors: Sequence[str] | None = None
    sharing: str = "auto"
    discrepancy: bool | None = None
    ceiling: Ceiling = None
    pool: Sequence[str] = ()
    noise: Noise = "log loss"
    base_slopes: bool | None = None

    def __post_init__(self) -> None:
        check_flag("base_effects", self.base_effects)
        check_flag("discrepancy", self.discrepancy, default=True)
        check_flag("base_slopes", self.base_slopes, default=True)
        check_noise(self.noise)
        object.__setattr__(self, "pool", check_pool(self.pool, self.base_effects))
        if not isinstance(self.law, Law) and not (isinstance(self.law, str) and self.law in LAWS):
            raise ModelError(f"law={shown(self.law)}: no such law; the laws are {', '.join(map(repr, LAWS))}")
        check_requested(self.factors, self.sharing)
        if self.base_slopes and not self.base_effects:
            raise ModelError(
                "base_slopes=True with base_effects=False: a base LLM that falls at its own rate has its own level "
                "too; use base_effects=True, or leave base_slopes out"
            )
        check_ceiling(self.ceiling)
        if self.equation.of_data_only and self.factors:
            raise ModelError(
                f"factors={tuple(self.factors)!r}: law={self.name!r} is a law of D_f alone; leave factors out, or use "
                "law='multiplicative'"
            )
        keys = self.priors if isinstance(self.priors, Mapping) else {}
        if not isinstance(self.priors, str | Mapping) or not all(isinstance(key, str) for key in keys):
            raise ModelError(
                f"priors={shown(self.priors)}: give a mapping of parameter to prior, such as "
                "{'beta': dist.LogNormal(-3.0, 1.0)}, or the name of a preset"
            )
        _ = self.prior_specs  # a bad prior is told here, not when sampling starts

    @property
    def name(self) -> str:
        """The law's name."""
        return self.equation.name

    @property
    def drifts(self) -> bool:
        """Whether the law may drift, the default resolved."""
        return self.base_effects if self.discrepancy is None else self.discrepancy

    @property
    def slopes(self) -> bool:
        """Whether base LLMs may differ in how fast they fall, the default resolved."""
        return self.base_effects if self.base_slopes is None else self.base_slopes

    @property
    def equation(self) -> Law:
        """The law itself."""
        return self.law if isinstance(self.law, Law) else LAWS[self.law]

    @property
    def prior_specs(self) -> dict[str, PriorSpec]:
        """The given priors as plain data."""
        given = preset(self.priors) if isinstance(self.priors, str) else self.priors
        return {
            key: value if isinstance(value, PriorSpec) else PriorSpec.from_distribution(value)
            for key, value in given.items()
        }

    def encode(self, runs: pd.DataFrame) -> Problem:
        """Arrays of validated runs under this model."""
        of_families = "family" in self.pool
        return encode_runs(
            runs, self.equation, self.factors, self.sharing, self.ceiling, families=of_families, noise=self.noise
        )

    def resolve(self, layout: Layout) -> JointModel:
        """The model with every prior resolved for a layout of runs."""
        law, is_preset = self.equation, isinstance(self.priors, str)
        pool = tuple(self.pool)
        parts = Parts(self.base_effects, self.slopes and layout.slopes.effect.size > 0, self.drifts)
        sites = resolve_pooled(law, layout, parts, self.prior_specs, pool, strict=not is_preset)
        return JointModel(law, sites, parts.base_effects, parts.discrepancy, pool, parts.base_slopes)

    def describe(self, runs: pd.DataFrame) -> str:
        """Law, counts per cell and every prior with its numbers, as text; samples nothing.

        Raises
        ------
        RunsError, ModelError
            If the runs break a rule of the runs table, or do not suit the model.
        """
        valid = validate_runs(runs)
        problem = self.encode(valid)
        text = describe(valid, problem, self.resolve(problem.layout))
        if not isinstance(self.priors, str):
            return text
        return f"{text}\n\nPreset {self.priors!r}\n  {PRESETS[self.priors][0]}"

    def to_json(self) -> dict[str, Any]:
        """The full specification as plain data.

        Raises
        ------
        ModelError
            If the law is a function of the user's own, which a file cannot hold.
        """
        if isinstance(self.law, Law):
            raise ModelError(
                f"law {self.law.name!r} is a function of your own, which cannot be written to a file; keep fit.idata, "
                "or fit again where the posterior is needed"
            )
        return {
            "law": self.law,
            "priors": self.priors
            if isinstance(self.priors, str)
            else {key: spec.to_json() for key, spec in self.prior_specs.items()},
            "base_effects": self.base_effects,
            "factors": None if self.factors is None else list(self.factors),
            "sharing": self.sharing,
            "discrepancy": self.drifts,
            "base_slopes": self.slopes,
            "ceiling": _plain(self.ceiling),
            **({"pool": list(self.pool)} if self.pool else {}),
            **({"noise": self.noise} if self.noise != "log loss" else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "JointLaw":
        """Inverse of :meth:`to_json`."""
        given = data["priors"]
        specs = given if isinstance(given, str) else {key: PriorSpec.from_json(spec) for key, spec in given.items()}
        return cls(**{**data, "priors": specs})


def checked_model(model: object, argument: str = "model") -> JointLaw:
    """The model that was given, or the default for None.

    Raises
    ------
    ModelError
        If it is no JointLaw.
    """
    if model is not None and not isinstance(model, JointLaw):
        hint = f"bs.JointLaw({shown(model)})" if isinstance(model, str) else "bs.JointLaw('additive')"
        raise ModelError(f"{argument}={shown(model)}: give a JointLaw, such as {hint}")
    return JointLaw() if model is None else model


def _plain(ceiling: Ceiling) -> float | dict[str, float] | None:
    """A ceiling as JSON has it, whatever kind of number it was given as."""
    if isinstance(ceiling, Mapping):
        return {task: float(value) for task, value in ceiling.items()}
    return None if ceiling is None else float(ceiling)
