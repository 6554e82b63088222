"""Which retrier or catcher an error meets, and how long a retry waits.

https://states-language.net/spec.html#errors and
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from rehearsal.asl.errors import (
    ALL,
    BRANCH_FAILED,
    DATA_LIMIT,
    HEARTBEAT_TIMEOUT,
    RUNTIME,
    TASK_FAILED,
    TIMEOUT,
    StatesError,
)


def matches(names: Sequence[str], error: StatesError) -> bool:
    """Whether ErrorEquals names the error.

    States.Runtime is never caught. States.DataLimitExceeded is caught by its own name only. States.TaskFailed stands
    for every error but States.Timeout; States.Timeout also for a missed heartbeat.
    """
    if error.error == RUNTIME:
        return False
    if error.error in names:
        return True
    if error.error == DATA_LIMIT:
        return False
    if error.error == HEARTBEAT_TIMEOUT and TIMEOUT in names:
        return True
    if error.from_branch and BRANCH_FAILED in names:
        return True
    return ALL in names or (TASK_FAILED in names and error.error != TIMEOUT)


def retrier(retriers: Sequence[Mapping[str, Any]], error: StatesError, counts: Mapping[int, int]) -> int | None:
    """The place of the retrier that tries again. The first that matches decides; each counts for itself."""
    for place, one in enumerate(retriers):
        if matches(one["ErrorEquals"], error):
            return place if counts.get(place, 0) < one.get("MaxAttempts", 3) else None
    return None


def delay_seconds(one: Mapping[str, Any], count: int) -> float:
    """How long to wait before the attempt that follows `count` retries by this retrier."""
    try:
        grown = float(one.get("IntervalSeconds", 1) * one.get("BackoffRate", 2.0) ** count)
    except OverflowError:
        grown = float("inf")
    longest = min(grown, float(one.get("MaxDelaySeconds", 31_622_400)))
    return random.uniform(0, longest) if one.get("JitterStrategy") == "FULL" else longest


def catcher(catchers: Sequence[Mapping[str, Any]], error: StatesError) -> Mapping[str, Any] | None:
    """The first catcher that matches."""
    return next((one for one in catchers if matches(one["ErrorEquals"], error)), None)
