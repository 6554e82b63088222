"""EventBridge Scheduler on cloud time: every due time fires once, with context attributes, under the target's role."""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rehearsal.authority import DeniedError
from rehearsal.emulator import within
from rehearsal.host import Scope
from rehearsal.permissions import Need
from rehearsal.runtime import Runtime

# After a long jump of the clock only the newest due times fire.
CATCH_UP = 24
_ACTIONS = {
    "lambda": "lambda:InvokeFunction",
    "states": "states:StartExecution",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "events": "events:PutEvents",
}
_log = logging.getLogger("slipway.schedules")


def tick(_: Callable[[], None], runtime: Runtime) -> Callable[[], None]:
    """Fire what has become due since the last look."""
    from ministack.services import scheduler

    def fire_due() -> None:
        now = runtime.clock.now()
        for key, schedule in list(scheduler._schedules._data.items()):
            last = scheduler._schedule_last_fired.setdefault(key, float(schedule.get("CreationDate") or now))
            if schedule.get("State") != "ENABLED":
                scheduler._schedule_last_fired[key] = now
                continue
            times = due_times(schedule, last, now)
            if not times:
                continue
            scheduler._schedule_last_fired[key] = times[-1]
            for due in times[-CATCH_UP:]:
                within(Scope(key[0], key[1]), _fire, schedule, due, runtime)
            if _is_at(schedule) and schedule.get("ActionAfterCompletion") == "DELETE":
                scheduler._schedules._data.pop(key, None)
                scheduler._schedule_last_fired.pop(key, None)

    return fire_due


def due_times(schedule: Mapping[str, Any], last: float, now: float) -> list[float]:
    """All due times in (last, now], oldest first, within the schedule's start and end."""
    from ministack.services import eventbridge, scheduler

    expression = str(schedule.get("ScheduleExpression", ""))
    start, end = scheduler._to_epoch(schedule.get("StartDate")), scheduler._to_epoch(schedule.get("EndDate"))
    at = scheduler._at_time_epoch(expression)
    rate = eventbridge._parse_rate_seconds(expression)
    times: list[float] = []
    if at is not None:
        times = [at] if last < at <= now else []
    elif rate is not None:
        count = int((now - last) // rate)
        times = [last + rate * index for index in range(max(1, count - CATCH_UP + 1), count + 1)]
    elif (fields := eventbridge._parse_cron_fields(expression)) is not None:
        times = _cron(fields, str(schedule.get("ScheduleExpressionTimezone") or "UTC"), last, now)
    return [due for due in times if (start is None or due >= start) and (end is None or due <= end)]


def _cron(fields: Any, zone: str, last: float, now: float) -> list[float]:
    from ministack.services import eventbridge

    # The emulator reckons in UTC: hand it the zone's wall time as if it were UTC, and translate back.
    local = ZoneInfo(zone)
    moment = datetime.fromtimestamp(last, local).replace(tzinfo=UTC)
    times: list[float] = []
    while len(times) < 10_000:
        following = eventbridge._cron_next_fire(fields, moment)
        if following is None:
            break
        due = following.replace(tzinfo=local).timestamp()
        if due > now:
            break
        if due > last:
            times.append(due)
        moment = following
    return times


def _is_at(schedule: Mapping[str, Any]) -> bool:
    return str(schedule.get("ScheduleExpression", "")).startswith("at(")


def _fire(schedule: Mapping[str, Any], due: float, runtime: Runtime) -> None:
    from ministack.services import eventbridge

    target = dict(schedule.get("Target") or {})
    arn = str(target.get("Arn", ""))
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service not in _ACTIONS:
        _log.error("schedule %s: the embedded cloud cannot call the target %s", schedule.get("Name"), arn)
        return
    scope = Scope(*(schedule["Arn"].split(":")[index] for index in (4, 3)))
    try:
        runtime.authority.require(target["RoleArn"], "scheduler", [Need(_ACTIONS[service], arn)], scope)
    except DeniedError as denied:
        _log.error("schedule %s: %s", schedule.get("Name"), denied)
        return
    if target.get("Input"):
        target["Input"] = _with_context(str(target["Input"]), schedule, due)
    event = {
        "EventId": str(uuid.uuid4()),
        "Source": "aws.scheduler",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": due,
        "Resources": [schedule.get("Arn", "")],
        "Account": scope.account,
        "Region": scope.region,
    }
    eventbridge._invoke_target(target, event, schedule)


def _with_context(text: str, schedule: Mapping[str, Any], due: float) -> str:
    """Context attributes in the input, as documented for Scheduler; the scheduled time is the due time."""
    values = {
        "schedule-arn": str(schedule.get("Arn", "")),
        "scheduled-time": datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
