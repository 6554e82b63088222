"""Which time a monitor run looks at. Pure, and UTC throughout."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slipway_lambda.contracts.monitoring import WindowFaultError

LONGEST = timedelta(days=31)
FIX = "Give window_start and window_end as ISO 8601 times in UTC, such as 2026-11-20T14:00:00Z."


@dataclass(frozen=True)
class Window:
    """From `start` up to and without `end`."""

    start: datetime
    end: datetime

    def hours(self) -> Iterator[str]:
        """`yyyy/mm/dd/hh` of every hour that the window touches, which is how SageMaker files captured records."""
        hour = self.start.replace(minute=0, second=0, microsecond=0)
        while hour < self.end:
            yield hour.strftime("%Y/%m/%d/%H")
            hour += timedelta(hours=1)


def scheduled_window(scheduled_time: str, schedule: str) -> Window:
    """The full hour, or day, before the one in which the schedule fired."""
    fired = parse_time(scheduled_time)
    if schedule == "hourly":
        end = fired.replace(minute=0, second=0, microsecond=0)
        return Window(end - timedelta(hours=1), end)
    if schedule == "daily":
        end = fired.replace(hour=0, minute=0, second=0, microsecond=0)
        return Window(end - timedelta(days=1), end)
    raise WindowFaultError(f"The schedule {schedule!r} is neither hourly nor daily.")


def asked_window(start: str, end: str) -> Window:
    """The window an operator names."""
    window = Window(parse_time(start), parse_time(end))
    if window.end <= window.start:
        raise WindowFaultError(f"The window ends at {end}, not after its start {start}.", FIX)
    if window.end - window.start > LONGEST:
        raise WindowFaultError(f"The window from {start} to {end} is longer than {LONGEST.days} days.", FIX)
    return window


def parse_time(text: str) -> datetime:
    """An ISO 8601 time; without an offset it would mean another hour on another machine, and is refused."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise WindowFaultError(f"{text!r} is not an ISO 8601 time.", FIX) from None
    if when.tzinfo is None:
        raise WindowFaultError(f"{text!r} does not say its time zone.", FIX)
    return when.astimezone(UTC)


def moment(seconds: float) -> datetime:
    """A time of CloudWatch or of a machine."""
    return datetime.fromtimestamp(seconds, UTC)


def iso(when: datetime) -> str:
    """As SageMaker writes a monitor's start_time and end_time."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
