"""Time: UTC for people and other machines, a steady clock for durations. Tests set these."""

import time
from datetime import UTC, datetime


def utc_seconds() -> float:
    """Seconds of UTC since 1970; may jump either way when a clock is set."""
    return time.time()


def utc_text() -> str:
    """UTC as ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(utc_seconds(), UTC).isoformat(timespec="milliseconds")


def steady() -> float:
    """Seconds that never go back, of this process only."""
    return time.monotonic()
