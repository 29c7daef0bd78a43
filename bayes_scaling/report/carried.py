"""The posterior draws that a page carries, so that a browser computes what :mod:`bayes_scaling.prediction` computes.

Every number that the law, base effects, drift and noise of a (task, method) need is one column of draws: 32-bit floats,
in base64, thinned evenly along every chain. What predict() draws for a base LLM that was never run, or beyond the
measured D_f, is drawn here by the same code and carried too.
"""

from base64 import b64encode
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling import base_draws, prediction, strangeness
from bayes_scaling.averaging import Average
from bayes_scaling.drift_draws import changes_beyond
from bayes_scaling.encoding import EncodedDesign
from bayes_scaling.models import drift
from bayes_scaling.models.laws import LAWS, Law
from bayes_scaling.models.layout import Floats, Ints
from bayes_scaling.posterior import Posterior
from bayes_scaling.runs import FACTORS

NEW_BASE = "a new LLM"  # the name of a base LLM that was never run
MOST_DRAWS, LEAST_DRAWS = 1000, 100
BUDGET = 700_000  # bytes of base64 that draws may take, where LEAST_DRAWS fit into it
BYTES = 4 * 4 / 3  # of base64 for one 32-bit float
Limits = tuple[float, float]


class Columns:
    """Columns of draws, each known by its number."""

    def __init__(self, kept: Ints) -> None:
        self.kept, self.values = kept, list[Floats]()

    def add(self, draws: Floats) -> int:
        """Keep some of a column's draws, shape (S,); returns its number."""
        self.values.append(draws[self.kept])
        return len(self.values) - 1

    def each(self, draws: Floats) -> list[int]:
        """Add every column of draws of shape (S, columns)."""
        return [self.add(column) for column in draws.T]

    def encoded(self) -> str:
        """Column after column as little-endian 32-bit floats in base64."""
        return b64encode(np.stack(self.values).astype("<f4").tobytes()).decode("ascii")


def carried_laws(answers: Posterior | Average, limits: dict[str, Limits]) -> list[dict[str, Any]]:
    """Every law of the posterior with its draws, as JSON has it.

    Parameters
    ----------
    answers : Posterior or Average
    limits : dict
        Task to the smallest and largest D_f that the page may ask for.
    """
    posteriors = parts_of(answers)
    width = max(_encode(one, np.arange(1), limits)[1] for one in posteriors)
    kept = thinned(answers, int(np.clip(BUDGET / BYTES / width, LEAST_DRAWS, MOST_DRAWS)))
    return [_encode(one, which, limits)[0] for one, which in zip(posteriors, kept, strict=True) if which.size]


def parts_of(answers: Posterior | Average) -> tuple[Posterior, ...]:
    """The single posteriors of an average, or the posterior itself."""
    return answers.fits if isinstance(answers, Average) else (answers,)


def own_law(answers: Posterior | Average) -> Law | None:
    """A law of the user's own, which only Python can evaluate, if there is one."""
    laws = [one.resolved.law for one in parts_of(answers)]  # copies after pickling: functions are not copied
    return next((law for law in laws if law.name not in LAWS or LAWS[law.name].log_mean is not law.log_mean), None)


def thinned(answers: Posterior | Average, most: int) -> list[Ints]:
    """Numbers of the draws that are kept of each law, evenly along every chain and in proportion to its weight."""
    chains, draws = answers.settings.chains, answers.family("E").shape[0] // answers.settings.chains
    weights = answers.weights if isinstance(answers, Average) else (1.0,)
    edges = np.round(np.cumsum((0.0, *weights)) * min(max(most // chains, 1), draws)).astype(int)
    starts = draws * np.arange(chains)[:, None]
    return [(starts + np.linspace(0, draws - 1, n).round().astype(int)).ravel() for n in np.diff(edges)]


def _encode(posterior: Posterior, kept: Ints, limits: dict[str, Limits]) -> tuple[dict[str, Any], int]:
    """One law as JSON has it, and how many columns it has."""
    columns = Columns(kept)
    noise = prediction.standard_noise(posterior)
    tasks = [_task(posterior, task, columns, limits[task]) for task in limits]
    law: dict[str, Any] = {"law": posterior.resolved.law.name, "draws": int(kept.size), "noise": columns.add(noise)}
    return {**law, "tasks": tasks, "columns": columns.encoded()}, len(columns.values)


def _task(posterior: Posterior, task: str, columns: Columns, limits: Limits) -> list[dict[str, Any]]:
    cells = [c for c, name in enumerate(posterior.layout.task) if name == task]
    bases = [*bases_of(posterior, task), NEW_BASE]
    return [
        {
            **_law(posterior, c, columns),
            **_sets(posterior, c),
            **_drift(posterior, c, columns, limits),
            **_bases(posterior, c, bases, columns),
            **_scale(posterior, c, columns),
        }
        for c in cells
    ]


def bases_of(posterior: Posterior, task: str) -> list[str]:
    """Base LLMs of a task's runs, in their order."""
    return [str(name) for name in pd.unique(posterior.runs.loc[posterior.runs["task"] == task, "base"])]


def _law(posterior: Posterior, c: int, columns: Columns) -> dict[str, Any]:
    """Parameters of the law and the centre of the data; positive ones as logs, so that 32 bits keep them well."""
    layout, terms = posterior.layout, posterior.layout.terms_of_cell[c]
    found: dict[str, Any] = {
        "log_d0": float(layout.log_d0[c]),
        "log_x0": {factor: float(layout.log_x0[k]) for factor, k in terms.items()},
        "alpha": {factor: columns.add(posterior.family("alpha")[:, k]) for factor, k in terms.items()},
        "beta": columns.add(posterior.family("beta")[:, c]),
        "log_E": columns.add(np.log(posterior.family("E")[:, c])),
        "log_amplitude": {
            str(j): columns.add(np.log(posterior.family("reducible")[:, j]))
            for j in np.flatnonzero(layout.cell_of_amplitude == c)
        },
    }
    for family, has in (
        ("data_term", posterior.resolved.law.has_data_term),
        ("prelearned", posterior.resolved.law.has_prelearned),
    ):
        if has:
            found[f"log_{family}"] = columns.add(np.log(posterior.family(family)[:, c]))
    return found


def _sets(posterior: Posterior, c: int) -> dict[str, Any]:
    """Which sizes the cell's law can speak about, see :mod:`bayes_scaling.encoding.factor_sets`."""
    layout, terms = posterior.layout, posterior.layout.terms_of_cell[c]
    found = []
    for j, ((cell, factors), fixed) in enumerate(zip(layout.factor_sets, layout.fixed_sizes, strict=True)):
        if cell == c:
            own = [terms[f] for f in factors] if posterior.resolved.law.amplitude_per_factor else [j]
            found.append({"factors": list(factors), "amplitudes": list(map(str, own)), "fixed": fixed})
    return {"sets": found}


def _drift(posterior: Posterior, c: int, columns: Columns, limits: Limits) -> dict[str, Any]:
    """Changes of slope, times their scale, inside the measured D_f and beyond either end of it."""
    if not posterior.resolved.discrepancy:
        return {"knots": [], "below": [], "above": [], "edge": [0.0, 0.0], "stretch": drift.BEYOND}
    layout, scale = posterior.layout.drift, posterior.family("drift_scale")
    log_d = np.log(limits) - posterior.layout.log_d0[c]
    knots = [
        {
            "at": float(layout.knot[u]),
            "side": float(layout.side[u]),
            "change": columns.add(scale[:, 0] * posterior.family("drift")[:, u] * layout.step[u]),
        }
        for u in np.flatnonzero(layout.cell == c)
    ]
    sides = {}
    for name, side in (("below", -1.0), ("above", 1.0)):
        changes = changes_beyond(posterior, c, side, drift.knots_beyond(layout, c, log_d, side))
        sides[name] = columns.each(scale * changes * np.sqrt(drift.BEYOND) * layout.steepness[c])
    return {"knots": knots, **sides, "edge": layout.edge[c].tolist(), "stretch": drift.BEYOND}


def _bases(posterior: Posterior, c: int, bases: list[str], columns: Columns) -> dict[str, Any]:
    """What each base LLM, and a new one at the end, does to level and slope, and how that grows outside the sizes."""
    measured = posterior.measured_sizes[c]
    found: dict[str, Any] = {
        "new": len(bases) - 1,
        "measured": {factor: [m.low, m.high, m.spread / strangeness.GROWTH] for factor, m in measured.items()},
    }
    encoded, every = _on_bases(posterior, c, bases), slice(0, len(bases))
    if posterior.resolved.base_effects:
        found["effect"] = columns.each(base_draws.effects(posterior, encoded, every))
    if posterior.resolved.base_slopes:
        found["slope"] = columns.each(base_draws.slopes(posterior, encoded, every))
    return found


def _on_bases(posterior: Posterior, c: int, bases: list[str]) -> EncodedDesign:
    """The first run of a cell, as if on each of the bases."""
    run = posterior.runs[posterior.problem.rows.cell == c].iloc[:1]
    known = [f for f in FACTORS if f in run and not pd.isna(run[f].iloc[0])]
    design = run[["task", "method", *known]].merge(pd.DataFrame({"base": bases}), how="cross")
    return prediction.encode(posterior, design.assign(finetune_size=1.0))


def _scale(posterior: Posterior, c: int, columns: Columns) -> dict[str, Any]:
    """Noise of a run, and the ceiling of its expected loss."""
    layout = posterior.layout
    ceiling = float(layout.log_ceiling[c]) if layout.log_ceiling.size else np.inf
    median = float(layout.log_median[c]) if layout.noise_of_loss else np.nan
    return {
        "sigma": columns.add(posterior.family("sigma")[:, c]),
        "log_ceiling": ceiling if np.isfinite(ceiling) else None,
        "log_median": median if np.isfinite(median) else None,
    }
