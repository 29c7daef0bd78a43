"""``fit_many``: one law for each group of runs alone, such as every (task, method), through the quick engines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd

from bayes_scaling.arguments import check_seed, shown
from bayes_scaling.errors import BayesScalingError, RunsError
from bayes_scaling.exact import by_importance
from bayes_scaling.fitting import check_settings, fit
from bayes_scaling.joint_law import JointLaw, checked_model
from bayes_scaling.models.exact import suits_exact
from bayes_scaling.models.layout import Problem
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.posterior import Posterior
from bayes_scaling.program_cache import keep_programs
from bayes_scaling.runs import validate_runs
from bayes_scaling.runs.loss_kinds import warn_of_kind
from bayes_scaling.text import format_number, interval

Group = tuple[Any, ...]
SHOWN = 12  # groups in the text


@dataclass(frozen=True, eq=False)
class Fits:
    """The posteriors of many groups of runs, each fitted alone.

    Attributes
    ----------
    by : tuple of str
        The columns that make the groups.
    fits : mapping of group to Posterior
        In the order of the groups' first runs. A group is the tuple of its values of ``by``.
    """

    by: tuple[str, ...]
    fits: Mapping[Group, Posterior]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Exponents of every group: the columns of :meth:`Posterior.exponents`, those of ``by``, and ``engine``."""
        parts = []
        for group, fitted in self.fits.items():
            of_group = fitted.exponents()
            of_group["engine"] = fitted.settings.engine
            for name, value in zip(self.by, group, strict=True):
                of_group[name] = value
            parts.append(of_group)
        table = pd.concat(parts, ignore_index=True)
        return table[[*self.by, *(name for name in table if name not in self.by)]]

    @property
    def text(self) -> str:
        """How many groups, by which engines, and the exponent of D_f of each."""
        engines = pd.Series([f.settings.engine for f in self.fits.values()]).value_counts()
        counts = ", ".join(f"{n} by {engine}" for engine, n in engines.items())
        groups = "1 group" if len(self.fits) == 1 else f"{len(self.fits)} groups"
        head = f"{groups} by {', '.join(self.by)}, each fitted alone ({counts})."
        lines = [line for group, fitted in list(self.fits.items())[:SHOWN] for line in _lines(group, fitted)]
        more = len(self.fits) - SHOWN
        return "\n".join([head, *lines, *([f"and {more} more, see .table"] if more > 0 else [])])


def _lines(group: Group, fitted: Posterior) -> Iterator[str]:
    """The exponent of D_f of each (task, method) of a group."""
    table = fitted.exponents()
    for _, row in table[table["parameter"] == "beta"].iterrows():
        name = ", ".join(map(str, dict.fromkeys([*group, row["task"], row["method"]])))
        yield f"{name}: beta {format_number(row['mean'])} ({interval(row['hdi_low'], row['hdi_high'])}, 90 %)"


def fit_many(
    runs: pd.DataFrame,
    by: Sequence[str] = ("task", "method"),
    model: JointLaw | None = None,
    seed: int = 0,
    *,
    draws: int = 1000,
    chains: int = 4,
) -> Fits:
    """Fit one law to each group of runs alone, through the quickest engine that suits it.

    A group of one (task, method), under a model without base effects and drift, goes to importance sampling
    (``engine="exact"``), milliseconds a group once compiled. The others, and a group whose importance weights are too
    uneven, go to :func:`bayes_scaling.fit` one after the other. Nothing is shared between groups: to let tasks or
    methods borrow from each other, fit them together with ``JointLaw(pool=...)``.

    Parameters
    ----------
    runs : DataFrame
        A runs table, see :func:`bayes_scaling.load_runs`.
    by : sequence of str
        Columns of the runs table whose values make the groups.
    model : JointLaw, optional
        Default: the multiplicative law with base effects, which is not for importance sampling.
    seed : int
        Every group has a seed of its own, from this and the group's values, so that draws of two groups are
        independent and a group's draws do not depend on which others there are.

    Other Parameters
    ----------------
    draws, chains : int
        As in :func:`bayes_scaling.fit`.

    Returns
    -------
    Fits

    Raises
    ------
    RunsError, ModelError
        If the runs or the model break a rule; the message names the group. Groups are encoded before any is fitted.

    Warns
    -----
    ConvergenceWarning
        If a group's last attempt did not converge.
    UserWarning
        If the loss looks like a score or a perplexity, see :func:`bayes_scaling.load_runs`.
    """
    model = checked_model(model)
    settings = NutsSettings(chains=chains, draws=draws)
    check_settings(settings)
    check_seed(seed)
    valid = validate_runs(runs)
    warn_of_kind(valid)
    names = _check_by(valid, by)
    keep_programs()
    groups = [_encode(group, part, model, seed) for group, part in _split(valid, names)]
    quick = [g for g in groups if suits_exact(model.resolve(g.problem.layout), g.problem)]
    exact = by_importance([(g.runs, g.problem, g.seed) for g in quick], model, settings)
    found = {g.name: e.posterior for g, e in zip(quick, exact, strict=True) if e.is_trusted}
    for g in groups:
        if g.name not in found:
            found[g.name] = fit(g.runs, model, g.seed, draws=draws, chains=chains)
    return Fits(names, {g.name: found[g.name] for g in groups})


class _Group(NamedTuple):
    """A group's values of ``by``, its runs, their arrays and its seed."""

    name: Group
    runs: pd.DataFrame
    problem: Problem
    seed: int


def _encode(name: Group, runs: pd.DataFrame, model: JointLaw, seed: int) -> _Group:
    try:
        problem = model.encode(runs)
    except BayesScalingError as error:
        raise type(error)(f"group {', '.join(map(str, name))}: {error}") from error
    of_group = np.random.SeedSequence([seed, crc32(repr(tuple(map(str, name))).encode())])
    return _Group(name, runs, problem, int(of_group.generate_state(1)[0]))


def _split(runs: pd.DataFrame, names: tuple[str, ...]) -> Iterator[tuple[Group, pd.DataFrame]]:
    for name, part in runs.groupby(list(names), sort=False, dropna=False):
        yield name, part.reset_index(drop=True)


def _check_by(runs: pd.DataFrame, by: Sequence[str]) -> tuple[str, ...]:
    names = (by,) if isinstance(by, str) else tuple(by) if isinstance(by, tuple | list) else ()
    missing = [name for name in names if not isinstance(name, str) or name not in runs]
    if missing or not names or len(set(names)) < len(names):
        raise RunsError(
            f"by={shown(by)}: name one or more different columns of the runs table, whose values make the groups; it "
            f"has {', '.join(map(str, runs.columns))}"
        )
    return names
