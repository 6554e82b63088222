"""What is counted of two versions, and what is found in it."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """What the requests so far say about the challenger."""

    TOO_FEW = "too_few"
    """Below the minimum: nothing is concluded, however bad it looks."""
    UNDECIDED = "undecided"
    """Neither harm nor its absence is shown, or the counts cannot be believed."""
    WORSE = "worse"
    NOT_WORSE = "not_worse"
    """Harm of the stated margin is excluded."""
    BETTER = "better"


@dataclass(frozen=True)
class Counts:
    """Requests of one version over a stretch of time, and how many of them failed (or did what is counted)."""

    requests: int
    failures: int

    @property
    def fault(self) -> str:
        """Why these are no counts, or empty. A metric can be late, or restart: its sums need not fit together."""
        numbers = (self.requests, self.failures)
        if not all(isinstance(n, int | float) and math.isfinite(n) and n >= 0 for n in numbers):
            return f"{self.failures} of {self.requests} is no count"
        if self.failures > self.requests:
            return f"{self.failures} of {self.requests} is more than all"
        return ""

    def __str__(self) -> str:
        share = f" ({100 * self.failures / self.requests:.2f} %)" if self.requests else ""
        return f"{self.failures:,.0f} of {self.requests:,.0f}{share}"


@dataclass(frozen=True)
class Comparison:
    """`reason`: a sentence with the figures."""

    finding: Finding
    reason: str


@dataclass(frozen=True)
class Margin:
    """Harm: a failure rate above `ratio` times the champion's plus `points` percentage points. Where more is better,
    the champion's rate above that of the challenger's.
    """

    ratio: float = 2.0
    points: float = 0.5

    def __post_init__(self) -> None:
        if not (self.ratio >= 1 and self.points >= 0 and math.isfinite(self.ratio + self.points)):
            raise ValueError(f"A margin takes a ratio of at least 1 and points of at least 0, not {self}.")

    def __str__(self) -> str:
        return f"{self.ratio:g} times the other's plus {self.points:g} points"


@dataclass(frozen=True)
class Check:
    """One question to a shadow's answers. `measured`: what its limit is about; `reason`: a sentence."""

    name: str
    finding: Finding
    measured: float
    reason: str
