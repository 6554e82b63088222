"""Whether an answer given during a shift is one that either version gives."""

import math

from slipway_lambda.smoke_test.golden import GoldenRecord, fault_of


def is_wrong(golden: GoldenRecord, champion: str | None, answer: str, tolerance: float) -> bool | None:
    """True if it is neither the evaluation's answer nor the champion's own; None if that cannot be known, since
    nobody could ask the champion.

    While two versions serve, nothing tells which of them answered. A difference of the two is no fault.
    """
    if fault_of(golden, answer, tolerance) is None:
        return False
    if champion is None:
        return None
    return not _same(champion, answer, tolerance)


def _same(one: str, other: str, tolerance: float) -> bool:
    """Numbers within `tolerance`, or the same text."""
    try:
        a, b = float(one), float(other)
    except ValueError:
        return one.strip() == other.strip()
    return abs(a - b) <= tolerance or (math.isnan(a) and math.isnan(b))
