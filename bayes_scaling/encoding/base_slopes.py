"""Which base LLMs have a slope effect: those whose fall with D_f can be told from the law's."""

import numpy as np

from bayes_scaling.models.layout import BaseSlopes, Floats, Ints, Layout

LEAST_BASES = 2  # of a cell that were run at several D_f: a lone one's slope is beta's own


def base_slopes(layout: Layout, effect: Ints, finetune_size: Floats) -> BaseSlopes:
    """Slope effects of every base LLM of the cells that can tell bases' slopes apart.

    Parameters
    ----------
    layout : Layout
    effect : int array, shape (n,)
        Index of each run's base effect.
    finetune_size : float array, shape (n,)
        D_f; zero-shot runs have no part in a slope.
    """
    several = np.array(
        [np.unique(finetune_size[(effect == h) & (finetune_size > 0)]).size > 1 for h in range(layout.n_effects)]
    )
    count = np.bincount(layout.cell_of_effect, several, minlength=layout.n_cells)
    sloped = np.flatnonzero(count[layout.cell_of_effect] >= LEAST_BASES)
    common, common_of = np.unique(layout.common_of_effect[sloped], return_inverse=True)
    return BaseSlopes(sloped.astype(np.int64), common_of.astype(np.int64), common.astype(np.int64))
