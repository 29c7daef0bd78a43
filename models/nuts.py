"""NUTS on a potential: independent chains on a thread each, advanced in blocks so that progress can be shown.

One compiled program serves all chains, and every fit whose potential differs in its arguments only. On a CPU, threads
beat vectorised chains: a chain does not wait for the longest tree of the others.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpyro.infer.hmc import HMCState, hmc
from numpyro.infer.util import ParamInfo

from bayes_scaling.models.compiling import jit_once
from bayes_scaling.models.layout import Floats
from bayes_scaling.models.precision import in_float64
from bayes_scaling.models.stopping import NothingDrawn, Stop

Progress = Callable[[int, int], None]
Potential = Callable[[Array, Any], Array]
Gradient = Callable[[Array, Any], tuple[Array, Array]]
Record = dict[str, np.ndarray]
Relearn = Callable[[Floats, Floats], tuple[Any, Floats]]
More = Callable[[Record, int], bool]
BLOCK = 100  # iterations between two reports of progress
SCOUTED = 100  # iterations of the warm-up after which the length of trees is looked at
LONG = 16  # leapfrog steps an iteration above which coordinates are learned anew
RELEARNED = 2  # times at most
MOST_THIN = 8  # iterations for each draw of chains that were asked for more


@dataclass(frozen=True)
class NutsSettings:
    """What the sampler is told.

    Attributes
    ----------
    chains, warmup, draws : int
        Chains, and iterations of each before and after adaptation stops; the last two in hundreds.
    target_accept : float
        Mean acceptance probability that the step size is adapted to.
    thin : int
        Iterations for each draw that is kept: cheaper than the compilation of one more attempt.
    warmups : int
        How often the warm-up is done, each from where the one before it ended.
    max_tree_depth : int
        At most ``2**max_tree_depth`` leapfrog steps a draw.
    engine : {"nuts", "smc", "exact"}
        What drew: NUTS; sequential Monte Carlo, of which ``chains`` are populations and ``draws`` particles; or
        importance sampling, whose ``chains * draws`` draws are independent.
    asked : int
        Draws of each chain that were asked for, where an interruption left ``draws`` of them; 0 where none came.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 1000
    target_accept: float = 0.9
    max_tree_depth: int = 10
    engine: str = "nuts"
    warmups: int = 1
    thin: int = 1
    asked: int = 0


class Drawn(NamedTuple):
    """What chains drew, what the potential was told then, and the iterations for each draw that were needed."""

    record: Record
    told: Any
    thin: int


class Kernel(NamedTuple):
    """Compiled: ``begin(key, start, told)`` makes a chain's state, ``advance(state, told, target)`` moves it on.

    By a block of iterations, towards a mean acceptance probability of ``target``.
    """

    begin: Callable[[Array, Array, Any], HMCState]
    advance: Callable[[HMCState, Any, float], tuple[HMCState, dict[str, Array]]]


def run_nuts(  # noqa: PLR0913 - a problem, and what may be heard and said on the way, by name
    kernel: Kernel,
    told: Any,
    starts: Floats,
    settings: NutsSettings,
    seed: int,
    progress: Progress | None = None,
    *,
    relearn: Relearn | None = None,
    stop: Stop | None = None,
    more: More | None = None,
) -> Drawn:
    """Draws from exp(-potential), with what the sampler says of each.

    Parameters
    ----------
    kernel : Kernel
        From :func:`compile_nuts`, with the same settings.
    told : pytree of arrays
        What the potential is told besides its flat vector.
    starts : float array, shape (chains, d)
    settings : NutsSettings
    seed : int
    progress : callable, optional
        Called as ``progress(done, total)`` with iterations summed over the chains.
    relearn : callable, optional
        ``relearn(y, gradient)``, with early draws and gradients of shape (chains, n, d), gives what the potential is
        told from then on, and each chain's place under it, shape (chains, d). It is asked where early trees are long.
    stop : Stop, optional
        Once it is asked, the draws end with the last block that every chain has finished: the first of those that an
        uninterrupted sampler makes. Chains then take turns on the cores, so that all get equally far.
    more : callable, optional
        Asked, with the record and the iterations for each draw, whether the chains are to go on: for as many as they
        have made so far, every second draw being kept; until there are :data:`MOST_THIN` for each draw.

    Returns
    -------
    Drawn
        The record's arrays, leading shape (chains, draws): ``z`` (…, d), ``z_grad``, ``n_steps``, ``diverging``,
        ``energy``, ``lp``, ``acceptance_rate``, ``step_size``.

    Raises
    ------
    NothingDrawn
        If it is asked to stop while a chain has no block of draws.
    """
    keys = jax.random.split(jax.random.key(seed), settings.chains)
    count, given_up = _Counter(settings, progress), Event()
    scouted = min(SCOUTED, settings.warmup)
    workers = settings.chains if stop else min(os.cpu_count() or 1, settings.chains)
    stop = stop or Stop()
    finished = _Finished(settings.chains, stop)

    def blocks(state: HMCState, iterations: int) -> Iterator[tuple[HMCState, Record]]:
        for _ in range(iterations // BLOCK):
            if given_up.is_set():
                raise CancelledError
            if stop.asked:
                raise NothingDrawn
            state, record = kernel.advance(state, told, settings.target_accept)
            jax.block_until_ready(state)
            count.add(BLOCK)
            yield state, {name: np.asarray(value) for name, value in record.items()}

    @in_float64  # the setting is a thread's own
    def scout(key: Array, place: Array) -> tuple[HMCState, Record]:
        *_, reached = blocks(kernel.begin(key, place, told), scouted)
        return reached

    @in_float64
    def run_chain(state: HMCState, key: Array, chain: int) -> tuple[HMCState, list[Record]]:
        for reached, _ in blocks(state, settings.warmup - scouted):
            state = reached
        for again in jax.random.split(key, settings.warmups)[1:]:
            state = kernel.begin(again, state.z, told)
            for reached, _ in blocks(state, settings.warmup):
                state = reached
        return draw(state, chain, settings.thin)

    @in_float64
    def draw(state: HMCState, chain: int, thin: int) -> tuple[HMCState, list[Record]]:
        kept = []
        with suppress(NothingDrawn):
            for reached, record in blocks(state, thin * settings.draws):
                state = reached
                kept.append(record)
                finished.add(chain)
        return state, kept

    with ThreadPoolExecutor(workers) as pool, _told_of_errors(given_up):
        states, records = zip(*pool.map(scout, keys, jnp.asarray(starts)), strict=True)
        for relearned in range(RELEARNED):
            early = {name: np.stack([record[name] for record in records]) for name in ("z", "z_grad", "n_steps")}
            if relearn is None or early["n_steps"].mean() <= LONG:
                break
            told, places = relearn(early["z"], early["z_grad"])
            count.total += settings.chains * scouted
            again = [jax.random.fold_in(key, relearned) for key in keys]
            states, records = zip(*pool.map(scout, again, jnp.asarray(places)), strict=True)
        order, thin = range(settings.chains), settings.thin
        states, blocks_of = zip(*pool.map(run_chain, states, keys, order), strict=True)
        chains = list(blocks_of)
        drawn = _together(chains, thin)
        while more is not None and 2 * thin <= MOST_THIN and not stop.asked and more(drawn, thin):
            count.total += settings.chains * thin * settings.draws
            states, later = zip(*pool.map(draw, states, order, [thin] * settings.chains), strict=True)
            if stop.asked:  # what there is was drawn in full
                break
            chains, thin = [kept + added for kept, added in zip(chains, later, strict=True)], 2 * thin
            drawn = _together(chains, thin)
    return Drawn(drawn, told, thin)


def _together(chains: Sequence[list[Record]], thin: int) -> Record:
    """Blocks of every chain as one record, as far as the shortest chain goes."""
    if not all(chains):
        raise NothingDrawn
    iterations = BLOCK * min(len(blocks) for blocks in chains)
    names = chains[0][0]
    return {
        name: np.stack([np.concatenate([record[name] for record in blocks])[:iterations:thin] for blocks in chains])
        for name in names
    }


@contextmanager
def _told_of_errors(given_up: Event) -> Iterator[None]:
    """Let no chain go on for nobody: threads cannot be stopped, and leaving their pool waits for them."""
    try:
        yield
    except BaseException:  # Ctrl-C too
        given_up.set()
        raise


def compile_nuts(potential: Potential, gradient: Gradient, settings: NutsSettings, start: Floats, told: Any) -> Kernel:
    """NUTS on ``potential(z, told)``, compiled for the shapes of ``start`` and ``told``.

    ``gradient(z, told)`` gives the potential and its gradient where a chain begins: whoever has a compiled one spares
    the compilation of another. Of the settings the kernel holds the length of the warm-up and the depth of trees.
    """
    init, sample = hmc(potential_fn_gen=lambda told: partial(_potential_of, potential, told), algo="NUTS")

    def set_up(key: Array, place: ParamInfo, told: Any, target: Array | float = settings.target_accept) -> HMCState:
        state: HMCState = init(
            place,
            settings.warmup,
            target_accept_prob=target,
            max_tree_depth=settings.max_tree_depth,
            trajectory_length=None,
            model_args=(told,),
            rng_key=jax.random.split(key)[0],
        )
        return state

    def iterate(told: Any, state: HMCState, _: None) -> tuple[HMCState, dict[str, Array]]:
        state = sample(state, (told,), {})
        return state, _record(state)

    def advance(state: HMCState, told: Any, target: float) -> tuple[HMCState, dict[str, Array]]:
        place = ParamInfo(state.z, state.potential_energy, state.z_grad)
        set_up(state.rng_key, place, told, target)  # NumPyro keeps the target here; the state is not used
        return jax.lax.scan(partial(iterate, told), state, None, length=BLOCK)

    set_up_once = jit_once(set_up)

    def begin(key: Array, z: Array, told: Any) -> HMCState:
        return set_up_once(key, ParamInfo(z, *gradient(z, told)), told)

    first = begin(jax.random.key(0), jnp.asarray(start), told)
    return Kernel(begin, jax.jit(advance).lower(first, told, settings.target_accept).compile())


def _potential_of(potential: Potential, told: Any, z: Array) -> Array:
    return potential(z, told)


class _Finished:
    """Blocks of draws by chain: whether there is something to keep."""

    def __init__(self, chains: int, stop: Stop) -> None:
        self.blocks, self.stop = [0] * chains, stop

    def add(self, chain: int) -> None:
        self.blocks[chain] += 1
        self.stop.has_draws = self.stop.has_draws or min(self.blocks) > 0


class _Counter:
    """Counts iterations of all chains and reports them, one thread at a time."""

    def __init__(self, settings: NutsSettings, progress: Progress | None) -> None:
        self.done = 0
        self.total = settings.chains * (settings.warmups * settings.warmup + settings.thin * settings.draws)
        self.progress, self.lock = progress, Lock()

    def add(self, iterations: int) -> None:
        with self.lock:
            self.done += iterations
            if self.progress is not None:
                self.progress(self.done, self.total)


def _record(state: HMCState) -> dict[str, Array]:
    return {
        "z": state.z,
        "z_grad": state.z_grad,
        "n_steps": state.num_steps,
        "diverging": state.diverging,
        "energy": state.energy,
        "lp": -state.potential_energy,
        "acceptance_rate": state.accept_prob,
        "step_size": state.adapt_state.step_size,
    }
