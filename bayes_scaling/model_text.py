"""What ``print(model.describe(runs))`` says: the truth about a model before it is sampled."""

import numpy as np
import pandas as pd

from bayes_scaling.models import pooling
from bayes_scaling.models.joint import EFFECT_DF, JointModel
from bayes_scaling.models.layout import SCALAR_FAMILIES, Layout, Problem
from bayes_scaling.models.pooling import PooledSite, all_elements
from bayes_scaling.models.prior_spec import PriorSpec
from bayes_scaling.models.priors import DESCRIPTIONS, Site
from bayes_scaling.quantities import format_quantity
from bayes_scaling.runs import FACTORS
from bayes_scaling.text import format_number, paragraph, render


def describe(runs: pd.DataFrame, problem: Problem, model: JointModel) -> str:
    """Law, counts per cell and every prior with its numbers."""
    parts = [
        f"Joint law: {model.law.name}\n  {model.law.formula}\n  {model.law.source}",
        "Runs\n" + render(cell_counts(runs, problem.layout), indent=2),
        f"Noise\n  log loss ~ StudentT(nu, log L + base effect, {_noise_text(problem)}), {_known_error(problem)}",
        _base_text(problem.layout, model),
        _drift_text(model),
        *_zero_shot_text(runs),
        *_ceiling_text(problem),
        *_pool_text(problem.layout, model),
        "Priors: central 90 %, and distribution\n" + _prior_lines(prior_table(problem.layout, model)),
        *_warnings(runs, problem.layout),
    ]
    return "\n\n".join(parts)


def _noise_text(problem: Problem) -> str:
    return "sigma * median loss / L" if problem.layout.noise_of_loss else "sigma"


def cell_counts(runs: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """One row per (task, method): runs, base LLMs, range of D_f, zero-shot runs, levels of each factor, sharing."""
    rows = []
    for c, (task, method) in enumerate(zip(layout.task, layout.method, strict=True)):
        cell = runs[(runs["task"] == task) & (runs["method"] == method)]
        sizes = cell.loc[cell["finetune_size"] > 0, "finetune_size"]
        zero_shot = {"zero_shot": len(cell) - len(sizes)} if (runs["finetune_size"] == 0).any() else {}
        rows.append(
            {
                "task": task,
                "method": method,
                "runs": len(cell),
                "bases": cell["base"].nunique(),
                "D_f": f"{format_quantity(sizes.min())} to {format_quantity(sizes.max())} ({sizes.nunique()})",
                **zero_shot,
                **{f: _levels(cell[f]) for f in FACTORS if f in runs},
                "factors": layout.sharing[c],
            }
        )
    return pd.DataFrame(rows)


def _levels(column: pd.Series) -> str:
    known = column.dropna()
    if known.empty:
        return "-"
    low, high = format_quantity(known.min()), format_quantity(known.max())
    return f"{low} to {high} ({known.nunique()})" if low != high else f"{low} only"


def prior_table(layout: Layout, model: JointModel) -> pd.DataFrame:
    """Every prior: one row per parameter, or per kind of parameter where its elements share one."""
    names = all_elements(model.law, layout, model.parts, model.pool)
    what = DESCRIPTIONS | pooling.DESCRIPTIONS
    rows = []
    for site in (s for s in model.sites if not isinstance(s, PooledSite)):
        for name, spec in _distinct(site, [e.name for e in names[site.family]]):
            rows.append(
                {
                    "parameter": name,
                    "prior": str(spec),
                    "90 %": _range(spec),
                    "what": what.get("A" if site.on_amplitude else site.family, "a parameter of the law's own"),
                    "why": site.source,
                }
            )
    return pd.DataFrame(rows)


def _prior_lines(table: pd.DataFrame) -> str:
    """Priors under what they are on, and why they are what they are."""
    lines = []
    for (what, why), group in table.groupby(["what", "why"], sort=False):
        rows = render(group[["parameter", "90 %", "prior"]], indent=4).splitlines()[1:]
        lines += [paragraph(f"{what} ({why})", indent=2), *rows]
    return "\n".join(lines)


def _distinct(site: Site, names: list[str]) -> list[tuple[str, PriorSpec]]:
    if len(set(site.specs)) == 1 and len(site.index) > 1:
        return [(f"{site.name} (each of {len(site.index)})", site.specs[0])]
    return [(names[i] if len(site.index) > 1 or not _is_plain(site) else site.name, s) for i, s in _pairs(site)]


def _pairs(site: Site) -> list[tuple[int, PriorSpec]]:
    return list(zip(site.index, site.specs, strict=True))


def _is_plain(site: Site) -> bool:
    return site.on_amplitude or site.family in SCALAR_FAMILIES


def _range(spec: PriorSpec) -> str:
    if spec.fixed:
        return "-"
    low, high = np.quantile(spec.sample(), [0.05, 0.95])
    return f"{low:.2g} to {high:.2g}"


def _known_error(problem: Problem) -> str:
    with_se = int(np.sum(problem.log_se > 0))
    return f"known test-set error added in {with_se} runs" if with_se else "no known test-set error (loss_se)"


def _base_text(layout: Layout, model: JointModel) -> str:
    if not model.base_effects:
        return "Base effects\n  none: bands at a new base LLM do not allow for its quirks, and will be too narrow"
    return (
        f"Base effects\n  {layout.n_commons} (task, base LLM) pairs, StudentT({EFFECT_DF:g}) on log loss, "
        "partly shared by the methods on one base;\n  a base seen in the fit keeps its effect, a new base draws one"
        + _slope_text(layout, model)
    )


def _slope_text(layout: Layout, model: JointModel) -> str:
    count = layout.slopes.effect.size
    if model.base_slopes:
        return (
            f"\n  {count} (task, method, base LLM) triples also fall with D_f by 1 + r times what the law says,"
            f"\n  r ~ StudentT({EFFECT_DF:g})"
        )
    if not count:
        return "\n  no two base LLMs were run at several D_f: a new base falls with D_f as the law says"
    return "\n  every base falls with D_f as the law says: bands at a new base do not allow for another slope"


def _drift_text(model: JointModel) -> str:
    if not model.discrepancy:
        return "Discrepancy\n  none: beyond the measured D_f, bands believe the law"
    return (
        "Discrepancy\n  the slope of log loss on log D_f drifts off the law's, outwards from the centre of the data;\n"
        "  the scale is learned from how the runs bend, and bands widen with the distance"
    )


def _zero_shot_text(runs: pd.DataFrame) -> list[str]:
    count = int((runs["finetune_size"] == 0).sum())
    if not count:
        return []
    return [
        f"Zero-shot\n  {count} {'run has' if count == 1 else 'runs have'} D_f = 0, which the law reads exactly; the "
        "drift of such a run is that of one example"
    ]


def _ceiling_text(problem: Problem) -> list[str]:
    layout, rows = problem.layout, problem.rows
    if not rows.bounded:
        return []
    log_ceiling = dict(zip(layout.task, layout.log_ceiling, strict=True))
    known = [f"{task} {format_number(np.exp(c))}" for task, c in log_ceiling.items() if np.isfinite(c)]
    over = np.log(problem.loss) - rows.log_ceiling[:, 0]
    above = f"{np.sum(over > 0)} of {over.size} runs lie above it"
    by = f", by {100 * np.expm1(over.max()):.1f} % at most" if np.any(over > 0) else ""
    return [
        f"Ceiling\n  {', '.join(known)}: what the law gives, base effect and drift included, is U, and the expected "
        "loss is L = U / (1 + U / ceiling);\n  it falls to E / (1 + E / ceiling), and priors scale with the U of the "
        f"measured losses. A run may exceed it by its noise: {above}{by}"
    ]


def _pool_text(layout: Layout, model: JointModel) -> list[str]:
    """What is drawn from which populations; nothing for a model without."""
    over = [name for name in model.pool if name != "family"]
    lines = [f"  {_members_text(layout, site)}" for site in model.sites if isinstance(site, PooledSite)]
    if over:
        lines.append("  E and A are a task's own; what few runs say of an exponent is drawn towards the others'")
    if "family" in model.pool:
        names = sorted(set(layout.families.family))
        lines.append(
            f"  {len(names)} families of base LLMs: family_scale * StudentT({EFFECT_DF:g}) on log loss for each "
            "(task, family),\n  shared by its bases and methods; a new base of a known family keeps it"
        )
    return [f"Pooling over {' and '.join(model.pool)}\n" + "\n".join(lines)] if model.pool else []


def _members_text(layout: Layout, site: PooledSite) -> str:
    group = "one population" if len(set(site.group)) == 1 else f"{len(set(site.group))} populations"
    name = f"{site.family}_mean{site.name.removeprefix(site.family)}"
    scale = f"{site.family}_scale{site.name.removeprefix(site.family)}"
    how = f"LogNormal(log {name}, {scale})" if site.positive else f"Normal({name}, {scale})"
    return f"{site.name} ~ {how}: {len(site.index)} in {group}"


def _warnings(runs: pd.DataFrame, layout: Layout) -> list[str]:
    few = []
    for c, factor in zip(layout.cell_of_term, layout.factor_of_term, strict=True):
        cell = runs[(runs["task"] == layout.task[c]) & (runs["method"] == layout.method[c])]
        if cell[factor].nunique() < 3:
            few.append(f"  alpha[{factor}] of {layout.cell_label(int(c))}: {cell[factor].nunique()} levels")
    if not few:
        return []
    return ["Hardly identified (fewer than three levels: the posterior is mostly prior)\n" + "\n".join(few)]
