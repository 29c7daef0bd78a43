"""Runs to put priors on, and the priors that a law gives them."""

import pandas as pd
import pytest

import bayes_scaling as bs

CELL = "WMT19 En-Zh, lora"


def crossed(first="model_size", second="pretrain_size", scale=1.0):
    """Twelve runs of one method in which both factors move together; losses times ``scale``."""
    values = {"model_size": [1e9, 2e9, 4e9], "pretrain_size": [1e10, 1e11], "pet_size": [4.0, 16.0]}
    design = pd.MultiIndex.from_product([values[first], values[second], [1e4, 1e5]]).to_frame(index=False)
    design.columns = [first, second, "finetune_size"]
    loss = scale * (1 + 30 * design[first] ** -0.1 * design["finetune_size"] ** -0.1)
    return bs.load_runs(design.assign(task="sum", method="lora", loss=loss))


def resolved(runs, law="multiplicative", **priors):
    model = bs.JointLaw(law, priors=priors)
    problem = model.encode(runs)
    return model.resolve(problem.layout), problem


def specs(runs, priors=None, law="multiplicative"):
    """The prior of every scalar parameter, by the name that ``describe`` and the errors use."""
    from bayes_scaling.models.priors import elements

    model, problem = resolved(runs, law, **(priors or {}))
    names = elements(model.law, problem.layout, model.parts)
    return {names[s.family][i].name: spec for s in model.sites for i, spec in zip(s.index, s.specs, strict=True)}


def refused(runs, priors, law="multiplicative"):
    with pytest.raises(bs.ModelError) as caught:
        bs.JointLaw(law, priors=priors).describe(runs)
    return str(caught.value)
