"""Checks of a fit: each passed, failed or informational, with a reason and what to do."""

from bayes_scaling.checks.every import run
from bayes_scaling.checks.finding import FAILED, INFORMATIONAL, PASSED, Check, Checks

__all__ = ["FAILED", "INFORMATIONAL", "PASSED", "Check", "Checks", "run"]
