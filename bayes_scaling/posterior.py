"""``Posterior``: one object from which every answer is read as a table, a sentence or a plot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling import (
    checks,
    compute_comparison,
    exchange,
    exponents,
    groups,
    prediction,
    storage,
    strangeness,
    unseen_tasks,
)
from bayes_scaling.answers import Answers, RunDraws
from bayes_scaling.arguments import shown
from bayes_scaling.convergence import diagnose, kept_told
from bayes_scaling.errors import DesignError
from bayes_scaling.joint_law import JointLaw
from bayes_scaling.models.joint import JointModel
from bayes_scaling.models.layout import Floats, Layout, Problem
from bayes_scaling.models.noise import noise_scale
from bayes_scaling.models.nuts import NutsSettings


@dataclass(frozen=True, eq=False)
class Posterior(Answers):
    """The posterior of a :class:`~bayes_scaling.JointLaw` given a runs table.

    Made by :func:`bayes_scaling.fit` and :func:`bayes_scaling.load_posterior`.

    Attributes
    ----------
    runs : DataFrame
        The validated runs that were fitted.
    model : JointLaw
        The model's full specification.
    draws : dict of float arrays, shape (chains, draws, length)
        Draws by parameter family; :attr:`idata` has them with names.
    stats : dict of arrays, shape (chains, draws)
        What the sampler says of each draw.
    seed : int
    settings : NutsSettings
        What the sampler was told, in the attempt that was kept.
    """

    runs: pd.DataFrame
    model: JointLaw
    draws: Mapping[str, Floats]
    stats: Mapping[str, np.ndarray]
    seed: int
    settings: NutsSettings

    @cached_property
    def problem(self) -> Problem:
        """The runs as arrays."""
        return self.model.encode(self.runs)

    @property
    def layout(self) -> Layout:
        """Names and indices of cells, exponents, amplitudes and base effects."""
        return self.problem.layout

    @cached_property
    def resolved(self) -> JointModel:
        """The model with every prior resolved."""
        return self.model.resolve(self.layout)

    @cached_property
    def diagnostics(self) -> dict[str, float]:
        """The worst of each of the sampler's diagnostics: ``r_hat, ess_bulk, ess_tail, divergent_share, bfmi``."""
        return diagnose(self)

    @cached_property
    def measured_sizes(self) -> list[dict[str, strangeness.Measured]]:
        """Ends and spread of the log sizes of each cell's base LLMs, by factor."""
        return strangeness.measured(self)

    def family(self, name: str) -> Floats:
        """Draws of a parameter family with the chains joined, shape (chains * draws, length)."""
        values = self.draws[name]
        return values.reshape(-1, values.shape[-1])

    @cached_property
    def idata(self) -> Any:
        """ArviZ object: ``InferenceData`` with ArviZ 0.23, ``DataTree`` with 1.x.

        Groups posterior, sample_stats, log_likelihood, posterior_predictive, prior, prior_predictive,
        observed_data, constant_data. Parameters have named dimensions: ``cell`` ("task | method"), ``term``
        ("task | method | factor"), ``amplitude``, ``cell_base``, ``task_base``, ``run``.
        """
        return groups.build(self)

    def exponents(self, prob: float = 0.9) -> pd.DataFrame:
        """Posterior of A, alpha, beta and E of every (task, method), see :func:`bayes_scaling.exponents.table`."""
        return exponents.table(self, prob)

    def compare_exponents(
        self, first: str, second: str = "finetune_size", *, prob: float = 0.9, rope: float = 0.02
    ) -> pd.DataFrame:
        """Difference of two factors' exponents, see :func:`bayes_scaling.exponents.compare`."""
        return exponents.compare(self, first, second, prob, rope)

    def compare_per_cost(
        self,
        first: str,
        second: str,
        *,
        cost: compute_comparison.Cost = compute_comparison.pretraining_flops,
        prob: float = 0.9,
        **sizes: float,
    ) -> pd.DataFrame:
        """What a unit of log cost buys by one size or another, see :func:`bayes_scaling.compute_comparison.compare`.

        Sizes are given by name: ``fit.compare_per_cost("model_size", "pretrain_size", model_size=1e9, ...)``.
        """
        return compute_comparison.compare(self, first, second, sizes, cost, prob)

    def worth_in_data(
        self,
        of: str = "model_size",
        times: float = 2.0,
        *,
        finetune_size: float | None = None,
        model_size: float | None = None,
        pretrain_size: float | None = None,
        pet_size: float | None = None,
        task: str | None = None,
        prob: float = 0.9,
    ) -> exchange.Exchange:
        """How many times the finetuning data a larger size is worth, see :func:`bayes_scaling.exchange.worth`."""
        sizes = {
            "finetune_size": finetune_size,
            "model_size": model_size,
            "pretrain_size": pretrain_size,
            "pet_size": pet_size,
        }
        return exchange.worth(self, of, sizes, times=times, task=task, prob=prob)

    def blocks(self, design: pd.DataFrame) -> Iterator[tuple[slice, RunDraws]]:
        """Draws at a design, some rows at a time."""
        known = self.knowing(unseen_tasks.named_in(design))
        encoded = prediction.encode(known, design)
        for block, log_mean in prediction.log_mean_draws(known, encoded):
            rows = encoded.rows.each(itemgetter(block))
            sigma = noise_scale(known.family("sigma")[:, rows.cell], log_mean, rows)
            yield block, RunDraws(log_mean, sigma, self.family("nu"))

    def knowing(self, tasks: Sequence[str]) -> "Posterior":
        """The same, with draws for tasks that have no runs too, where the fit pools over tasks.

        See :func:`bayes_scaling.unseen_tasks.extend`.
        """
        if isinstance(tasks, str) or not isinstance(tasks, Sequence) or not all(isinstance(t, str) for t in tasks):
            raise DesignError(f"tasks={shown(tasks)}: give names of tasks, such as ('sum',)")
        new = tuple(task for task in dict.fromkeys(tasks) if task not in self.layout.task)
        return unseen_tasks.extend(self, new) if new and "task" in self.model.pool else self

    def check(self) -> checks.Checks:
        """Convergence, calibration, prediction, priors and design, each passed, failed or informational, with advice.

        See :mod:`bayes_scaling.checks`.
        """
        return checks.run(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the posterior with its model and runs to a NetCDF file, whole or not at all."""
        storage.save(self, path)

    def describe(self) -> str:
        """Law, counts and priors of the fitted model, as text; and what an interruption left of its draws."""
        told = self.model.describe(self.runs)
        return f"{told}\n\nThe fit was interrupted: {kept_told(self.settings)}." if self.settings.asked else told
