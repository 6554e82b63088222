"""Scheduler, and the schedules of EventBridge rules, on cloud time: every due time fires once, oldest first.

Scheduler's targets are called under the target's role, with context attributes in their input.
"""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from rehearsal.bus import dispatch as event_bus
from rehearsal.bus.delivery import Delivery, send
from rehearsal.bus.targets import call, call_api
from rehearsal.emulator import EmulatorHost, within
from rehearsal.host import Scope
from rehearsal.runtime import Runtime

# After a long jump of the clock only the newest due times fire.
CATCH_UP = 24


def tick(_: Callable[[], None], runtime: Runtime) -> Callable[[], None]:
    """Fire what has become due since the last look."""
    from ministack.services import scheduler

    host = EmulatorHost(runtime)
    look = threading.Lock()  # timers and `advance` look at the same moment

    def fire_due() -> None:
        with look:
            fire_all()

    def fire_all() -> None:
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
                within(Scope(key[0], key[1]), _fire, schedule, due, runtime, host)
            if _is_at(schedule) and schedule.get("ActionAfterCompletion") == "DELETE":
                scheduler._schedules._data.pop(key, None)
                scheduler._schedule_last_fired.pop(key, None)

    return fire_due


def tick_rules(_: Callable[[], None], runtime: Runtime) -> Callable[[], None]:
    """Fire the rules whose schedule has become due since the last look."""
    from ministack.services import eventbridge

    look = threading.Lock()

    def fire_due() -> None:
        with look:
            fire_all()

    def fire_all() -> None:
        now, fired = runtime.clock.now(), eventbridge._rule_last_fired
        for key, rule in list(eventbridge._rules._data.items()):
            last = fired.setdefault(key, float(rule.get("CreationTime") or now))
            times = due_times(rule, last, now)
            if rule.get("State") == "DISABLED":
                fired[key] = now
            elif times:
                fired[key] = times[-1]
                for due in times[-CATCH_UP:]:
                    within(Scope(key[0], key[1]), _fire_rule, key[2], rule, due, runtime)

    return fire_due


def _fire_rule(key: str, rule: Mapping[str, Any], due: float, runtime: Runtime) -> None:
    from ministack.services import eventbridge

    parts = str(rule["Arn"]).split(":")
    event = event_bus.scheduled_event(
        str(rule["Arn"]), due, Scope(parts[4], parts[3]), str(rule.get("EventBusName", "default"))
    )
    targets = list(eventbridge._targets.get(key, []))
    event_bus.fire(runtime, rule, targets, event, eventbridge._pattern_event_view(event))


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


def _fire(schedule: Mapping[str, Any], due: float, runtime: Runtime, host: EmulatorHost) -> None:
    from ministack.services import eventbridge

    target = dict(schedule.get("Target") or {})
    scope = Scope(*(schedule["Arn"].split(":")[index] for index in (4, 3)))
    event = {
        "EventId": str(uuid.uuid4()),
        "Source": "aws.scheduler",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": int(due),
        "Resources": [schedule.get("Arn", "")],
        "Account": scope.account,
        "Region": scope.region,
    }
    if target.get("Input"):
        target["Input"] = _with_context(str(target["Input"]), schedule, due)
    text = target.get("Input") or json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
    if ":::aws-sdk:" in str(target.get("Arn", "")):
        attempt = partial(call_api, host, target, scope)
    else:
        attempt = partial(call, target, text, event, schedule)
    when = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    attributes = {"SCHEDULE_ARN": str(schedule["Arn"]), "SCHEDULED_TIME": when}
    send(runtime, Delivery("scheduler.amazonaws.com", schedule, target, text, scope, attempt, attributes))


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
