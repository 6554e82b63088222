"""Whether a challenger fails more often than its champion. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

MINIMUM_SAMPLE = 5000
"""Requests of each side at which 1 % of failures against 0.1 % is found in at least 99.5 % of all trials."""
CERTAIN = 3.72
"""Standard errors: once in 10,000 by chance, one-sided."""
MARGIN = 0.002
"""A difference in rates that is no harm."""


class Finding(StrEnum):
    """What the counts say of the challenger."""

    TOO_FEW = "too_few"
    UNDECIDED = "undecided"
    WORSE = "worse"
    NOT_WORSE = "not_worse"
    BETTER = "better"


@dataclass(frozen=True)
class Counts:
    """Requests, and how many of them failed (or, where more is better, succeeded)."""

    requests: int
    failures: int


@dataclass(frozen=True)
class Comparison:
    """`reason`: a sentence with the figures."""

    finding: Finding
    reason: str


def compare(champion: Counts, challenger: Counts, *, minimum: int, higher_is_better: bool = False) -> Comparison:
    """Two rates, compared by their difference in standard errors. Nothing is said below `minimum` requests a side."""
    told = f"challenger {_told(challenger)}, champion {_told(champion)}"
    sides = (champion, challenger)
    if any(not 0 <= c.failures <= c.requests for c in sides):
        return Comparison(Finding.TOO_FEW, f"The counts make no sense: {told}.")
    if min(c.requests for c in sides) < max(1, minimum):
        return Comparison(Finding.TOO_FEW, f"Too few requests for a verdict, {minimum} a side are needed: {told}.")
    total = sum(c.requests for c in sides)
    pooled = (sum(c.failures for c in sides) + 1) / (total + 2)
    error = sqrt(pooled * (1 - pooled) * sum(1 / c.requests for c in sides))
    harm = challenger.failures / challenger.requests - champion.failures / champion.requests
    harm = -harm if higher_is_better else harm
    if harm > CERTAIN * error:
        return Comparison(Finding.WORSE, f"The challenger is worse: {told}.")
    if harm < -CERTAIN * error:
        return Comparison(Finding.BETTER, f"The challenger is better: {told}.")
    if harm - MARGIN <= 0:
        return Comparison(Finding.NOT_WORSE, f"The challenger is not worse: {told}.")
    return Comparison(Finding.UNDECIDED, f"It cannot be told yet: {told}.")


def _told(counts: Counts) -> str:
    rate = f" = {100 * counts.failures / counts.requests:.3g} %" if counts.requests > 0 else ""
    return f"{counts.failures} of {counts.requests}{rate}"
