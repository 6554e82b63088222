"""Executions of monitoring schedules: started when due, each a real processing job, ended when that is.

An execution is Pending while its data is looked for, InProgress while its job runs. Without any data in its window it
fails as the service does, without a job.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker import events, objects
from rehearsal.sagemaker.actions import TABLE, Call
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.jobs.base import TERMINAL
from rehearsal.sagemaker.monitoring import merge as monitoring_merge
from rehearsal.sagemaker.monitoring.inputs import request
from rehearsal.sagemaker.monitoring.job_definitions import Definition
from rehearsal.sagemaker.monitoring.schedules import definition_of, executions, start_time
from rehearsal.sagemaker.monitoring.times import duration, hours, rhythm
from rehearsal.sagemaker.recovery import follows
from rehearsal.sagemaker.shapes import check_request
from rehearsal.sagemaker.store import Record
from rehearsal.sagemaker.ticking import ticks

MOST_AT_ONCE = 24
NEVER = 1e12  # later than any clock, and JSON
NO_DATA = "Job inputs had no data"
_WITH_LABELS = ("ModelQuality", "ModelBias")
DIFFERENCES = (
    "Monitoring executions: joining labels with captured records is not a processing job of its own.",
    "Monitoring executions run the image that the definition names; for Model Monitor's closed image another must "
    "stand in (`Cloud.stand_in`). Bias and explainability need an image that can do them.",
)

declare("E01", "schedule")
declare("E04", "schedule", "status")


@ticks
def look(core: Core) -> None:
    """Start what is due, end what has ended."""
    for scope, state in core.store.scopes():
        for schedule in list(state.table("monitoring_schedules").values()):
            _settle(core, schedule)
            while schedule["MonitoringScheduleStatus"] == "Scheduled" and start_time(schedule) <= core.host.clock.now():
                _start(core, scope, schedule)
        for execution in list(executions(core, scope).values()):
            _follow(core, scope, execution)


def _settle(core: Core, schedule: Record) -> None:
    if schedule["MonitoringScheduleStatus"] != "Pending":
        return
    fault = core.faults.take("E04", schedule=schedule["MonitoringScheduleName"])
    status = fault.where.get("status", "Failed") if fault else "Scheduled"
    if status == "Pending":
        schedule["_stuck"] = core.faults.generation
    if schedule.get("_stuck") == core.faults.generation:
        return
    with core.store.lock:
        schedule |= {"MonitoringScheduleStatus": status, "LastModifiedTime": core.host.clock.now()}
        if status == "Failed":
            schedule["FailureReason"] = "Unable to create the monitoring schedule (fault E04)."
        publish(core, events.MONITORING_SCHEDULE, schedule)


def _start(core: Core, scope: Scope, schedule: Record) -> None:
    """One execution, and the next due time."""
    due, now = float(schedule["_due"]), core.host.clock.now()
    beat = rhythm(schedule["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"])
    sequence = core.store.next_sequence()
    execution: Record = {
        "MonitoringScheduleName": schedule["MonitoringScheduleName"],
        "ScheduledTime": due,
        "CreationTime": now,
        "LastModifiedTime": now,
        "MonitoringExecutionStatus": "Pending",
        "MonitoringType": schedule["MonitoringType"],
        "_schedule": schedule["_sequence"],
        "_sequence": sequence,
        "_snapshot": {key: value for key, value in schedule.items() if key != "_snapshot"},
    }
    for key in ("EndpointName", "MonitoringJobDefinitionName"):
        if schedule.get(key):
            execution[key] = schedule[key]
    with core.store.lock:
        executions(core, scope)[str(sequence)] = execution
        # NOW is due once. After a jump of the clock over many due times only the newest count.
        earliest = now - MOST_AT_ONCE * beat.length_seconds if beat else 0.0
        schedule["_due"] = beat.next_after(max(due, earliest)) if beat else NEVER
    core.run(f"monitoring {schedule['MonitoringScheduleName']}", _prepare, core, scope, execution)


def _prepare(core: Core, scope: Scope, execution: Record) -> None:
    """Find the data and start the job; whatever goes wrong is the execution's end."""
    schedule = execution["_snapshot"]
    try:
        with core.store.lock:
            definition = definition_of(core, scope, schedule)
        window = _window(definition, schedule)
        prefixes, merged = _data(core, scope, definition, schedule, window)
        if not prefixes or core.faults.take("E01", schedule=schedule["MonitoringScheduleName"]):
            _end(core, execution, "Failed", NO_DATA)
            return
        parameters = request(
            definition, schedule, name=_job_name(schedule), window=window, prefixes=prefixes, merged=merged
        )
        _create_job(core, scope, execution, parameters, definition.kind)
    except KeyError as error:
        _end(core, execution, "Failed", f"Job definition {error} no longer exists.")
    except ServiceError as error:
        _end(core, execution, "Failed", f"{error.code}: {error.message}")
    except Exception as error:
        _end(core, execution, "Failed", f"ClientError: {error}")


def _create_job(core: Core, scope: Scope, execution: Record, parameters: Record, kind: str) -> None:
    checked = check_request("CreateProcessingJob", parameters)
    with core.store.lock:
        call = Call("CreateProcessingJob", core, checked, scope, parameters["RoleArn"])
        arn = TABLE["CreateProcessingJob"](call)["ProcessingJobArn"]
        job = call.state.processing_jobs[parameters["ProcessingJobName"]]
        job |= {"MonitoringScheduleArn": execution["_snapshot"]["MonitoringScheduleArn"], "_monitoring": kind}
        execution |= {"MonitoringExecutionStatus": "InProgress", "ProcessingJobArn": arn}
        execution |= {"_job": parameters["ProcessingJobName"], "LastModifiedTime": core.host.clock.now()}


def _job_name(schedule: Record) -> str:
    due = datetime.fromtimestamp(schedule["_due"], UTC)
    digest = hashlib.sha256(f"{schedule['MonitoringScheduleArn']}@{schedule['_due']}".encode()).hexdigest()
    return f"model-monitoring-{due:%Y%m%d%H%M}-{digest[:24]}"


def _window(definition: Definition, schedule: Record) -> tuple[float, float]:
    """[start, end) that the execution looks at."""
    when, due = schedule["MonitoringScheduleConfig"]["ScheduleConfig"], float(schedule["_due"])
    beat, source = rhythm(when["ScheduleExpression"]), definition.source
    if beat is None:
        return due + duration(when["DataAnalysisStartTime"]), due + duration(when["DataAnalysisEndTime"])
    if "StartTimeOffset" in source or "EndTimeOffset" in source:
        start, end = source.get("StartTimeOffset", f"-PT{beat.every_hours}H"), source.get("EndTimeOffset", "-PT0H")
        return due + duration(start), due + duration(end)
    return due - beat.length_seconds, due


def _data(
    core: Core, scope: Scope, definition: Definition, schedule: Record, window: tuple[float, float]
) -> tuple[list[str], bool]:
    """S3 prefixes of the clock hours that hold data, and whether labels were joined to it."""
    source, s3 = definition.source, core.host.client("s3", definition.record["RoleArn"], scope)
    found: list[str] = []
    for base in _bases(core, scope, source):
        bucket, root = objects.parse_uri(base)
        keys = list(objects.listed(s3, bucket, root.rstrip("/") + "/"))
        for hour in hours(*window):
            tail = f"/{datetime.fromtimestamp(hour, UTC):%Y/%m/%d/%H}/"
            here = {key[: key.index(tail) + len(tail)] for key in keys if tail in key}
            found += sorted(f"s3://{bucket}/{prefix}" for prefix in here)
    if definition.kind not in _WITH_LABELS or definition.ground_truth is None:
        return found, False
    # Labels arrive when they are known, and are looked for up to the moment that the execution is due.
    by_id = _labels(s3, definition.ground_truth, hours(window[0], max(window[1], float(schedule["_due"]))))
    return [prefix for one in found if (prefix := _merge(s3, definition, one, by_id))], True


def _bases(core: Core, scope: Scope, source: Record) -> list[str]:
    """Where the endpoint, or the batch transform, keeps its captured records."""
    if "EndpointName" not in source:
        return [source["DataCapturedDestinationS3Uri"]]
    name = source["EndpointName"]
    with core.store.lock:
        call = Call("DescribeEndpoint", core, {"EndpointName": name}, scope, "")
        capture = TABLE["DescribeEndpoint"](call).get("DataCaptureConfig")
    return [f"{capture['DestinationS3Uri'].rstrip('/')}/{name}"] if capture else []


def _labels(s3: Any, uri: str, all_hours: list[int]) -> dict[str, dict[str, Any]]:
    bucket, root = objects.parse_uri(uri)
    wanted = {f"/{datetime.fromtimestamp(hour, UTC):%Y/%m/%d/%H}/" for hour in all_hours}
    keys = [key for key in objects.listed(s3, bucket, root.rstrip("/") + "/") if any(hour in key for hour in wanted)]
    return monitoring_merge.labels(line for key in sorted(keys) for line in _lines(s3, bucket, key))


def _merge(s3: Any, definition: Definition, prefix: str, by_id: dict[str, dict[str, Any]]) -> str | None:
    """Joined records of one hour, written beside the reports; their prefix, None when no record has a label."""
    bucket, root = objects.parse_uri(prefix)
    captured = (line for key in objects.listed(s3, bucket, root) for line in _lines(s3, bucket, key))
    joined = list(monitoring_merge.merged(captured, by_id))
    if not joined:
        return None
    *_, endpoint, variant, year, month, day, hour = root.rstrip("/").split("/")
    at = int(datetime(int(year), int(month), int(day), int(hour), tzinfo=UTC).timestamp())
    target, below = objects.parse_uri(definition.output["S3Uri"])
    key = monitoring_merge.part_key(below, endpoint, variant, at)
    s3.put_object(Bucket=target, Key=key, Body=("\n".join(joined) + "\n").encode())
    return f"s3://{target}/{key.rpartition('/')[0]}/"


def _lines(s3: Any, bucket: str, key: str) -> list[str]:
    return b"".join(objects.read(s3, bucket, key)).decode("utf-8", "replace").splitlines()


def _follow(core: Core, scope: Scope, execution: Record) -> None:
    if execution["MonitoringExecutionStatus"] != "InProgress":
        return
    job = core.store.state(scope).processing_jobs.get(execution["_job"])
    if job is None or job["ProcessingJobStatus"] not in TERMINAL:
        return
    status = job["ProcessingJobStatus"]
    if status == "Completed" and str(job.get("ExitMessage", "")).startswith("CompletedWithViolations"):
        status = "CompletedWithViolations"
    _end(core, execution, status, job.get("FailureReason"))


def _end(core: Core, execution: Record, status: str, reason: str | None = None) -> None:
    with core.store.lock:
        execution |= {"MonitoringExecutionStatus": status, "LastModifiedTime": core.host.clock.now()}
        if reason:
            execution["FailureReason"] = reason[:1024]


@follows
def resume(core: Core) -> None:
    """An execution that was still looking for its data looks again; the others follow their jobs."""
    for scope, _ in core.store.scopes():
        for execution in list(executions(core, scope).values()):
            if execution["MonitoringExecutionStatus"] == "Pending":
                core.run("monitoring", _prepare, core, scope, execution)
