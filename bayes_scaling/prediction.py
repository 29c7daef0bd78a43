"""Credible bands at design points: the law, the base LLM's effect, and the noise of a run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pandas as pd

from bayes_scaling.encoding import EncodedDesign, encode_design
from bayes_scaling.encoding.design import UNSEEN
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.models.evaluate import log_mean_blocks
from bayes_scaling.models.joint import EFFECT_DF
from bayes_scaling.models.layout import Floats
from bayes_scaling.regions import add_regions

if TYPE_CHECKING:
    from bayes_scaling.posterior import Kind, Posterior

ONE_SD = 0.6827


def table(posterior: "Posterior", design: pd.DataFrame, kind: "Kind" = "mean", prob: float = 0.9) -> pd.DataFrame:
    """Bands at design points.

    Parameters
    ----------
    posterior : Posterior
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
    for block, log_mean in log_mean_draws(posterior, encoded):
        draws = log_mean + _noise(posterior, encoded, block) if kind == "run" else log_mean
        low, high, below, above = np.exp(np.quantile(draws, wanted, axis=0))
        columns.append(np.stack([np.exp(log_mean).mean(axis=0), (above - below) / 2, low, high]))
    mean, sd, low, high = np.concatenate(columns, axis=1)
    result = design.reset_index(drop=True).assign(mean=mean, sd=sd, low=low, high=high)
    return add_regions(posterior, encoded, result)


def encode(posterior: "Posterior", design: pd.DataFrame) -> EncodedDesign:
    """A design as arrays of this posterior's layout."""
    return encode_design(posterior.layout, posterior.resolved.law, posterior.runs, design)


def log_mean_draws(posterior: "Posterior", encoded: EncodedDesign) -> Iterator[tuple[slice, Floats]]:
    """Log expected loss with base effects, blocks of shape (S, rows)."""
    families = {name: posterior.family(name) for name in posterior.draws}
    for block, log_mean in log_mean_blocks(posterior.model.law, families, encoded.rows):
        has_effects = posterior.resolved.base_effects
        yield block, log_mean + _effects(posterior, encoded, block) if has_effects else log_mean


def expected_loss(posterior: "Posterior", design: pd.DataFrame) -> Floats:
    """Draws of the expected loss at each design row, shape (S, n)."""
    encoded = encode(posterior, design)
    return np.asarray(np.exp(np.concatenate([draws for _, draws in log_mean_draws(posterior, encoded)], axis=1)))


def check_prob(prob: float) -> None:
    """Raise an error for a probability that is none."""
    if not 0 < prob < 1:
        raise BayesScalingError(f"prob={prob!r}: must lie between 0 and 1, such as 0.9")


def _effects(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    columns: dict[tuple[int, str], Floats] = {}
    cells = encoded.rows.cell[block].tolist()
    frame = encoded.frame.iloc[block]
    keys = list(zip(cells, frame["base"], strict=True))
    for key, effect, common in zip(keys, encoded.effect[block], encoded.common[block], strict=True):
        if key not in columns:
            seen = effect != UNSEEN
            columns[key] = posterior.family("base_effect")[:, effect] if seen else _new_effect(posterior, *key, common)
    return np.stack([columns[key] for key in keys], axis=1)


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


def _noise(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    rng = np.random.default_rng([posterior.seed, 1, block.start])
    nu = posterior.family("nu")
    sigma = posterior.family("sigma")[:, encoded.rows.cell[block]]
    return np.asarray(sigma * rng.standard_t(nu, size=sigma.shape))
