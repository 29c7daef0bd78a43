"""What a posterior and an average of posteriors answer alike: bands, wins, crossovers, choices."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import pandas as pd

from bayes_scaling import choice, crossover, next_runs, prediction, required, wins
from bayes_scaling.arguments import check_name
from bayes_scaling.candidates import table as ranked
from bayes_scaling.choice_worth import Costs, Utility
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.layout import Floats, Layout, Problem
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.unseen_tasks import named_in

if TYPE_CHECKING:
    from bayes_scaling.averaging import Average
    from bayes_scaling.posterior import Posterior

Sizes = float | Sequence[float] | None
Kind = Literal["mean", "run"]


class RunDraws(NamedTuple):
    """Draws of what the loss of a run is made of, S draws at n design rows.

    Attributes
    ----------
    log_mean : float array, shape (S, n)
        Log expected loss, with base effects and drift.
    sigma : float array, shape (S, n)
        Noise of log loss.
    nu : float array, shape (S, 1)
        Its degrees of freedom.
    """

    log_mean: Floats
    sigma: Floats
    nu: Floats


class Answers(ABC):
    """Draws of the expected loss anywhere, and what follows from them.

    :class:`~bayes_scaling.Posterior` has them from one law, :class:`~bayes_scaling.Average` from several.
    """

    runs: pd.DataFrame
    seed: int
    settings: NutsSettings

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Names and indices of cells, exponents, amplitudes and base effects (of the first law)."""

    @property
    @abstractmethod
    def problem(self) -> Problem:
        """The runs as arrays (of the first law)."""

    @property
    @abstractmethod
    def resolved(self) -> JointModel:
        """The model with every prior resolved (of the first law)."""

    @abstractmethod
    def family(self, name: str) -> Floats:
        """Draws of a parameter family with the chains joined, shape (chains * draws, length)."""

    @abstractmethod
    def blocks(self, design: pd.DataFrame) -> Iterator[tuple[slice, RunDraws]]:
        """Draws at a design, some rows at a time."""

    @abstractmethod
    def knowing(self, tasks: Sequence[str]) -> "Answers":
        """The same, with draws for tasks that have no runs too, where the fit pools over tasks."""

    def predict(self, design: pd.DataFrame, kind: Kind = "mean", prob: float = 0.9) -> pd.DataFrame:
        """Bands at design points, see :func:`bayes_scaling.prediction.table`."""
        return prediction.table(self.knowing(named_in(design)), design, kind, prob)

    def win_probability(
        self,
        finetune_size: Sequence[float] | float,
        *,
        model_size: Sizes = None,
        pretrain_size: Sizes = None,
        pet_size: Sizes = None,
        task: str | None = None,
        base: str | None = None,
    ) -> pd.DataFrame:
        """P(each method has the lowest expected loss), see :func:`bayes_scaling.wins.table`."""
        sizes = {"model_size": model_size, "pretrain_size": pretrain_size, "pet_size": pet_size}
        return wins.table(self._knowing(task), finetune_size, sizes, task, base)

    def rank_candidates(
        self, candidates: pd.DataFrame, finetune_size: Sequence[float] | float, *, task: str | None = None
    ) -> pd.DataFrame:
        """P(each base LLM x method x PET size has the lowest expected loss), see :mod:`bayes_scaling.candidates`."""
        return ranked(self._knowing(task), candidates, finetune_size, task)

    def crossover(
        self,
        first: str,
        second: str,
        *,
        model_size: Sizes = None,
        pretrain_size: Sizes = None,
        pet_size: Sizes = None,
        task: str | None = None,
        limits: tuple[float, float] | None = None,
        prob: float = 0.9,
    ) -> crossover.Crossover:
        """Posterior of the D_f at which two methods' expected losses meet, see :mod:`bayes_scaling.crossover`."""
        sizes = {"model_size": model_size, "pretrain_size": pretrain_size, "pet_size": pet_size}
        return crossover.find(self._knowing(task), first, second, sizes, task, limits, prob)

    def choose(  # noqa: PLR0913 - every size by its name
        self,
        finetune_size: float,
        *,
        model_size: float | None = None,
        pretrain_size: float | None = None,
        pet_size: float | None = None,
        task: str | None = None,
        base: str | None = None,
        cost: Costs | None = None,
        margin: float | None = None,
        utility: Utility | None = None,
    ) -> choice.Choice:
        """The method to use at one D_f, or what to measure first, see :func:`bayes_scaling.choice.choose`."""
        sizes = {"model_size": model_size, "pretrain_size": pretrain_size, "pet_size": pet_size}
        return choice.choose(self._knowing(task), finetune_size, sizes, task, base, cost, margin, utility)

    def required(  # noqa: PLR0913 - every size by its name
        self,
        target: float,
        method: str,
        of: str = "finetune_size",
        *,
        finetune_size: float | None = None,
        model_size: float | None = None,
        pretrain_size: float | None = None,
        pet_size: float | None = None,
        task: str | None = None,
        base: str | None = None,
        limits: tuple[float, float] | None = None,
        prob: float = 0.9,
    ) -> required.Required:
        """D_f or another size at which the expected loss reaches a target, see :mod:`bayes_scaling.required`."""
        sizes = {
            "finetune_size": finetune_size,
            "model_size": model_size,
            "pretrain_size": pretrain_size,
            "pet_size": pet_size,
        }
        return required.find(
            self._knowing(task), target, method, of, sizes, task=task, base=base, limits=limits, prob=prob
        )

    def next_runs(  # noqa: PLR0913 - every size by its name
        self,
        candidates: pd.DataFrame,
        budget: float | None = None,
        *,
        finetune_size: float | None = None,
        model_size: float | None = None,
        pretrain_size: float | None = None,
        pet_size: float | None = None,
        task: str | None = None,
        base: str | None = None,
        contrast: tuple[str, str] | None = None,
    ) -> pd.DataFrame:
        """Which runs to measure next, by expected fall in regret, see :func:`bayes_scaling.next_runs.next_runs`."""
        sizes = {
            "finetune_size": finetune_size,
            "model_size": model_size,
            "pretrain_size": pretrain_size,
            "pet_size": pet_size,
        }
        known = self._knowing(task)
        return next_runs.next_runs(known, candidates, budget, sizes, task=task, base=base, contrast=contrast)

    def report(self, path: str | PathLike[str]) -> None:
        """Write one self-contained HTML page of all of this, see :func:`bayes_scaling.report.write`."""
        from bayes_scaling import report

        report.write(cast("Posterior | Average", self), path)

    def _knowing(self, task: str | None) -> "Answers":
        check_name("task", task, "the name of a task")
        return self if task is None else self.knowing((task,))
