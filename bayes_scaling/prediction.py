"""Credible bands at design points: the law, the base LLM's effect, and the noise of a run."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling import base_draws, stretches, unseen_tasks
from bayes_scaling.arguments import check_prob, shown
from bayes_scaling.drift_draws import changes_beyond
from bayes_scaling.encoding import EncodedDesign, complete_design, encode_design
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models import drift
from bayes_scaling.models.ceiling import saturate
from bayes_scaling.models.evaluate import log_mean_blocks
from bayes_scaling.models.joint import at_centre_of_data
from bayes_scaling.models.layout import Floats
from bayes_scaling.models.products import product
from bayes_scaling.regions import add_regions

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers, Kind, RunDraws
    from bayes_scaling.posterior import Posterior

ONE_SD = 0.6827
TOGETHER = 2**15  # rows encoded at once


def table(posterior: "Answers", design: pd.DataFrame, kind: "Kind" = "mean", prob: float = 0.9) -> pd.DataFrame:
    """Bands at design points.

    Parameters
    ----------
    posterior : Posterior or Average
    design : DataFrame
        Rows with the runs table's columns: ``method``, ``finetune_size``, the factors of the law, and ``task`` where
        the fit has several. A row on a base LLM of the fit (by ``base``, or by its sizes) keeps that base's effect;
        any other row draws a new base's effect, one draw for all rows on that base.
    kind : {"mean", "run"}
        Expected loss of the method on that base, or the loss of one new run (with its noise).
    prob : float
        Probability inside the band, equal tails.

    Returns
    -------
    DataFrame
        The design's columns and ``mean, sd, low, high`` in the unit of the loss, ``distance`` in decades outside
        the measured range and ``region``: interior, edge or beyond. ``mean`` is that of the expected loss for both
        kinds; ``sd`` is half the width of the central 68.3 %, since heavy tails on log loss have no variance.
        Where a task has no runs, ``attrs["text"]`` says what its prediction rests on.

    Raises
    ------
    DesignError
        If the design does not fit the posterior.
    """
    check_prob(prob)
    if not isinstance(kind, str) or kind not in ("mean", "run"):
        raise BayesScalingError(f"kind={shown(kind)}: use 'mean' for expected loss or 'run' for one new run")
    frame = completed(posterior, design)
    tails = (1 - prob) / 2
    wanted = [tails, 1 - tails, (1 - ONE_SD) / 2, (1 + ONE_SD) / 2]
    mean, low, high, below, above = _summaries(posterior, frame, kind, wanted)
    design = design.reset_index(drop=True).assign(mean=mean, sd=(above - below) / 2, low=low, high=high)
    result = add_regions(posterior, frame, design)
    notes = unseen_tasks.notes(posterior, frame["task"])
    if notes:
        result.attrs["text"] = " ".join(notes)
    return result


def _summaries(posterior: "Answers", frame: pd.DataFrame, kind: "Kind", probs: Sequence[float]) -> Floats:
    """Mean of the expected loss and quantiles of the kind at every row, shape (1 + len(probs), n)."""
    found = np.full((1 + len(probs), len(frame)), np.nan)
    if kind == "mean":
        for rows, of_rows in stretches.bands(posterior, frame, stretches.find(posterior, frame), probs):
            found[:, rows] = of_rows
    rest = np.flatnonzero(np.isnan(found[0]))
    for start in range(0, rest.size, TOGETHER):
        rows = rest[start : start + TOGETHER]
        for block, parts in posterior.blocks(frame.iloc[rows]):
            draws = parts.log_mean + noise(posterior, parts, block) if kind == "run" else parts.log_mean
            found[0, rows[block]] = np.exp(parts.log_mean).mean(axis=0)
            found[1:, rows[block]] = np.exp(np.quantile(draws, probs, axis=0))
    return found


def completed(posterior: "Answers", design: pd.DataFrame) -> pd.DataFrame:
    """A design with every row's task and base LLM, its sizes checked."""
    return complete_design(posterior.layout, posterior.resolved.law, posterior.runs, design)


def encode(posterior: "Answers", design: pd.DataFrame) -> EncodedDesign:
    """A design as arrays of this posterior's layout."""
    return encode_design(posterior.layout, posterior.resolved.law, posterior.runs, design)


def log_mean_draws(posterior: "Posterior", encoded: EncodedDesign) -> Iterator[tuple[slice, Floats]]:
    """Log expected loss with base effects and the law's drift, blocks of shape (S, rows)."""
    families = {name: posterior.family(name) for name in posterior.draws}
    model = posterior.resolved
    at_centre = log_mean_blocks(model.law, families, at_centre_of_data(encoded.rows))
    for block, log_law in log_mean_blocks(model.law, families, encoded.rows):
        log_mean = log_law
        if model.base_effects:
            log_mean = log_mean + base_draws.effects(posterior, encoded, block)
        if model.base_slopes:
            log_mean = log_mean + base_draws.slopes(posterior, encoded, block) * (log_law - next(at_centre)[1])
        if model.discrepancy:
            log_mean = log_mean + _drift(posterior, encoded, block)
        yield block, saturate(log_mean, encoded.rows.each(itemgetter(block)))


def expected_loss(posterior: "Answers", design: pd.DataFrame) -> Floats:
    """Draws of the expected loss at each design row, shape (S, n)."""
    return np.asarray(np.exp(np.concatenate([parts.log_mean for _, parts in posterior.blocks(design)], axis=1)))


def _drift(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    """How far each row's log loss leaves the law; what happens beyond the measured D_f is the same in every call."""
    rows, layout = encoded.rows.each(itemgetter(block)), posterior.layout
    drifted = product(posterior.family("drift"), rows.drift.T)
    for c in np.unique(rows.cell):
        of_cell = rows.cell == c
        for side in (-1.0, 1.0):
            outside = of_cell & (side * (rows.log_d - layout.drift.edge[c, int(side > 0)]) > 0)
            if not outside.any():
                continue
            count = drift.knots_beyond(layout.drift, int(c), rows.log_d[outside], side)
            changes = changes_beyond(posterior, int(c), side, count)
            drifted[:, outside] += drift.beyond(layout.drift, int(c), rows.log_d[outside], changes, side)
    return np.asarray(posterior.family("drift_scale") * drifted)


def noise(posterior: "Answers", parts: "RunDraws", block: slice) -> Floats:
    """Noise of new runs on log loss, shape (S, rows); the same in every call."""
    rng = _noise_rng(posterior, block.start)
    return np.asarray(parts.sigma * rng.standard_t(parts.nu, size=parts.sigma.shape))


def standard_noise(posterior: "Answers") -> Floats:
    """Noise of one new run over its scale, shape (S,): that of a design of one row."""
    nu = posterior.family("nu")
    return np.asarray(_noise_rng(posterior, 0).standard_t(nu, size=nu.shape)[:, 0])


def _noise_rng(posterior: "Answers", start: int) -> np.random.Generator:
    return np.random.default_rng([posterior.seed, 1, start])
