"""The errors this package raises on purpose; each is a ``ValueError`` with one root.

A message names the argument or column, shows the offending value, states the rule and offers the next step.
"""


class BayesScalingError(ValueError):
    """Root of every error that the package raises on purpose."""


class RunsError(BayesScalingError):
    """A runs table (or a file that should hold one) breaks a rule of the runs table."""


class DesignError(BayesScalingError):
    """A design to predict at does not fit the posterior it was given to."""


class ModelError(BayesScalingError):
    """A model specification is wrong, or does not fit the runs it was given."""


class PosteriorFileError(BayesScalingError):
    """A saved posterior cannot be read, or cannot be written."""


class InterruptionWarning(UserWarning):
    """Ctrl-C left the posterior with fewer draws than were asked for."""


class ConvergenceWarning(UserWarning):
    """The sampler did not converge; the posterior must not be trusted as it is."""
