"""The errors of the runner; each is a :class:`bayes_scaling.errors.BayesScalingError`."""

from bayes_scaling.errors import BayesScalingError


class StudyError(BayesScalingError):
    """A study file, or something that it names, breaks a rule; nothing was run."""


class LedgerError(BayesScalingError):
    """The ledger of runs cannot be read or written."""


class MissingExtraError(BayesScalingError):
    """A library of an optional extra is needed and not installed."""


class EngineError(BayesScalingError):
    """Workers cannot be started, or the cluster that should run them cannot be reached."""
