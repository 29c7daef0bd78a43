"""``fit``: runs in, posterior out, with a sampler whose failures are acted on and told."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import pandas as pd

from bayes_scaling.arguments import check_flag, check_option, check_seed, is_whole, shown
from bayes_scaling.convergence import kept_told, problems, wants_draws
from bayes_scaling.errors import ConvergenceWarning, InterruptionWarning, ModelError
from bayes_scaling.exact import by_importance, check_exact
from bayes_scaling.interruption import keeping
from bayes_scaling.joint_law import JointLaw, checked_model
from bayes_scaling.models.curve import sample_curve, suits
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.latest import of_latest
from bayes_scaling.models.layout import Problem
from bayes_scaling.models.nuts import BLOCK, NutsSettings, Progress
from bayes_scaling.models.sampler import PosteriorDraws, sample_posterior
from bayes_scaling.models.stopping import NothingDrawn, Stop
from bayes_scaling.posterior import Posterior
from bayes_scaling.program_cache import keep_programs
from bayes_scaling.runs import validate_runs
from bayes_scaling.runs.loss_kinds import warn_of_kind

EFFORTS = (1, 4, 16)  # Metropolis steps of sequential Monte Carlo, over the usual, in one attempt after the other
MOST_DRAWS, MOST_CHAINS = 1_000_000, 1000  # more fill any memory
NOTHING_DRAWN = (
    "the fit was interrupted before every chain had finished draws, so there is nothing to keep; fit again, or ask for "
    "a shorter warmup="
)
Engine = Literal["auto", "nuts", "smc", "exact"]
# what a failed attempt is repeated with: the wanted acceptance, warm-ups, and iterations for each draw
RETRIES = ((0.95, 4, 2), (0.99, 4, 4))
# the acceptance that is wanted first: of a law without base effects and drift, of one with them, and of one that pools
# too; the narrower a posterior's narrowest places, the higher
ACCEPTANCE_PLAIN, ACCEPTANCE, ACCEPTANCE_POOLED = 0.8, 0.85, 0.9


def fit(  # noqa: PLR0913 - a model, a seed and what is seldom changed, by name
    runs: pd.DataFrame,
    model: JointLaw | None = None,
    seed: int = 0,
    *,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 4,
    conditioned: bool = True,
    engine: Engine = "auto",
    progress: Progress | None = None,
    keep_on_interrupt: bool = False,
) -> Posterior:
    """Posterior of a joint scaling law, by NUTS or, for a single curve, by sequential Monte Carlo.

    Chains that mix but are too short (a small ESS, an R-hat of 1.01 to 1.03) go on for as long again, and of the more
    iterations as many draws are kept. An attempt that does not converge for another reason (R-hat, divergences, E-BFMI)
    is repeated with smaller steps, a longer warm-up and more iterations for each draw, twice at most; what is still
    wrong then is warned of and makes :meth:`Posterior.check` fail.

    Parameters
    ----------
    runs : DataFrame
        A runs table, see :func:`bayes_scaling.load_runs`; checked again here.
    model : JointLaw, optional
        Default: the multiplicative law with base effects.
    seed : int
        Same seed, same draws on the same machine.

    Other Parameters
    ----------------
    draws, warmup : int
        Iterations of each chain, in hundreds.
    chains : int
    conditioned : bool
        Sample in well-conditioned coordinates, or (for comparison) in natural ones: the same posterior.
    engine : {"auto", "nuts", "smc", "exact"}
        ``"smc"``, sequential Monte Carlo (:mod:`bayes_scaling.models.smc`), is for one (task, method) on one base LLM
        (or without base effects): the same posterior, a second a fit after the first. ``"auto"`` takes it there, and
        NUTS, the reference, elsewhere. ``"exact"``, independent draws by importance sampling
        (:mod:`bayes_scaling.models.importance`), is for one (task, method) without base effects and drift: some .1
        seconds a fit after the first, and the evidence. The posterior names its engine: ``fit.settings.engine``.
    progress : callable, optional
        Called as ``progress(done, total)``; the quick engine does not.
    keep_on_interrupt : bool
        Whether Ctrl-C during NUTS returns the draws that every chain has finished, the first of those of an
        uninterrupted fit, instead of raising KeyboardInterrupt; a second Ctrl-C raises it. ``fit.settings.asked`` and
        :meth:`Posterior.check` tell. ``"smc"`` and ``"exact"``, done in seconds, have nothing to keep: there Ctrl-C
        ends the fit as ever.

    Returns
    -------
    Posterior

    Raises
    ------
    RunsError, ModelError
        If the runs or the model break a rule; before anything is sampled. With ``engine="exact"`` also where its
        weights are too uneven to trust.
    KeyboardInterrupt
        With ``keep_on_interrupt`` too, where Ctrl-C comes before every chain has finished draws.

    Warns
    -----
    InterruptionWarning
        If an interruption left fewer draws than were asked for.
    ConvergenceWarning
        If the last attempt did not converge.
    UserWarning
        If the loss looks like a score or a perplexity, see :func:`bayes_scaling.load_runs`.
    """
    model = checked_model(model)
    settings = NutsSettings(chains=chains, warmup=warmup, draws=draws, target_accept=ACCEPTANCE)
    check_settings(settings)
    check_seed(seed)
    check_flag("conditioned", conditioned)
    check_flag("keep_on_interrupt", keep_on_interrupt)
    check_option("engine", engine, get_args(Engine))
    if progress is not None and not callable(progress):
        raise ModelError(f"progress={shown(progress)}: a function of (done, total), or None")
    valid = validate_runs(runs)
    warn_of_kind(valid)
    keep_programs()
    problem = model.encode(valid)
    resolved = model.resolve(problem.layout)
    if resolved.is_plain:
        settings = replace(settings, target_accept=ACCEPTANCE_PLAIN)
    elif resolved.pool:
        settings = replace(settings, target_accept=ACCEPTANCE_POOLED)
    if engine == "exact":
        check_exact(resolved, problem)
        return by_importance([(valid, problem, seed)], model, settings)[0].trusted()
    if _engine(engine, resolved, problem, conditioned) == "smc":
        return _by_populations(valid, model, problem, replace(settings, engine="smc"), seed)

    def sample(attempt: NutsSettings, stop: Stop | None) -> Posterior:
        @of_latest
        def told(drawn: PosteriorDraws) -> Posterior:
            draws = drawn.stats["n_steps"].shape[1]
            asked = 0 if draws == attempt.draws else attempt.draws
            settings = replace(attempt, draws=draws, asked=asked, thin=drawn.thin)
            return Posterior(valid, model, drawn.families, drawn.stats, seed, settings)

        return told(
            sample_posterior(
                resolved,
                problem,
                attempt,
                seed,
                conditioned=conditioned,
                progress=progress,
                stop=stop,
                more=lambda drawn: wants_draws(told(drawn)),
            )
        )

    with keeping() if keep_on_interrupt else nullcontext() as stop:
        last = _attempts(sample, settings, stop)
    if last.posterior.settings.asked:
        _warn_of_interruption(last.posterior.settings, last.found)
    elif last.found:
        _warn(last.found, last.number)
    return last.posterior


class _Attempt(NamedTuple):
    """What an attempt drew, what is wrong with it, and the how many-th it was."""

    posterior: Posterior
    found: list[str]
    number: int

    def interrupted(self) -> "_Attempt":
        """The same with all its draws, where Ctrl-C came before the next one had any."""
        settings = replace(self.posterior.settings, asked=self.posterior.settings.draws)
        return self._replace(posterior=replace(self.posterior, settings=settings))


def _attempts(
    sample: Callable[[NutsSettings, Stop | None], Posterior], settings: NutsSettings, stop: Stop | None
) -> _Attempt:
    """The first attempt that converged, or the last one; what an interruption leaves."""
    plans = ((settings.target_accept, settings.warmups, settings.thin), *RETRIES)
    last: _Attempt | None = None
    for number, (target_accept, warmups, thin) in enumerate(plans, 1):
        attempt = replace(settings, target_accept=target_accept, warmups=warmups, thin=thin)
        try:
            posterior = sample(attempt, stop)
        except NothingDrawn:
            if last is None:
                raise KeyboardInterrupt(NOTHING_DRAWN) from None
            return last.interrupted()
        last = _Attempt(posterior, problems(posterior), number)
        if posterior.settings.asked or not last.found:
            break
        if stop is not None and stop.asked:
            return last.interrupted()
    assert last is not None, "there is one attempt at least"
    return last


def _warn_of_interruption(settings: NutsSettings, found: list[str]) -> None:
    verdict = f"they do not pass ({'; '.join(found)}), so do not trust them" if found else "they pass the diagnostics"
    warnings.warn(
        f"the fit was interrupted: {kept_told(settings)}; {verdict}; fit again with the same seed and let it end to "
        "have all",
        InterruptionWarning,
        stacklevel=3,
    )


def _warn(found: list[str], attempts: int) -> None:
    warnings.warn(
        f"the sampler did not converge after {attempts} attempt{'s' * (attempts > 1)}: {'; '.join(found)}. Do not "
        "trust this posterior: see fit.check(), look for a parameter the runs cannot identify, or give it a tighter "
        "prior",
        ConvergenceWarning,
        stacklevel=3,
    )


def is_quick(runs: pd.DataFrame, model: JointLaw) -> bool:
    """Whether :func:`fit` would take sequential Monte Carlo for validated runs."""
    problem = model.encode(runs)
    return suits(model.resolve(problem.layout), problem)


def _engine(engine: Engine, model: JointModel, problem: Problem, conditioned: bool) -> str:
    fits = suits(model, problem)
    if engine == "smc" and not fits:
        raise ModelError(
            "engine='smc' is for one (task, method) on one base LLM, or without base effects, and without a prior on "
            "A; these runs need engine='nuts'"
        )
    return "smc" if fits and conditioned and engine != "nuts" else "nuts"


def _by_populations(
    valid: pd.DataFrame, model: JointLaw, problem: Problem, settings: NutsSettings, seed: int
) -> Posterior:
    resolved = model.resolve(problem.layout)
    for effort in EFFORTS:
        families, stats = sample_curve(resolved, problem, settings.chains, settings.draws, seed, effort)
        posterior = Posterior(valid, model, families, stats, seed, settings)
        found = problems(posterior)
        if not found:
            return posterior
    _warn(found, len(EFFORTS))
    return posterior


def check_settings(settings: NutsSettings) -> None:
    """Raise a ModelError for draws or chains that no engine takes."""
    for name in ("draws", "warmup"):
        value = getattr(settings, name)
        if not is_whole(value, BLOCK, MOST_DRAWS) or value % BLOCK:
            raise ModelError(f"{name}={shown(value)}: iterations come in hundreds, at least {BLOCK}; try {name}=1000")
    if not is_whole(settings.chains, 2, MOST_CHAINS):
        raise ModelError(f"chains={shown(settings.chains)}: convergence needs two chains to compare; try chains=4")
