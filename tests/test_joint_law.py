"""The specification of a law: what is refused at once, and its way through JSON."""

import json

import numpyro.distributions as dist
import pytest

import bayes_scaling as bs
from shared.prior_specs import refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"law": "quadratic"}, "law='quadratic': no such law; the laws are 'multiplicative', 'additive'"),
        ({"sharing": "both"}, "sharing='both': use one of 'auto', 'separate', 'product'"),
        ({"factors": ["size"]}, "factors: 'size' is no factor; the factors are 'model_size', 'pretrain_size'"),
    ],
)
def test_a_wrong_specification_is_refused_at_once(arguments, message):
    with pytest.raises(bs.ModelError) as caught:
        bs.JointLaw(**arguments)
    assert message in str(caught.value)


# Bug: AttributeError: 'NoneType' object has no attribute 'items'; TypeError from re for a key that is no text.
@pytest.mark.parametrize("priors", [None, [("beta", 0.1)], 3, {1: 0.1}])
def test_priors_of_the_wrong_type_are_refused_with_the_rule(runs, priors):
    assert "prior" in refused(runs, priors)


@pytest.mark.parametrize(
    "model",
    [
        bs.JointLaw(),
        bs.JointLaw("additive", base_effects=False, factors=("model_size",), sharing="product"),
        bs.JointLaw(priors="besiroglu2024", factors=()),
        bs.JointLaw(
            priors={"E": dist.TruncatedNormal(0.5, 1.0, low=0.0), "beta[lora]": 0.1, "A": dist.LogNormal(9, 1)}
        ),
    ],
    ids=["default", "additive", "preset", "own"],
)
def test_a_specification_survives_json(model):
    back = bs.JointLaw.from_json(json.loads(json.dumps(model.to_json())))
    assert back.to_json() == model.to_json()
    assert back.prior_specs == model.prior_specs
    assert (back.law, back.base_effects, back.sharing) == (model.law, model.base_effects, model.sharing)
    assert (back.factors is None) == (model.factors is None)


def test_a_specification_from_json_describes_the_same(runs):
    model = bs.JointLaw(priors={"E": dist.TruncatedNormal(0.5, 1.0, low=0.0), "beta[lora]": 0.1})
    assert bs.JointLaw.from_json(json.loads(json.dumps(model.to_json()))).describe(runs) == model.describe(runs)
