r"""The warmup-stable-decay schedule of a ladder.

A base pretrained on :math:`S` steps shares its first :math:`S - D` steps, the trunk, with every longer pretraining
of its size. Its last :math:`D = \mathrm{decay} \cdot S` steps are a leg of its own, on the text that the trunk reads
next. The rate rises linearly over the warmup, stays at its peak, and falls linearly over the leg:
:math:`\eta_k = \eta\,(D - k) / (D + 1)` at the leg's steps :math:`k = 0, \dots, D - 1`.
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Stages:
    """Steps of the trunk, and of the leg that follows."""

    trunk: int
    leg: int

    @classmethod
    def of(cls, tokens: int, batch_tokens: int, decay: float) -> Self:
        """The whole steps nearest to a number of tokens, of which a share is the leg (at least one step)."""
        steps = max(1, round(tokens / batch_tokens))
        leg = max(1, round(steps * decay))
        return cls(trunk=steps - leg, leg=leg)

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.trunk + self.leg


def trunk_rate(step: int, peak: float, warmup_steps: float) -> float:
    """The learning rate at a step of the trunk."""
    return peak * min(1.0, (step + 1) / warmup_steps) if warmup_steps > 0 else peak


def leg_rate(step: int, peak: float, stages: Stages) -> float:
    """The learning rate at a step of a leg; steps are counted from the start of the trunk."""
    return peak * (stages.steps - step) / (stages.leg + 1)
