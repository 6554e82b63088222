"""When monitors are due, over which stretch, in UTC."""

from datetime import UTC, datetime

import pytest

from rehearsal.sagemaker.monitoring.times import DELAY_SECONDS, delay, duration, hours, rhythm


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "now", "due", "length_hours"),
    [
        ("cron(0 * ? * * *)", "2026-11-20 14:05", "2026-11-20 15:00", 1),
        ("cron(0 * ? * * *)", "2026-11-20 14:00", "2026-11-20 15:00", 1),
        ("cron(0 3 ? * * *)", "2026-11-20 14:05", "2026-11-21 03:00", 24),
        ("cron(0 0 ? * * *)", "2026-12-31 23:59", "2027-01-01 00:00", 24),
        ("cron(0 2/6 ? * * *)", "2026-11-20 14:05", "2026-11-20 20:00", 6),
        ("cron(0 2/6 ? * * *)", "2026-11-20 20:00", "2026-11-21 02:00", 6),
        ("cron(0 * ? * * *)", "2026-03-29 00:30", "2026-03-29 01:00", 1),  # Europe's clocks change: UTC's do not
    ],
)
def test_the_next_due_time(expression: str, now: str, due: str, length_hours: int) -> None:
    beat = rhythm(expression)
    assert beat is not None
    assert beat.next_after(at(now)) == at(due)
    assert beat.length_seconds == length_hours * 3600


def test_now_has_no_rhythm() -> None:
    assert rhythm("NOW") is None


@pytest.mark.parametrize(
    "expression",
    ["cron(5 * ? * * *)", "cron(0 24 ? * * *)", "cron(0 0/25 ? * * *)", "cron(0 0/0 ? * * *)", "rate(1 hour)", "now"],
)
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"schedule expression|must be 0 to 23"):
        rhythm(expression)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("-PT5H", -18_000), ("-PT0H", 0), ("-P8D", -691_200), ("P1DT2H3M4S", 93_784), ("-PT90M", -5400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["-PT2D", "1H", "P", "PT", "-P", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        duration(text)


def test_the_delay_is_bounded_and_always_the_same() -> None:
    found = {delay("arn:a", hour * 3600) for hour in range(500)}
    assert all(0 <= one < DELAY_SECONDS for one in found)
    assert len(found) > 300
    assert delay("arn:a", 7200) == delay("arn:a", 7200) != delay("arn:b", 7200)


def test_the_hours_that_a_stretch_touches() -> None:
    start = at("2026-11-20 13:30")
    assert hours(start, at("2026-11-20 15:00")) == [int(at("2026-11-20 13:00")), int(at("2026-11-20 14:00"))]
    assert hours(start, at("2026-11-20 15:00") + 0.5)[-1] == int(at("2026-11-20 15:00"))
