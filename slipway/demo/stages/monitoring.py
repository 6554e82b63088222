"""Months lived again: first a fair sample of those trained on, then others until drift starts a training."""

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.demo import waiting
from slipway.demo.client import Bounds, Reply, Target, send
from slipway.demo.errors import CLIENT_DIED, DECLARATIONS, NO_DRIFT, DemoError
from slipway.demo.records import sample
from slipway.demo.result import Retraining, Window
from slipway.demo.setting import TRAINED_MONTHS, Demo
from slipway.demo.stages.groundwork import upload
from slipway.demo.stages.training import gain, refusal
from slipway.operations.outputs import stack_names
from slipway_lambda.contracts.monitoring import SCHEDULED_TIME

RECORDS = 600
REQUESTS_A_SECOND = 400.0
USUAL_SECONDS = 60.0
LATEST_MINUTE = 40
"""A replay begun later in the hour might run into the next one."""
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def watch(demo: Demo) -> None:
    """Replay until a window has violations and starts a training."""
    minute = due_minute(demo)
    # The releases' hour also holds the golden records that the release machine sends, which are no fair sample.
    _next_hour(demo)
    _replay(demo, "January to March", [demo.month_file(m) for m in TRAINED_MONTHS], minute)
    for month in range(TRAINED_MONTHS[-1] + 1, 13):
        upload(demo, month)
        output = _replay(demo, MONTHS[month - 1], [demo.month_file(month)], minute)
        if output.get("decision") == "retrain":
            demo.retraining_execution = output["training_execution"]
            return
    last = demo.result.monitoring[-1]
    raise DemoError(
        NO_DRIFT,
        "No month up to December made the monitor start a training; the last window found"
        f" {len(last.violations)} violations and decided {last.decision!r}.",
        "See monitors.data_quality.drift_threshold and retrain in models/flight-delays/model.yaml.",
    )


def retrain(demo: Demo) -> None:
    """The training that nobody started: wait for its end, and for what the champion gate said."""
    if not demo.retraining_execution:
        raise DemoError(NO_DRIFT, "The monitor started no training.", "Report this as a bug.")
    stepfunctions = demo.client("stepfunctions")
    demo.trainings["drift"] = demo.retraining_execution
    end = waiting.succeeded(
        stepfunctions, demo.retraining_execution, "The retraining", seconds=demo.seconds(120), alive=demo.alive
    )
    outcome = str(end.output.get("outcome", ""))
    reason = refusal(end.output) if outcome == "refused" else f"version {end.output.get('version')}: {gain(end.output)}"
    demo.result.retraining = Retraining(str(end.output.get("triggered_by") or ""), outcome, reason)
    demo.progress.note(f"retraining {outcome}: {reason}")


def _replay(demo: Demo, name: str, files: list[Any], minute: int) -> dict[str, Any]:
    """Send the records, end the hour, wait for the monitor that looks at it."""
    demo.progress.say(f"{name}: sending records")
    if _now(demo).minute > LATEST_MINUTE:
        _next_hour(demo)
    window = _hour(_now(demo))
    rows = sample(files, demo.columns, RECORDS)
    _send(demo, rows)
    # The turn of the hour closes the captured objects.
    _next_hour(demo)
    waiting.until(
        lambda: True if captured(demo, window) >= len(rows) else None, f"the captured records of {window:%H}:00",
        seconds=demo.seconds(15), every=0.1,
    )  # fmt: skip
    due = window + timedelta(hours=1, minutes=minute)
    demo.cloud.clock.advance(max(0.0, (due + timedelta(seconds=2) - _now(demo)).total_seconds()))
    demo.progress.say(f"{name}: the monitor looks at the hour")
    end = _looked_at(demo, due)
    output = end.output
    demo.watched.append((name, end.arn, str(output.get("report_uri") or "")))
    violations = [f"{v['feature_name']}: {v['constraint_check_type']}" for v in output.get("violations") or []]
    span = output.get("window") or {}
    text = f"{span.get('start', window.isoformat())} to {span.get('end', '')}".removesuffix(" to ")
    found = Window(text, int(output.get("records") or 0), violations, name, str(output.get("decision", "")))
    demo.result.monitoring.append(found)
    drifted = ", ".join(v.split(":")[0] for v in violations) or "none"
    demo.progress.note(f"{name}: {found.records} records, violations: {drifted}")
    return output


def _send(demo: Demo, rows: list[str]) -> None:
    target = Target.from_environment(demo.endpoint, demo.cloud.environment())
    replies: list[Reply] = []
    asyncio.run(send(target, rows, Bounds(REQUESTS_A_SECOND, len(rows), demo.seconds(60)), replies.append))
    failed = [reply for reply in replies if not reply.ok]
    if failed or len(replies) != len(rows):
        raise DemoError(
            CLIENT_DIED,
            f"{len(failed)} of {len(replies)} replayed requests failed ({len(rows)} were to be sent):"
            f" {failed[0].error if failed else 'the rest was not answered in time'}",
            "Run `slipway demo --keep` and look at the endpoint with `slipway status`.",
        )


def captured(demo: Demo, window: datetime) -> int:
    """Records captured in the window's hour."""
    s3, name = demo.client("s3"), demo.declared[2].name
    prefix = f"{name}/capture/{demo.endpoint}/main/{window:%Y/%m/%d/%H}/"
    found = s3.list_objects_v2(Bucket=demo.places.capture_bucket, Prefix=prefix).get("Contents", [])
    bodies = (s3.get_object(Bucket=demo.places.capture_bucket, Key=item["Key"])["Body"].read() for item in found)
    return sum(body.count(b"\n") for body in bodies)


def _looked_at(demo: Demo, due: datetime) -> waiting.Ended:
    """The end of the monitor execution that the schedule started for this due time."""
    stepfunctions, machine = demo.client("stepfunctions"), demo.places.need("monitor_machine")
    others: set[str] = set()

    def find() -> str | None:
        for item in stepfunctions.list_executions(stateMachineArn=machine, maxResults=20)["executions"]:
            arn = str(item["executionArn"])
            if arn in others:
                continue
            asked = waiting._object(stepfunctions.describe_execution(executionArn=arn).get("input"))
            if _hour_of(str(asked.get(SCHEDULED_TIME, ""))) == _hour(due):
                return arn
            others.add(arn)
        return None

    begun = time.monotonic()
    arn = waiting.until(find, f"the monitor run due at {due:%H:%M}", seconds=demo.seconds(30), every=0.1)
    left = max(5.0, demo.seconds(USUAL_SECONDS) - (time.monotonic() - begun))
    return waiting.succeeded(stepfunctions, arn, f"The monitor run of {due:%H:%M}", seconds=left)


def due_minute(demo: Demo) -> int:
    """The minute of every hour at which the monitor's schedule fires."""
    stack = stack_names(*demo.declared).monitoring
    resources = demo.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    names = [r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::Scheduler::Schedule"]
    if len(names) != 1:
        raise DemoError(DECLARATIONS, f"{stack} holds {len(names)} schedules, not 1.", "Report this as a bug.")
    # The physical id is the name, or, in a group, `group|name`.
    group, _, name = names[0].rpartition("|")
    schedule = demo.client("scheduler").get_schedule(Name=name, **({"GroupName": group} if group else {}))
    match = re.fullmatch(r"cron\((\d+) \* \* \* \? \*\)", schedule["ScheduleExpression"])
    if not match:
        raise DemoError(
            DECLARATIONS,
            f"The monitor's schedule is {schedule['ScheduleExpression']}, not once an hour.",
            "Set monitors.data_quality.schedule to hourly in models/flight-delays/model.yaml.",
        )
    return int(match[1])


def _now(demo: Demo) -> datetime:
    return datetime.fromtimestamp(demo.cloud.clock.now(), UTC)


def _next_hour(demo: Demo) -> None:
    """Move the clock just past the hour's end."""
    now = _now(demo)
    demo.cloud.clock.advance((_hour(now) + timedelta(hours=1, seconds=2) - now).total_seconds())


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _hour_of(text: str) -> datetime | None:
    try:
        return _hour(datetime.fromisoformat(text).astimezone(UTC))
    except ValueError:
        return None
