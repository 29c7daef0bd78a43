"""The sampler starts at one mode: the default priors leave no second one on runs where a signed beta has two."""

import sys
from pathlib import Path

import numpy as np
import pytest

import bayes_scaling as bs

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from two_modes import SIGNED, modes

pytestmark = pytest.mark.numbers

WORTH_KNOWING = 5.0  # nats of evidence below the best


def best_modes(model):
    """Beta of the modes that have a share of the posterior."""
    runs = bs.load_data("ladder").query("task == 'en_de' and method == 'lora' and split == 'fit'")
    found = modes(runs, model)
    return found["beta"][found["log evidence"] > found["log evidence"].max() - WORTH_KNOWING].to_numpy()


def test_the_default_model_has_one_law_from_both_sides():
    beta = best_modes(bs.JointLaw())
    assert beta.size >= 4 and np.ptp(beta) < 0.1 * beta.mean()


def test_a_beta_of_either_sign_has_two():
    beta = best_modes(bs.JointLaw(priors=SIGNED))
    assert beta.min() < -0.03 and beta.max() > 0.03
