"""Runs in smaller batches: fewer examples at a time, as many in a step of the optimiser; for who is out of memory."""

from bayes_scaling.finetune.runs import RunConfig


def at_a_time(config: RunConfig) -> int:
    """Examples that one process of a run trains on at a time."""
    return config.training.batch_size // config.processes


def smaller(config: RunConfig, times: int) -> RunConfig:
    """A run's configuration with its batch halved so often, or until it is one example, and accumulated as often more.

    A batch of an odd number is divided by its smallest factor. Only how a step is split differs, so that the loss is
    the same but for rounding; the run keeps the id of what was planned.
    """
    for _ in range(times):
        part = _smallest_factor(at_a_time(config))
        training = config.training.model_copy(
            update={
                "batch_size": config.training.batch_size // part,
                "gradient_accumulation": config.training.gradient_accumulation * part,
                "eval_batch_size": max(1, config.training.eval_batch_size // part),
            }
        )
        config = config.model_copy(update={"training": training})
    return config


def _smallest_factor(number: int) -> int:
    """Its smallest factor above one; one for one."""
    return next((factor for factor in range(2, number + 1) if number % factor == 0), 1)
