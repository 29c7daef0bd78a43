"""Small tables of runs, and how a law reads them."""

import itertools

import numpy as np
import pandas as pd

import bayes_scaling as bs

SIZES = {"model_size": [1e9, 2e9, 4e9], "pretrain_size": [1e10, 3e10, 9e10], "pet_size": [4.0, 16.0, 64.0]}


def table(rows, **columns):
    """Runs of one task from (factors, D_f) rows; the losses are all different."""
    frame = pd.DataFrame(rows).assign(**{"task": "sum", "method": "lora", **columns})
    return bs.load_runs(frame.assign(loss=2 + 0.01 * np.arange(len(frame))))


def crossed(*factors, sizes=(1e4, 1e5), **columns):
    names = [*factors, "finetune_size"]
    values = [*(SIZES[f] for f in factors), sizes]
    return table([dict(zip(names, row, strict=True)) for row in itertools.product(*values)], **columns)


def star(*, centre):
    """Model size and PET size each moved away from (2e9, 16), which was measured or not."""
    points = [(1e9, 16.0), (4e9, 16.0), (2e9, 4.0), (2e9, 64.0)] + ([(2e9, 16.0)] if centre else [])
    return table([{"model_size": n, "pet_size": t, "finetune_size": d} for n, t in points for d in (1e4, 1e5)])


def problem(runs, **model):
    return bs.JointLaw(**model).encode(runs)


def sets_of(layout):
    return {
        (layout.task[c], layout.method[c], factors): fixed
        for (c, factors), fixed in zip(layout.factor_sets, layout.fixed_sizes, strict=True)
    }
