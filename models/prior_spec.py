"""Priors as data: a scalar NumPyro distribution as a name and its numbers, so it can be printed and saved."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import jax
import numpy as np
import numpyro.distributions as dist
from numpy.typing import NDArray
from numpyro.distributions import Distribution

from bayes_scaling.arguments import shown
from bayes_scaling.errors import ModelError
from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.precision import in_float64

USUAL_DRAWS = 4000


@dataclass(frozen=True)
class PriorSpec:
    """A scalar distribution of :mod:`numpyro.distributions`, by class name and arguments.

    Attributes
    ----------
    name : str
        Class name, such as ``"LogNormal"``.
    args : tuple of (str, float or PriorSpec)
        The constructor's arguments by name; a truncated distribution holds its base as a spec.
    """

    name: str
    args: tuple[tuple[str, "float | PriorSpec"], ...]

    @classmethod
    def of(cls, name: str, **args: float) -> Self:
        """Spec of ``numpyro.distributions.<name>(**args)``."""
        return cls(name, tuple(args.items()))

    @classmethod
    def from_distribution(cls, value: Distribution | float) -> "PriorSpec":
        """Spec of a scalar distribution; a plain number is a fixed value.

        Raises
        ------
        ModelError
            If the distribution is not scalar, or is no named class of ``numpyro.distributions``.
        """
        if not isinstance(value, Distribution) and _is_number(value):
            return cls.of("Delta", v=float(value))
        if not isinstance(value, Distribution):
            raise ModelError(
                f"a prior must be a number or a numpyro.distributions object, got {shown(value)}; "
                "for example dist.Normal(0.0, 0.05)"
            )
        return cls(type(value).__name__, tuple(_constructor_args(value)))

    @property
    def fixed(self) -> bool:
        """True for a parameter that is held at one value."""
        return self.name == "Delta"

    def sample(self, draws: int = USUAL_DRAWS) -> NDArray[np.float64]:
        """Draws with a fixed key, to show or to start from, read-only, shape (draws,).

        Whoever asks for as many as others did spares the compilation of a program.
        """
        return _sample(self, draws)

    def kind(self) -> "PriorSpec":
        """The same distribution with every number at zero."""
        return PriorSpec(self.name, tuple((k, v.kind() if isinstance(v, PriorSpec) else 0.0) for k, v in self.args))

    def shape_key(self) -> tuple[Any, ...]:
        """What two specs must share to be stacked into one batched distribution."""
        return (self.name, *((k, v.shape_key() if isinstance(v, PriorSpec) else k) for k, v in self.args))

    def __str__(self) -> str:
        """``LogNormal(loc=-3.9, scale=0.8)``; a fixed value prints as ``fixed at 0.1``."""
        values = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{v}" for k, v in self.args)
        return f"fixed at {self.args[0][1]:.4g}" if self.fixed else f"{self.name}({values})"

    def to_json(self) -> dict[str, Any]:
        """Plain data for :func:`json.dumps`."""
        args = {k: v.to_json() if isinstance(v, PriorSpec) else v for k, v in self.args}
        return {"name": self.name, "args": args}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "PriorSpec":
        """Inverse of :meth:`to_json`."""
        args = data["args"].items()
        spec = cls(data["name"], tuple((k, cls.from_json(v) if isinstance(v, dict) else float(v)) for k, v in args))
        _distribution_class(spec.name)
        return spec


def stack(specs: Sequence[PriorSpec]) -> Distribution:
    """One distribution with batch shape (len(specs),) from specs that share their :meth:`shape_key`."""
    first = specs[0]
    arguments: dict[str, Any] = {}
    for i, (name, value) in enumerate(first.args):
        column = [spec.args[i][1] for spec in specs]
        nested = isinstance(value, PriorSpec)
        arguments[name] = stack(column) if nested else np.asarray(column, dtype=np.float64)  # type: ignore[arg-type]
    return _distribution_class(first.name)(**arguments)


def numbers(specs: Sequence[PriorSpec]) -> dict[str, Any]:
    """The numbers of priors that share their :meth:`~PriorSpec.shape_key`, as arrays by argument."""
    found: dict[str, Any] = {}
    for i, (name, value) in enumerate(specs[0].args):
        column = [spec.args[i][1] for spec in specs]
        nested = isinstance(value, PriorSpec)
        found[name] = numbers(column) if nested else np.asarray(column, dtype=np.float64)  # type: ignore[arg-type]
    return found


def rebuild(spec: PriorSpec, told: dict[str, Any]) -> Distribution:
    """The batched prior of a spec's kind with the :func:`numbers` that a compiled program is told."""
    arguments = {
        name: rebuild(value, told[name]) if isinstance(value, PriorSpec) else told[name] for name, value in spec.args
    }
    return _distribution_class(spec.name)(**arguments)


@lru_cache(maxsize=256)
@in_float64
def _sample(spec: PriorSpec, draws: int) -> NDArray[np.float64]:
    values = np.array(_sampler(spec.kind(), draws)(numbers([spec])))[:, 0]
    values.flags.writeable = False
    return values


@lru_cache(maxsize=256)
def _sampler(kind: PriorSpec, draws: int) -> Any:
    """Draws given a prior's numbers: one compilation a kind of prior, which op by op would be many."""
    return jit_once(lambda told: rebuild(kind, told).sample(jax.random.key(0), (draws,)))


def _distribution_class(name: str) -> type[Distribution]:
    found = getattr(dist, name, None)
    if not (isinstance(found, type) and issubclass(found, Distribution)):
        raise ModelError(
            f"prior {name!r} is no class of numpyro.distributions, so it cannot be written to a file; "
            "use a named distribution such as dist.Normal, dist.LogNormal or dist.TruncatedNormal"
        )
    return found


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | str | list | tuple | None):
        return False
    array = np.asarray(value)
    return array.ndim == 0 and np.issubdtype(array.dtype, np.number) and np.isrealobj(array)


def _constructor_args(value: Distribution) -> list[tuple[str, "float | PriorSpec"]]:
    cls = _distribution_class(type(value).__name__)
    if value.batch_shape != () or value.event_shape != ():
        raise ModelError(
            f"a prior must be scalar, got {type(value).__name__} with batch shape {value.batch_shape} and event "
            f"shape {value.event_shape}; give each parameter its own key, such as 'beta[lora]'"
        )
    names = [n for n in inspect.signature(cls.__init__).parameters if n not in ("self", "validate_args")]
    if value.support.is_discrete:
        raise ModelError(
            f"a prior must be continuous, got {type(value).__name__}; use dist.Normal, dist.Gamma or another"
        )
    held = [(n, getattr(value, n, None)) for n in names]
    for name, part in held:
        if not (part is None or (name == "base_dist" and isinstance(part, Distribution)) or _is_number(part)):
            raise ModelError(
                f"prior {type(value).__name__}: its argument {name!r} is no number, so the prior cannot be printed and "
                "saved; use a distribution that its numbers define, such as dist.LogNormal or dist.TruncatedNormal"
            )
    return [(n, _plain(v)) for n, v in held if v is not None and not (cls is dist.Delta and n != "v")]


def _plain(value: Any) -> "float | PriorSpec":
    if isinstance(value, Distribution):
        return PriorSpec.from_distribution(value)
    array = np.asarray(value)
    # a float32 number is read as the decimal it prints as: 0.05 stays 0.05
    return float(str(array)) if array.dtype == np.float32 else float(array)
