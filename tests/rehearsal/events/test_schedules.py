"""Schedules of rules and of Scheduler, on cloud time."""

import json
from typing import Any

import pytest

Bus = Any


def at_the_hour(bus: Bus) -> float:
    """Move to the next full hour, half a second after it."""
    now = bus.cloud.clock.now()
    return float(bus.cloud.clock.advance(3600 - now % 3600 + 0.5))


def test_a_rate_fires_once_for_every_period_and_not_when_disabled(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn}, ScheduleExpression="rate(5 minutes)")
    bus.cloud.clock.advance(299)
    assert bus.bodies(url) == []
    bus.cloud.clock.advance(601)
    events = bus.bodies(url)
    assert len(events) == 3
    assert len({event["time"] for event in events}) == 3
    assert {(event["source"], event["detail-type"]) for event in events} == {("aws.events", "Scheduled Event")}
    assert events[0]["resources"] == [bus.events.describe_rule(Name=name)["Arn"]]
    bus.events.disable_rule(Name=name)
    bus.cloud.clock.advance(600)
    bus.events.enable_rule(Name=name)
    bus.cloud.clock.advance(1)
    assert bus.bodies(url) == []


def test_a_cron_expression_fires_at_its_times(bus: Bus) -> None:
    url, arn = bus.queue()
    at_the_hour(bus)
    bus.rule({"Arn": arn, "InputPath": "$.time"}, ScheduleExpression="cron(30 * * * ? *)")
    bus.cloud.clock.advance(29 * 60)
    assert bus.bodies(url) == []
    bus.cloud.clock.advance(2 * 60)
    assert [time[14:] for time in bus.bodies(url)] == ["30:00Z"]
    bus.cloud.clock.advance(2 * 3600)
    assert [time[14:] for time in bus.bodies(url)] == ["30:00Z", "30:00Z"]


def test_a_schedule_calls_with_its_role_and_its_attributes(bus: Bus) -> None:
    url, arn = bus.queue(allowed=False)
    text = '{"due": "<aws.scheduler.scheduled-time>", "of": "<aws.scheduler.schedule-arn>"}'
    bus.scheduler.create_schedule(
        Name="every",
        ScheduleExpression="rate(1 hours)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": bus.role, "Input": text},
    )
    bus.cloud.clock.advance(2 * 3600 + 1)
    first, second = bus.bodies(url)
    assert first["of"].endswith(":schedule/default/every")
    assert first["due"] < second["due"]
    bus.scheduler.delete_schedule(Name="every")


@pytest.mark.fault("C10")
def test_a_schedule_whose_target_is_down_uses_its_dead_letter_queue(bus: Bus) -> None:
    dead, dead_arn = bus.queue(allowed=False)
    _, arn = bus.queue(allowed=False)
    bus.cloud.fault("C10", times=None, rule="down")
    bus.scheduler.create_schedule(
        Name="down",
        ScheduleExpression="rate(1 hours)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": arn,
            "RoleArn": bus.role,
            "Input": "{}",
            "RetryPolicy": {"MaximumRetryAttempts": 1},
            "DeadLetterConfig": {"Arn": dead_arn},
        },
    )
    bus.cloud.clock.advance(3601)
    attributes = bus.attributes(bus.message(dead, bus.step(5)))
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]) == ("CONNECTION_FAILURE", "1")
    assert attributes["SCHEDULE_ARN"].endswith("/down")
    bus.scheduler.delete_schedule(Name="down")


def test_a_universal_target_is_an_api_call(bus: Bus) -> None:
    url, _ = bus.queue(allowed=False)
    bus.scheduler.create_schedule(
        Name="api",
        ScheduleExpression="rate(1 hours)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
            "RoleArn": bus.role,
            "Input": json.dumps({"QueueUrl": url, "MessageBody": '{"by": "api"}'}),
        },
    )
    bus.cloud.clock.advance(3601)
    assert json.loads(bus.message(url)["Body"]) == {"by": "api"}
    bus.scheduler.delete_schedule(Name="api")
