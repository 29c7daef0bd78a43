"""Tasks without runs, predicted from a fit that pools over tasks.

Exponents and noise are drawn from the populations. The level of the loss and E's share of it have none: they are drawn
from how the fitted tasks differ (:mod:`bayes_scaling.models.unseen`), which with few tasks says little. So the band of
an absolute loss is wide, and what can be trusted is the shape: exponents, and methods compared with one another.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from bayes_scaling.models.laws import OWN
from bayes_scaling.models.layout import Floats, Layout
from bayes_scaling.models.pooling import PooledSite, group_of, is_positive, population_elements
from bayes_scaling.models.unseen import LEVEL, RATIO, Spread, member, named_rng, new_task

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers
    from bayes_scaling.posterior import Posterior

NEW_TASK, NEW_METHOD = "(new task)", "(new method)"


def named_in(design: object) -> list[str]:
    """The tasks that a design names; none for what is no design."""
    if not isinstance(design, pd.DataFrame) or "task" not in design:
        return []
    return [task for task in design["task"].unique() if isinstance(task, str)]


def notes(posterior: "Answers", tasks: Iterable[str]) -> list[str]:
    """A sentence on each of the tasks that has no runs."""
    fitted = set(posterior.runs["task"])
    return [
        f"No run of task {task!r} was fitted: its exponents and noise are drawn from the population of the fitted "
        "tasks, and its level of loss from how far they differ, so that the band of the loss itself is wide."
        for task in dict.fromkeys(tasks)
        if task not in fitted
    ]


def populations(posterior: "Posterior") -> Iterator[tuple[tuple[str, str, str, str], Floats]]:
    """A new member of every population of exponents: (task, method, parameter, factor) and draws (chains, draws)."""
    pool = posterior.resolved.pool
    found = population_elements(posterior.layout, pool)
    elements = [*found.get("alpha_mean", []), *found.get("beta_mean", [])]
    for element in elements:
        parameter = element.family.removesuffix("_mean")
        factor, rest = (element.labels[0], element.labels[1:]) if parameter == "alpha" else ("", element.labels)
        labels = iter(rest)
        task = NEW_TASK if "task" in pool else next(labels)
        method = NEW_METHOD if "method" in pool else next(labels)
        draws = population_draws(posterior, parameter, factor, task, method)
        yield (task, method, parameter, factor or "finetune_size"), draws


def population_draws(posterior: "Posterior", family: str, factor: str, task: str, method: str) -> Floats:
    """Draws of a new member of the population that (task, method) is of, shape (chains, draws)."""
    layout, pool = posterior.layout, posterior.resolved.pool
    labels = (*((factor,) if factor else ()), *group_of(pool, task, method))
    means = [e.labels for e in population_elements(layout, pool)[f"{family}_mean"]]
    sites = [s for s in posterior.resolved.sites if isinstance(s, PooledSite) and s.family == family]
    site = next(s for s in sites if not factor or layout.factor_of_term[s.index[0]] == factor)
    mean = posterior.draws[site.mean_family][..., means.index(labels)]
    scale = posterior.draws[site.scale_family][..., site.scale_at]
    rng = named_rng(posterior.seed, f"{family}\0{factor}\0{task}\0{method}")
    return member(mean, scale, site.positive, rng)


def extend(posterior: "Posterior", tasks: Sequence[str]) -> "Posterior":
    """The posterior with a cell for every method on each of some tasks that have no runs.

    A new cell has the factors of the method's fitted cell with most of them, and the mean of their centres.
    """
    fitted = posterior.layout
    layout, draws = fitted, dict(posterior.draws)
    for task in tasks:
        new = _draws_of(posterior, task)
        for method, template in _templates(fitted).items():
            layout = _with_cell(layout, task, method, template)
            of_cell = new[method] | _exponents(posterior, task, method, template)
            draws |= {name: np.concatenate([draws[name], value], axis=-1) for name, value in of_cell.items()}
    extended = replace(posterior, draws=draws)
    extended.__dict__["problem"] = posterior.problem._replace(layout=layout)
    extended.__dict__["resolved"] = posterior.resolved  # its sites are those of the fitted cells
    return extended


class Centre(NamedTuple):
    """Log sizes that are the centre of a method's tasks."""

    log_d: float
    log_x: dict[str, float]


def _templates(layout: Layout) -> dict[str, int]:
    """For each method, the cell that has most factors."""
    cells: dict[str, int] = {}
    for c, method in enumerate(layout.method):
        if method not in cells or len(layout.terms_of_cell[c]) > len(layout.terms_of_cell[cells[method]]):
            cells[method] = c
    return cells


def _centre(layout: Layout, method: str) -> Centre:
    cells = [c for c, m in enumerate(layout.method) if m == method]
    of_factor: dict[str, list[float]] = {}
    for c in cells:
        for factor, k in layout.terms_of_cell[c].items():
            of_factor.setdefault(factor, []).append(float(layout.log_x0[k]))
    log_x = {factor: float(np.mean(values)) for factor, values in of_factor.items()}
    return Centre(float(layout.log_d0[cells].mean()), log_x)


def _with_cell(layout: Layout, task: str, method: str, template: int) -> Layout:
    c, centre = layout.n_cells, _centre(layout, method)
    factors = list(layout.terms_of_cell[template])
    amplitudes = [layout.factor_of_amplitude[j] for j in np.flatnonzero(layout.cell_of_amplitude == template)]
    sets = [(s, sizes) for (i, s), sizes in zip(layout.factor_sets, layout.fixed_sizes, strict=True) if i == template]
    return replace(
        layout,
        task=(*layout.task, task),
        method=(*layout.method, method),
        sharing=(*layout.sharing, layout.sharing[template]),
        cell_of_term=np.append(layout.cell_of_term, [c] * len(factors)).astype(np.int64),
        factor_of_term=(*layout.factor_of_term, *factors),
        cell_of_amplitude=np.append(layout.cell_of_amplitude, [c] * len(amplitudes)).astype(np.int64),
        factor_of_amplitude=(*layout.factor_of_amplitude, *amplitudes),
        factor_sets=(*layout.factor_sets, *((c, s) for s, _ in sets)),
        fixed_sizes=(*layout.fixed_sizes, *(sizes for _, sizes in sets)),
        log_x0=np.append(layout.log_x0, [centre.log_x[f] for f in factors]),
        log_d0=np.append(layout.log_d0, centre.log_d),
        loss_median=np.append(layout.loss_median, np.nan),  # scale the priors of a fit only
        loss_min=np.append(layout.loss_min, np.nan),
        drift=layout.drift._replace(
            edge=np.append(layout.drift.edge, [[0.0, 0.0]], axis=0),
            steepness=np.append(layout.drift.steepness, np.exp(np.log(layout.drift.steepness).mean())),
        ),
    )


def _exponents(posterior: "Posterior", task: str, method: str, template: int) -> dict[str, Floats]:
    """Draws of a new cell's exponents and noise, shape (chains, draws, length)."""
    found = {f: population_draws(posterior, f, "", task, method)[..., None] for f in ("beta", "sigma")}
    factors = posterior.layout.terms_of_cell[template]
    if factors:
        alpha = [population_draws(posterior, "alpha", factor, task, method) for factor in factors]
        found["alpha"] = np.stack(alpha, axis=-1)
    return found


def _draws_of(posterior: "Posterior", task: str) -> dict[str, dict[str, Floats]]:
    """By method, draws of what has no population for a new task, shape (chains, draws, length)."""
    layout, at_centre = posterior.layout, _at_common_centre(posterior)
    amplitudes = {c: np.flatnonzero(layout.cell_of_amplitude == c).tolist() for c in range(layout.n_cells)}
    every = list(range(layout.n_cells))
    level = _by_method(posterior, task, "level", every, _log_total(at_centre, amplitudes), LEVEL)
    others = {
        name: _by_method(posterior, task, name, every, *_scaled(posterior, at_centre, name))
        for name in at_centre
        if name not in ("E", "reducible")
    }
    ratios = {
        label: _new_ratio(posterior, task, at_centre, label) for label in dict.fromkeys(layout.factor_of_amplitude)
    }
    found = {}
    for method, template in _templates(layout).items():
        of_method = [ratios[layout.factor_of_amplitude[j]][method] for j in amplitudes[template]]
        drawn = {name: by_method[method] for name, by_method in others.items()}
        found[method] = _terms(posterior, level[method], of_method, drawn)
    return found


def _new_ratio(posterior: "Posterior", task: str, at_centre: dict[str, Floats], label: str) -> dict[str, Floats]:
    """By method, the log of one amplitude over E on a new task, shape (S,)."""
    js = [j for j, name in enumerate(posterior.layout.factor_of_amplitude) if name == label]
    cells = posterior.layout.cell_of_amplitude[js].tolist()
    ratio = at_centre["reducible"][:, js] - at_centre["E"][:, cells]
    return _by_method(posterior, task, f"reducible\0{label}", cells, ratio, RATIO)


def _terms(posterior: "Posterior", level: Floats, ratios: list[Floats], others: dict[str, Floats]) -> dict[str, Floats]:
    """E and the terms that add up to a level, and the other parameters, shape (chains, draws, length)."""
    parts = [np.zeros_like(level), *ratios[:1], *([others["data_term"]] if "data_term" in others else [])]
    log_e = level - np.logaddexp.reduce(parts)
    found = {"E": np.exp(log_e)} | {name: _unscaled(posterior, name, values) for name, values in others.items()}
    if "data_term" in found:
        found["data_term"] = found["data_term"] * found["E"]
    if ratios:
        found["reducible"] = np.exp(log_e[:, None] + np.stack(ratios, axis=-1))
    return {name: values.reshape(*posterior.draws["E"].shape[:2], -1) for name, values in found.items()}


def _at_common_centre(posterior: "Posterior") -> dict[str, Floats]:
    """Draws, shape (S, length), of log E, log of each term and the rest, with the terms at a centre common to tasks."""
    layout = posterior.layout
    family = {name: posterior.family(name) for name in posterior.draws}
    centres = [_centre(layout, method) for method in layout.method]
    shift_d = np.array([centre.log_d for centre in centres]) - layout.log_d0
    shift_x = np.array([centres[c].log_x[f] for c, f in zip(layout.cell_of_term, layout.factor_of_term, strict=True)])
    fall_d = family["beta"] * shift_d
    alpha = family.get("alpha", np.zeros((fall_d.shape[0], 0)))
    fall = (alpha * (shift_x - layout.log_x0)) @ layout.amplitude_has_term.T
    found = {"E": np.log(family["E"])}
    found |= {name: family[name] for name in family if name.startswith(OWN)}
    if "data_term" in family:
        found["data_term"] = np.log(family["data_term"]) - fall_d
    else:
        fall = fall + fall_d[:, layout.cell_of_amplitude]
    if "prelearned" in family:
        found["prelearned"] = np.log(family["prelearned"]) - fall_d
        changed = np.log1p(np.exp(found["prelearned"])) - np.log1p(family["prelearned"])
        fall = fall + changed[:, layout.cell_of_amplitude]
    if "reducible" in family:
        found["reducible"] = np.log(family["reducible"]) - fall
    return found


def _log_total(at_centre: dict[str, Floats], amplitudes: dict[int, list[int]]) -> Floats:
    """Log loss at the common centre of each cell's first amplitude, shape (S, C)."""
    columns = []
    for c, js in amplitudes.items():
        parts = [at_centre["E"][:, c], *(at_centre["reducible"][:, j] for j in js[:1])]
        parts += [at_centre["data_term"][:, c]] if "data_term" in at_centre else []
        columns.append(np.logaddexp.reduce(parts))
    return np.stack(columns, axis=1)


def _scaled(posterior: "Posterior", at_centre: dict[str, Floats], name: str) -> tuple[Floats, Spread]:
    """A parameter on the scale that its spread between tasks is modelled on, and how far tasks usually differ."""
    if name == "data_term":
        return at_centre[name] - at_centre["E"], RATIO
    if name == "prelearned":
        return at_centre[name], RATIO
    spec = dict(posterior.resolved.law.own)[name.removeprefix(OWN)]
    values, prior = at_centre[name], spec.sample()
    if is_positive(spec):
        values, prior = np.log(values), np.log(prior)
    return values, Spread(float(prior.std()), float(prior.std()))


def _unscaled(posterior: "Posterior", name: str, values: Floats) -> Floats:
    on_log = name in ("data_term", "prelearned") or is_positive(
        dict(posterior.resolved.law.own)[name.removeprefix(OWN)]
    )
    return np.exp(values) if on_log else values


def _by_method(
    posterior: "Posterior", task: str, name: str, cells: list[int], values: Floats, usual: Spread
) -> dict[str, Floats]:
    """Draws of a quantity on a new task by method, shape (S,), from those of some fitted cells, shape (S, cells)."""
    layout = posterior.layout
    tasks = list(dict.fromkeys(layout.task[c] for c in cells))
    methods = list(dict.fromkeys(layout.method[c] for c in cells))
    task_at = np.array([tasks.index(layout.task[c]) for c in cells])
    method_at = np.array([methods.index(layout.method[c]) for c in cells])
    drawn = new_task(values, task_at, method_at, usual, named_rng(posterior.seed, f"{name}\0{task}"))
    return {method: drawn[:, i] for i, method in enumerate(methods)}
