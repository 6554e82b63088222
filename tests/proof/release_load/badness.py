"""The kinds of model that a release must not let through, and what is asked of a release that meets one."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from release_load.strategies import FIRST_SHARE, PERIOD_SECONDS

KINDS = {
    "never_healthy": "start",
    "crash_at_start": "start",
    "error_always": "errors",
    "error_share": "errors",
    "error_after_n": "errors",
    "client_error": "errors",
    "unsupported": "errors",
    "truncated": "errors",
    "descriptor_leak": "errors",
    "slow_always": "latency",
    "slow_tail": "latency",
    "constant": "golden",
    "nan": "golden",
    "nan_share": "golden",
    "swapped_columns": "golden",
    "other_rows": "golden",
    "wrong_schema": "golden",
    "more_columns": "golden",
    "wrong_type": "golden",
    "empty": "golden",
    "memory_leak": "silence",
    "crash_after_n": "silence",
    "hangs_after_n": "silence",
    "refuses_connections": "silence",
}
"""By what each is found: it does not start, errors, latency, golden records, or no answer at all."""
SAMPLE = ("crash_at_start", "error_share", "slow_tail", "swapped_columns", "crash_after_n")
"""One for each of these."""
MARGIN_SECONDS = 5
POINT, DEVIATIONS = 0.01, 3


@dataclass
class Case:
    """What became of one bad version. Seconds are cloud time; None where no alarm was needed.

    `seconds_between`: from the first period in breach to the one that raised the alarm, which wants two of three.
    `bad_share`: of the answers from its first one until the champion was verified live, those that were failed, wrong
    or slow. `champion_wrong`: answers of the champion that were.
    """

    kind: str
    strategy: str
    outcome: str
    cause: str = ""
    alarm: str = ""
    seconds_from_breach: float | None = None
    seconds_between: float = 0.0
    seconds_from_first_bad: float | None = None
    requests: int = 0
    answers: int = 0
    bad: int = 0
    late_bad: int = 0
    champion_wrong: int = 0
    first_bad_at: float | None = None
    """Monotonic."""

    @property
    def bad_share(self) -> float:
        """0 to 1."""
        return self.bad / self.answers if self.answers else 0.0

    @property
    def bad_at_most(self) -> float:
        """The share, and of so few answers three standard deviations, since golden records take turns with clients; at
        least a point and an answer. Nobody gets a shadow's answers."""
        share = FIRST_SHARE[self.strategy]
        chance = DEVIATIONS * math.sqrt(self.answers * share * (1 - share))
        return share * self.answers + max(POINT * self.answers, chance) + 1 if share else 0

    @property
    def late(self) -> list[str]:
        """What took longer than a period and the margin, in words; an alarm that a good period put off has that period
        more. Clients of a shadow have the champion's answers all the time.
        """
        if self.seconds_from_breach is None or not FIRST_SHARE[self.strategy]:
            return []
        if self.seconds_from_breach <= max(PERIOD_SECONDS, self.seconds_between) + MARGIN_SECONDS:
            return []
        return [f"the champion was back {self.seconds_from_breach:.1f} s after the first breach"]

    @property
    def faults(self) -> list[str]:
        """What is not as asked, in words."""
        found = []
        if self.outcome != "rolled_back":
            found.append(f"it ended as {self.outcome}: {self.cause}")
        if self.bad > self.bad_at_most:
            share = FIRST_SHARE[self.strategy]
            found.append(f"{self.bad} of {self.answers} answers were bad, more than {share:.0%} with its margin")
        if self.late_bad:
            found.append(f"{self.late_bad} bad answers after the champion was back")
        if self.champion_wrong:
            found.append(f"the champion gave {self.champion_wrong} wrong answers")
        return found

    def row(self) -> dict[str, Any]:
        """JSON."""
        return {**asdict(self), "bad_share": round(self.bad_share, 4), "faults": self.faults + self.late}


def beyond_share(cases: Sequence[Case]) -> list[str]:
    """Strategies whose bad answers, of all cases together, were more than the share and a point of it, in words."""
    found = []
    for strategy, share in FIRST_SHARE.items():
        mine = [case for case in cases if case.strategy == strategy]
        bad, answers = sum(case.bad for case in mine), sum(case.answers for case in mine)
        if bad > (share + POINT if share else 0) * answers + len(mine):
            found.append(f"{strategy}: {bad} of {answers} answers were bad, more than {share:.0%}")
    return found
