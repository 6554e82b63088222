"""Which window is looked at, and which objects lie in it."""

import json
from typing import Any

import pytest

from slipway_lambda.contracts.errors import BadEventError
from slipway_lambda.contracts.monitoring import WindowFaultError
from slipway_lambda.find_capture.handler import handler
from slipway_lambda.find_capture.window import asked_window, iso, scheduled_window

HOUR = "m/capture/m-dev/main/2026/11/20/14/"


def event(asked: dict[str, str] | None = None, schedule: str = "hourly") -> dict[str, Any]:
    return {
        "capture_bucket": "capture",
        "capture_prefix": "m/capture/",
        "endpoint": "m-dev",
        "variant": "main",
        "report_bucket": "reports",
        "model": "m",
        "schedule": schedule,
        "asked": {"scheduled_time": "2026-11-20T15:05:00Z"} if asked is None else asked,
    }


def test_finds_the_hour_before_the_schedule_fired(objects: Any) -> None:
    objects.put("capture", f"{HOUR}05-a.jsonl", "{}")
    objects.put("capture", f"{HOUR}06-b.jsonl", "{}{}")
    objects.put("capture", "m/capture/m-dev/main/2026/11/20/13/x.jsonl", "{}")
    objects.put("capture", "m/capture/m-dev/main/2026/11/20/15/x.jsonl", "{}")
    objects.put("capture", "m/capture/other/main/2026/11/20/14/x.jsonl", "{}")
    objects.put("capture", f"{HOUR}notes.txt", "x")
    found = handler(event(), None, objects)
    assert found == {
        "records_found": True,
        "objects": 2,
        "bytes": 6,
        "window_start": "2026-11-20T14:00:00Z",
        "window_end": "2026-11-20T15:00:00Z",
        "window_id": "202611201400-202611201500",
        "report_uri": "s3://reports/m/monitor/data-quality/2026/11/20/14/",
        "manifest_uri": "s3://reports/m/monitor/data-quality/2026/11/20/14/input/manifest.json",
    }
    manifest = json.loads(objects.held["reports", "m/monitor/data-quality/2026/11/20/14/input/manifest.json"])
    assert manifest == [
        {"prefix": "s3://capture/m/capture/"},
        "m-dev/main/2026/11/20/14/05-a.jsonl",
        "m-dev/main/2026/11/20/14/06-b.jsonl",
    ]


@pytest.mark.fault("E01")
@pytest.mark.parametrize("body", [None, ""])
def test_nothing_and_only_empty_objects_are_no_records(objects: Any, body: Any) -> None:
    if body is not None:
        objects.put("capture", f"{HOUR}a.jsonl", body)
    assert handler(event(), None, objects)["records_found"] is False


def test_reads_no_record(objects: Any) -> None:
    objects.put("capture", f"{HOUR}a.jsonl", "private")
    handler(event(), None, objects)
    assert objects.reads == []


@pytest.mark.parametrize(
    ("fired", "schedule", "start", "end"),
    [
        ("2026-11-20T15:05:00Z", "hourly", "2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z"),
        ("2026-11-20T15:00:00Z", "hourly", "2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z"),
        ("2026-11-20T15:59:59.999Z", "hourly", "2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z"),
        ("2027-01-01T00:05:00Z", "hourly", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-11-20T00:05:00Z", "daily", "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z"),
        ("2026-11-20T02:05:00+05:30", "hourly", "2026-11-19T19:00:00Z", "2026-11-19T20:00:00Z"),
    ],
)
def test_the_window_is_the_last_full_one_in_utc(fired: str, schedule: str, start: str, end: str) -> None:
    window = scheduled_window(fired, schedule)
    assert (iso(window.start), iso(window.end)) == (start, end)


def test_an_operators_window_touches_every_hour_it_is_in() -> None:
    window = asked_window("2026-11-20T22:30:00Z", "2026-11-21T01:00:00Z")
    assert list(window.hours()) == ["2026/11/20/22", "2026/11/20/23", "2026/11/21/00"]


@pytest.mark.parametrize(
    ("start", "end", "cause"),
    [
        ("yesterday", "2026-11-20T15:00:00Z", "'yesterday' is not an ISO 8601 time"),
        ("2026-11-20T14:00:00", "2026-11-20T15:00:00Z", "does not say its time zone"),
        ("2026-11-20T15:00:00Z", "2026-11-20T15:00:00Z", "not after its start"),
        ("2026-11-20T16:00:00Z", "2026-11-20T15:00:00Z", "not after its start"),
        ("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "longer than 31 days"),
    ],
)
def test_refuses_windows_that_cannot_be_looked_at(start: str, end: str, cause: str) -> None:
    with pytest.raises(WindowFaultError) as fault:
        asked_window(start, end)
    assert cause in fault.value.cause
    assert "2026-11-20T14:00:00Z" in fault.value.next_step


def test_half_a_window_names_the_missing_half(objects: Any) -> None:
    with pytest.raises(BadEventError, match="no key 'window_end'"):
        handler(event({"window_start": "2026-11-20T14:00:00Z"}), None, objects)


def test_refuses_a_schedule_it_does_not_know() -> None:
    with pytest.raises(WindowFaultError, match="'weekly' is neither hourly nor daily"):
        scheduled_window("2026-11-20T15:05:00Z", "weekly")
