"""What would change if the priors counted a little more, or less? For parameters, and for the decision.

Power scaling (Kallioinen et al. 2023, arXiv 2107.14054) raises the prior, or the likelihood, to a power near one and
weights the draws accordingly, without another fit. That a parameter moves with its prior is worth knowing; that the
*decision* does is a reason to stop. The decision is the method that is likeliest to have the lowest expected loss, on
the largest base LLM that its rivals were measured on too, at the largest measured D_f and at ten times that; of a
single method it is the expected loss at the largest measured D_f.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.arviz_bridge import HIGH_K, power_scaling, psis
from bayes_scaling.checks.decision import Decision, decisions
from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, PASSED, Check
from bayes_scaling.models.layout import Floats
from bayes_scaling.models.log_prior import log_prior
from bayes_scaling.models.pooling import all_elements
from bayes_scaling.text import format_probability

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

UPPER = 1.25  # powers of the prior are this and one over it
SENSITIVE = 0.05  # Kallioinen et al. 2023, section 2.3.2
MAX_MOVE = 0.1  # of P(best)
MAX_MOVE_OF_FLIP = 0.05  # where another method becomes the likeliest; less is a tie before and after
MAX_SHIFT = 0.25  # of a single method's prediction, in its standard deviations


class Weights(NamedTuple):
    """Weights of the draws, shape (S,), under a prior raised to a power, and their Pareto k."""

    power: float
    of_draws: Floats
    k: float


def of_parameters_and_decision(posterior: "Posterior") -> Iterator[Check]:
    """Power-scaling sensitivity of alpha, beta and E, and of the decision."""
    log_p = log_prior(posterior.resolved, posterior.layout, posterior.draws)
    yield of_decision(posterior, log_p)
    yield from _of_parameters(posterior, log_p)


def of_decision(posterior: "Posterior", log_p: Floats) -> Check:
    """Whether another weight of the priors would change the choice; ``log_p`` has shape (chains, draws)."""
    weighted = [Weights(a, *psis((a - 1) * log_p.ravel())) for a in (1 / UPPER, UPPER)]
    judged = [judge(decision, weighted) for decision in decisions(posterior)]
    failed = [reason for moved, reason in judged if moved]
    k = max(w.k for w in weighted)
    if failed:
        advice = "the prior has a say in this: defend it where you report the choice, or measure more runs there"
        return Check("prior sensitivity of the decision", FAILED, "; ".join(failed), advice)
    if k > HIGH_K:
        reason = f"weights that give the prior another power are too uneven to tell (Pareto k {k:.2f})"
        advice = "fit once more with wider priors and compare fit.win_probability()"
        return Check("prior sensitivity of the decision", INFORMATIONAL, reason, advice)
    return Check("prior sensitivity of the decision", PASSED, "; ".join(reason for _, reason in judged))


def judge(decision: Decision, weighted: list[Weights]) -> tuple[bool, str]:
    """Whether a decision moves with the prior's power, and how, in words."""
    if len(decision.methods) == 1:
        return _judge_prediction(decision, weighted)
    wins = decision.losses.argmin(axis=1)[:, None] == np.arange(len(decision.methods))
    p, others = wins.mean(axis=0), np.stack([w.of_draws @ wins for w in weighted])
    best = int(p.argmax())
    move = float(np.abs(others[:, best] - p[best]).max())
    flipped = {decision.methods[int(m)] for m in others.argmax(axis=1)} - {decision.methods[best]}
    fails = move > (MAX_MOVE_OF_FLIP if flipped else MAX_MOVE)
    low, high = min(p[best], *others[:, best]), max(p[best], *others[:, best])
    text = f"{decision.where}: P({decision.methods[best]} is best) = {format_probability(p[best])}"
    if not fails:
        return False, f"{text}, moved by {move:.2f} at most"
    text += f" goes from {low:.2f} to {high:.2f} as the priors count {1 / UPPER:g} to {UPPER:g} times"
    return True, text + (f", and {' or '.join(sorted(flipped))} becomes the likeliest" if flipped else "")


def _judge_prediction(decision: Decision, weighted: list[Weights]) -> tuple[bool, str]:
    log_loss = np.log(decision.losses[:, 0])
    shift = max(abs(float(w.of_draws @ log_loss) - log_loss.mean()) for w in weighted) / log_loss.std()
    text = f"{decision.where}: expected loss of {decision.methods[0]} moves by {shift:.2f} sd at most"
    return shift > MAX_SHIFT, f"{text} as the priors count {1 / UPPER:g} to {UPPER:g} times"


def _of_parameters(posterior: "Posterior", log_p: Floats) -> Iterator[Check]:
    log_likelihood = np.asarray(posterior.idata["log_likelihood"]["loss"]).sum(axis=-1)
    model, names, series = posterior.resolved, [], []
    table = all_elements(model.law, posterior.layout, model.parts, model.pool)
    for site in model.sites:
        if site.family in ("alpha", "beta", "E") and not site.fixed:
            names += [table[site.family][i].name for i in site.index]
            series += [posterior.draws[site.family][..., i] for i in site.index]
    if not names:
        return
    quantities = np.stack(series, axis=-1)
    of_prior, of_data = (power_scaling(quantities, part, UPPER) for part in (log_p, log_likelihood))
    yield _told(names, of_prior >= SENSITIVE, of_data >= SENSITIVE)


def _told(names: list[str], by_prior: np.ndarray, by_data: np.ndarray) -> Check:
    torn = [name for name, p, d in zip(names, by_prior, by_data, strict=True) if p and d]
    weak = [name for name, p, d in zip(names, by_prior, by_data, strict=True) if p and not d]
    parts = [f"prior and data pull at {', '.join(torn)}"] * bool(torn)
    parts += [f"the prior decides {', '.join(weak)}"] * bool(weak)
    reason = "; ".join(parts) or "no alpha, beta or E moves with its prior"
    return Check("prior sensitivity", INFORMATIONAL, reason, "state these priors where you report these" * bool(parts))
