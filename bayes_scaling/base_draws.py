"""Draws of what base LLMs do to level and slope: known where a base was fitted, drawn from the population where not."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from bayes_scaling import strangeness
from bayes_scaling.encoding import EncodedDesign
from bayes_scaling.encoding.design import UNSEEN
from bayes_scaling.models.joint import EFFECT_DF, SLOPE, SLOPE_COMMON
from bayes_scaling.models.layout import Floats, Ints

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

KNOWN_AS_THE_LAW = -2  # a fitted base LLM that falls as its cell's law, which was fitted to it alone


def effects(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    """Effects of each row's base LLM on log loss, shape (S, rows)."""
    seen, new = posterior.family("base_effect"), _Population(posterior, "base_scale", "base_share", "")
    commons = posterior.family("base_common")

    def column(cell: int, base: str, wider: float, effect: int, common: int, family: str | None) -> Floats:
        if effect != UNSEEN:
            return np.asarray(seen[:, effect])
        drawn = new.member(cell, base, wider, commons[:, common] if common != UNSEEN else None)
        return drawn if family is None else drawn + _family_part(posterior, posterior.layout.task[cell], family)

    return _columns(posterior, encoded, block, encoded.effect, encoded.common, column)


def slopes(posterior: "Posterior", encoded: EncodedDesign, block: slice) -> Floats:
    """How much faster than the law each row's base LLM falls with D_f, as a share, shape (S, rows)."""
    layout = posterior.layout
    seen, commons = posterior.family(SLOPE), posterior.family(SLOPE_COMMON)
    new = _Population(posterior, "slope_scale", "slope_share", "slope\0")
    slope_of = _places(layout.slopes.effect, layout.n_effects, KNOWN_AS_THE_LAW)
    common_of = _places(layout.slopes.common, layout.n_commons, UNSEEN)

    def column(cell: int, base: str, wider: float, effect: int, common: int, _: str | None) -> Floats:
        if effect == KNOWN_AS_THE_LAW:
            return np.zeros(seen.shape[0])
        if effect != UNSEEN:
            return np.asarray(seen[:, effect])
        return new.member(cell, base, wider, commons[:, common] if common != UNSEEN else None)

    effect, common = (
        np.where(of_design == UNSEEN, UNSEEN, places[of_design])
        for of_design, places in ((encoded.effect, slope_of), (encoded.common, common_of))
    )
    return _columns(posterior, encoded, block, effect, common, column)


def _places(members: Ints, n: int, missing: int) -> Ints:
    """Where each of n stands among some of them."""
    places = np.full(n, missing, np.int64)
    places[members] = np.arange(members.size)
    return places


def _columns(
    posterior: "Posterior",
    encoded: EncodedDesign,
    block: slice,
    effect: Ints,
    common: Ints,
    column: Callable[[int, str, float, int, int, str | None], Floats],
) -> Floats:
    """A column a row, drawn once for all rows of one cell, base LLM and width of its population."""
    frame = encoded.frame.iloc[block]
    families = frame["family"] if posterior.layout.families.family else [None] * len(frame)
    wider = strangeness.factors(posterior, encoded, block).tolist()
    keys = list(zip(encoded.rows.cell[block].tolist(), frame["base"], wider, strict=True))
    columns: dict[tuple[int, str, float], Floats] = {}
    for key, e, g, family in zip(keys, effect[block].tolist(), common[block].tolist(), families, strict=True):
        if key not in columns:
            columns[key] = column(*key, e, g, family)
    return np.stack([columns[key] for key in keys], axis=1)


class _Population:
    """New members of a population of base LLMs: the same in every call, partly shared by the methods on one base."""

    def __init__(self, posterior: "Posterior", scale: str, share: str, prefix: str) -> None:
        self.posterior, self.prefix = posterior, prefix
        self.scale, self.share = posterior.family(scale)[:, 0], posterior.family(share)[:, 0]

    def member(self, cell: int, base: str, wider: float, common: Floats | None) -> Floats:
        """One member's draws, shape (S,); what it shares with other methods is kept where known, the rest is wider."""
        task, method = self.posterior.layout.task[cell], self.posterior.layout.method[cell]
        shared = wider * _named_t(self.posterior, f"{self.prefix}{task}\0{base}") if common is None else common
        own = wider * _named_t(self.posterior, f"{self.prefix}{task}\0{method}\0{base}")
        return np.asarray(self.scale * (np.sqrt(self.share) * shared + np.sqrt(1 - self.share) * own))


def _family_part(posterior: "Posterior", task: str, family: str) -> Floats:
    """What a new base has from its model family on a task: known where a fitted base is of it, else drawn."""
    pairs = list(zip(posterior.layout.families.task, posterior.layout.families.family, strict=True))
    if (task, family) in pairs:
        shared = posterior.family("base_family")[:, pairs.index((task, family))]
    else:
        shared = _named_t(posterior, f"family\0{task}\0{family}")
    return np.asarray(posterior.family("family_scale")[:, 0] * shared)


def _named_t(posterior: "Posterior", name: str) -> Floats:
    """Student-t draws that depend on the posterior's seed and a name only: the same in every call."""
    rng = np.random.default_rng([posterior.seed, crc32(name.encode())])
    return np.asarray(rng.standard_t(EFFECT_DF, size=posterior.family("E").shape[0]))
