"""When a monitoring schedule is due and which stretch of time it looks at. Pure; times are epoch seconds, UTC."""

import hashlib
import re
from dataclasses import dataclass

HOUR = 3600
DAY = 24 * HOUR
DELAY_SECONDS = 20 * 60  # an execution starts within this much after it is due
_CRON = re.compile(r"cron\(0 (?:\*|(?P<hour>\d{1,2})(?:/(?P<every>\d{1,2}))?) \? \* \* \*\)")
_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


@dataclass(frozen=True)
class Rhythm:
    """Due at `first_hour` UTC of every day and each `every_hours` after it within the day."""

    first_hour: int
    every_hours: int

    @property
    def length_seconds(self) -> int:
        """The stretch that one execution looks at."""
        return self.every_hours * HOUR

    def next_after(self, moment: float) -> float:
        """The first due time later than `moment`."""
        due = (int(moment) // HOUR + 1) * HOUR
        while not self._is_due(due):
            due += HOUR
        return float(due)

    def _is_due(self, moment: int) -> bool:
        hour = moment % DAY // HOUR
        return hour >= self.first_hour and (hour - self.first_hour) % self.every_hours == 0


def rhythm(expression: str) -> Rhythm | None:
    """Of a cron expression; None for `NOW`. Raises ValueError saying which forms there are."""
    if expression == "NOW":
        return None
    match = _CRON.fullmatch(expression)
    if match is None:
        raise ValueError(
            f"{expression!r} is not a schedule expression of Model Monitor: cron(0 * ? * * *), cron(0 H ? * * *), "
            "cron(0 H/N ? * * *) or NOW"
        )
    if match["hour"] is None:
        return Rhythm(0, 1)
    first, every = int(match["hour"]), int(match["every"] or 24)
    if first > 23 or not 1 <= every <= 24:
        raise ValueError(f"{expression!r}: the hour must be 0 to 23 and the interval 1 to 24 hours")
    return Rhythm(first, every)


def duration(text: str) -> float:
    """Seconds of an ISO 8601 duration such as -PT5H or -P1D. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    parts = {name: int(match[name] or 0) for name in ("days", "hours", "minutes", "seconds")} if match else {}
    if match is None or text.endswith(("P", "T")):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as -PT1H or -P1D")
    seconds = parts["days"] * DAY + parts["hours"] * HOUR + parts["minutes"] * 60 + parts["seconds"]
    return float(-seconds if match["sign"] else seconds)


def delay(schedule_arn: str, due: float) -> float:
    """How long after it is due an execution starts: 0 to 20 minutes, always the same for the same schedule and hour."""
    digest = hashlib.sha256(f"{schedule_arn}@{int(due)}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % DELAY_SECONDS


def hours(start: float, end: float) -> list[int]:
    """Beginnings of the clock hours that the stretch touches."""
    first = int(start) // HOUR * HOUR
    return list(range(first, int(end) if end == int(end) else int(end) + 1, HOUR))
