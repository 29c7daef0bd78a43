"""Compilation for programs that run once: most of their time is the compiler's, so it is asked for less."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax

P = ParamSpec("P")
T = TypeVar("T")


def jit_once(function: Callable[P, T]) -> Callable[P, T]:
    """``jax.jit`` without backend optimisation: compiles in about half the time, runs slower."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": "0"})
