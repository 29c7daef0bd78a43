"""What a check finds, and what all of them together say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

PASSED, FAILED, INFORMATIONAL = "passed", "failed", "informational"
FATAL = ("convergence", "calibration")  # without these no number of the fit means what it says


class Check(NamedTuple):
    """One finding; ``advice`` is empty where there is nothing to do."""

    check: str
    status: str
    reason: str
    advice: str = ""


@dataclass(frozen=True, eq=False)
class Checks:
    """All findings on a fit.

    Attributes
    ----------
    table : DataFrame
        ``check, status, reason, advice``.
    verdict : str
        ``PASS``, ``REVIEW`` (a check failed: read its reason before using the numbers it names) or ``FAIL`` (the
        sampler or the bands cannot be trusted).
    text : str
        The verdict with its reasons and advice.
    """

    table: pd.DataFrame
    verdict: str
    text: str


def conclude(found: Sequence[Check]) -> Checks:
    """The verdict on all findings."""
    failed = [check for check in found if check.status == FAILED]
    verdict = "FAIL" if any(c.check in FATAL for c in failed) else "REVIEW" if failed else "PASS"
    informational = sum(check.status == INFORMATIONAL for check in found)
    reasons = [f"{check.check}: {check.reason}; {check.advice}" for check in failed] or [
        f"all {len(found) - informational} checks passed; {informational} informational"
    ]
    return Checks(pd.DataFrame(list(found), columns=list(Check._fields)), verdict, f"{verdict}: {'; '.join(reasons)}.")
