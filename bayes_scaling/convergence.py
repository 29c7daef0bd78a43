"""Whether the sampler converged: R-hat, effective sample sizes, divergences, energy."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling import arviz_bridge
from bayes_scaling.models.nuts import NutsSettings

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

MAX_R_HAT = 1.01  # Vehtari et al. 2021
SHORT_R_HAT = 1.03  # up to here chains may be too short, and no more
MIN_ESS_PER_CHAIN = 100
MAX_DIVERGENT_SHARE = 0.001
MIN_BFMI = 0.3


def diagnose(posterior: "Posterior") -> dict[str, float]:
    """The worst of each diagnostic over all parameters."""
    series = list(_series(posterior))
    return dict(
        r_hat=max(arviz_bridge.r_hat(s) for s in series),
        ess_bulk=min(arviz_bridge.ess(s) for s in series),
        ess_tail=min(arviz_bridge.ess(s, "tail") for s in series),
    ) | _of_nuts(posterior)


def _of_nuts(posterior: "Posterior") -> dict[str, float]:
    """What only NUTS can say of itself; without fault for another engine."""
    if posterior.settings.engine != "nuts":
        return {"divergent_share": 0.0, "bfmi": np.inf}
    return {
        "divergent_share": float(np.mean(posterior.stats["diverging"])),
        "bfmi": float(np.min(arviz_bridge.bfmi(posterior.stats["energy"]))),
    }


def problems(posterior: "Posterior") -> list[str]:
    """What is wrong with the sampler's output, in words; empty where nothing is."""
    found = posterior.diagnostics
    wanted_ess = MIN_ESS_PER_CHAIN * posterior.settings.chains
    rules = [
        (not found["r_hat"] <= MAX_R_HAT, f"R-hat {found['r_hat']:.3f} is above {MAX_R_HAT}"),
        (not found["ess_bulk"] >= wanted_ess, f"bulk ESS {found['ess_bulk']:.0f} is below {wanted_ess}"),
        (not found["ess_tail"] >= wanted_ess, f"tail ESS {found['ess_tail']:.0f} is below {wanted_ess}"),
        (
            found["divergent_share"] > MAX_DIVERGENT_SHARE,
            f"{100 * found['divergent_share']:.2f} % of the draws diverged (at most {100 * MAX_DIVERGENT_SHARE} %)",
        ),
        (not found["bfmi"] >= MIN_BFMI, f"E-BFMI {found['bfmi']:.2f} is below {MIN_BFMI}"),
    ]
    return [text for is_bad, text in rules if is_bad]


def wants_draws(posterior: "Posterior") -> bool:
    """Whether chains that mix are only too short: nothing is wrong but a small ESS, or R-hat by a little."""
    found = posterior.diagnostics
    few = not min(found["ess_bulk"], found["ess_tail"]) >= MIN_ESS_PER_CHAIN * posterior.settings.chains
    short = few or not found["r_hat"] <= MAX_R_HAT
    mix = found["r_hat"] <= SHORT_R_HAT and found["bfmi"] >= MIN_BFMI
    return short and mix and found["divergent_share"] <= MAX_DIVERGENT_SHARE


def kept_told(settings: NutsSettings) -> str:
    """What an interruption left, in words."""
    return f"{settings.draws} of {settings.asked} draws of each of {settings.chains} chains are kept"


def _series(posterior: "Posterior") -> Iterator[np.ndarray]:
    """Every parameter that is not held fixed, shape (chains, draws)."""
    for values in posterior.draws.values():
        for i in range(values.shape[-1]):
            if np.ptp(values[..., i]) > 0 or not np.all(np.isfinite(values[..., i])):
                yield values[..., i]
