"""Which running runs have lost their process: gone on this machine, silent too long on another."""

from dataclasses import dataclass, field

from bayes_scaling.finetune.ledger import clock, owners


@dataclass(frozen=True)
class _Sight:
    """The last sign of life of a run, and when (by this process's steady clock) it was first seen."""

    owner: str
    heartbeat: float
    since: float


@dataclass
class Watch:
    """Remembers the heartbeats it saw, so that silence is measured even where two clocks disagree.

    A run elsewhere is silent when its heartbeat is old by the clock, or when it has not changed for as long
    while this process watched: a heartbeat from the future (a clock set back) would otherwise never grow old.
    """

    _seen: dict[str, _Sight] = field(default_factory=dict)

    def is_dead(self, run: str, owner: str, heartbeat: float, stale_seconds: float) -> bool:
        """Whether a running run's owner is dead."""
        state = owners.state(owner)
        if state != "elsewhere":
            return state == "gone"
        last = self._seen.get(run)
        if last is None or (last.owner, last.heartbeat) != (owner, heartbeat):
            self._seen[run] = last = _Sight(owner, heartbeat, clock.steady())
        silent = max(clock.utc_seconds() - heartbeat, clock.steady() - last.since)
        return silent > stale_seconds
