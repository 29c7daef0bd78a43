"""Credible bands at design points: the law, the base LLM's effect, and the noise of a run."""

from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pandas as pd

from bayes_scaling import unseen_tasks
from bayes_scaling.encoding import EncodedDesign, encode_design
from bayes_scaling.encoding.design import UNSEEN
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models import drift
from bayes_scaling.models.ceiling import saturate
from bayes_scaling.models.evaluate import log_mean_blocks
from bayes_scaling.models.joint import EFFECT_DF
from bayes_scaling.models.layout import Floats
from bayes_scaling.regions import add_regions

if TYPE_CHECKING:
    from bayes_scaling.answers import Answers, Kind, RunDraws
    from bayes_scaling.posterior import Posterior

ONE_SD = 0.6827


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
    if kind not in ("mean", "run"):
        raise BayesScalingError(f"kind={kind!r}: use 'mean' for expected loss or 'run' for one new run")
    encoded = encode(posterior, design)
    tails = (1 - prob) / 2
    wanted = [tails, 1 - tails, (1 - ONE_SD) / 2, (1 + ONE_SD) / 2]
    columns = []
    for block, parts in posterior.blocks(design):
        draws = parts.log_mean + noise(posterior, parts, block) if kind == "run" else parts.log_mean
        low, high, below, above = np.exp(np.quantile(draws, wanted, axis=0))
        columns.append(np.stack([np.exp(parts.log_mean).mean(axis=0), (above - below) / 2, low, high]))
    mean, sd, low, high = np.concatenate(columns, axis=1)
    result = add_regions(posterior, encoded, design.reset_index(drop=True).assign(mean=mean, sd=sd, low=low, high=high))
    notes = unseen_tasks.notes(posterior, encoded.frame["task"])
    if notes:
        result.attrs["text"] = " ".join(notes)
    return result


def encode(posterior: "Answers", design: pd.DataFrame) -> EncodedDesign:
    """A design as arrays of this posterior's layout."""
    return encode_design(posterior.layout, posterior.resolved.law, posterior.runs, design)


def log_mean_draws(posterior: "Posterior", encoded: EncodedDesign) -> Iterator[tuple[slice, Floats]]:
    """Log expected loss with base effects and the law's drift, blocks of shape (S, rows)."""
    families = {name: posterior.family(name) for name in posterior.draws}
    model = posterior.resolved
    for block, log_law in log_mean_blocks(model.law, families, encoded.rows):
        effects = _effects(posterior, encoded, block) if model.base_effects else 0.0
        log_mean = log_law + effects + (_drift(posterior, encoded, block) if model.discrepancy else 0.0)
        yield block, saturate(log_mean, encoded.rows.each(itemgetter(block)))


def expected_loss(posterior: "Answers", design: pd.DataFrame) -> Floats:
    """Draws of the expected loss at each design row, shape (S, n)."""
    return np.asarray(np.exp(np.concatenate([parts.log_mean for _, parts in posterior.blocks(design)], axis=1)))


def check_prob(prob: float) -> None:
    """Raise an error for a probability that is none."""
    if not 0 < prob < 1:
        raise BayesScalingError(f"prob={prob!r}: must lie between 0 and 1, such as 0.9")


def _effects(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    columns: dict[tuple[int, str], Floats] = {}
    cells = encoded.rows.cell[block].tolist()
    frame = encoded.frame.iloc[block]
    keys = list(zip(cells, frame["base"], strict=True))
    families = frame["family"] if posterior.layout.families.family else [None] * len(keys)
    for key, effect, common, family in zip(keys, encoded.effect[block], encoded.common[block], families, strict=True):
        if key not in columns:
            seen = effect != UNSEEN
            columns[key] = posterior.family("base_effect")[:, effect] if seen else _new_effect(posterior, *key, common)
            if family is not None and not seen:
                columns[key] = columns[key] + _family_part(posterior, posterior.layout.task[key[0]], family)
    return np.stack([columns[key] for key in keys], axis=1)


def _family_part(posterior: "Posterior", task: str, family: str) -> Floats:
    """What a new base has from its model family on a task: known where a fitted base is of it, else drawn."""
    pairs = list(zip(posterior.layout.families.task, posterior.layout.families.family, strict=True))
    if (task, family) in pairs:
        shared = posterior.family("base_family")[:, pairs.index((task, family))]
    else:
        shared = _named_t(posterior, f"family\0{task}\0{family}")
    return np.asarray(posterior.family("family_scale")[:, 0] * shared)


def _new_effect(posterior: "Posterior", cell: int, base: str, common: int) -> Floats:
    """Effect of a base LLM that the cell has not seen; what it shares with other methods is kept where known."""
    scale, share = posterior.family("base_scale")[:, 0], posterior.family("base_share")[:, 0]
    task, method = posterior.layout.task[cell], posterior.layout.method[cell]
    seen = common != UNSEEN
    shared = posterior.family("base_common")[:, common] if seen else _named_t(posterior, f"{task}\0{base}")
    own = _named_t(posterior, f"{task}\0{method}\0{base}")
    return np.asarray(scale * (np.sqrt(share) * shared + np.sqrt(1 - share) * own))


def _named_t(posterior: "Posterior", name: str) -> Floats:
    """Student-t draws that depend on the posterior's seed and a name only: the same in every call."""
    rng = np.random.default_rng([posterior.seed, crc32(name.encode())])
    return np.asarray(rng.standard_t(EFFECT_DF, size=posterior.family("E").shape[0]))


def _drift(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    """How far each row's log loss leaves the law; what happens beyond the measured D_f is the same in every call."""
    rows, layout = encoded.rows.each(itemgetter(block)), posterior.layout
    drifted = posterior.family("drift") @ rows.drift.T
    for c in np.unique(rows.cell):
        of_cell = rows.cell == c
        for side in (-1.0, 1.0):
            name = f"drift\0{layout.task[c]}\0{layout.method[c]}\0{side:+.0f}"
            count = drift.knots_beyond(layout.drift, int(c), rows.log_d[of_cell], side)
            changes = _named_changes(posterior, name, count)
            drifted[:, of_cell] += drift.beyond(layout.drift, int(c), rows.log_d[of_cell], changes, side)
    return np.asarray(posterior.family("drift_scale") * drifted)


def _named_changes(posterior: "Posterior", name: str, count: int) -> Floats:
    """Changes of slope with Student-t tails, shape (S, count); the first are the same however many are asked for."""
    rng = np.random.default_rng([posterior.seed, crc32(name.encode())])
    draws = posterior.family("E").shape[0]
    factor = np.sqrt(drift.BEYOND_DF / rng.chisquare(drift.BEYOND_DF, draws))
    return np.asarray((factor * rng.standard_normal((count, draws))).T)


def noise(posterior: "Answers", parts: "RunDraws", block: slice) -> Floats:
    """Noise of new runs on log loss, shape (S, rows); the same in every call."""
    rng = np.random.default_rng([posterior.seed, 1, block.start])
    return np.asarray(parts.sigma * rng.standard_t(parts.nu, size=parts.sigma.shape))
