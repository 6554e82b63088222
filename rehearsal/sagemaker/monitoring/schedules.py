"""Monitoring schedules: when a job definition runs, and what became of it."""

from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.monitoring.job_definitions import Definition, check_source, find
from rehearsal.sagemaker.monitoring.times import delay, duration, rhythm
from rehearsal.sagemaker.store import Record

_OPEN = ("Pending", "InProgress", "Stopping")
_HOURLY_SECONDS = {"ModelQuality": 1800, "ModelBias": 1800}
DIFFERENCES = (
    "Monitoring schedules: whether the service refuses to delete or update one while an execution runs is not "
    "documented; here it is refused.",
    "Monitoring schedules: an execution starts 0 to 20 minutes after it is due, always the same for one schedule and "
    "hour; the service does not say how it chooses.",
)


def table(call: Call) -> dict[str, Record]:
    """Schedules of the caller's account and region."""
    return call.state.table("monitoring_schedules")


def executions(core: Core, scope: Scope) -> dict[str, Record]:
    """Every execution, by a name of our own: the API has none."""
    return core.store.state(scope).table("monitoring_executions")


def definition_of(core: Core, scope: Scope, schedule: Record) -> Definition:
    """What the schedule runs: its own definition, or the one it names. Raises KeyError when that is gone."""
    config = schedule["MonitoringScheduleConfig"]
    kind = config.get("MonitoringType", "DataQuality")
    if inline := config.get("MonitoringJobDefinition"):
        return Definition.inline(kind, inline)
    named = core.store.state(scope).table(f"{kind}JobDefinitions")
    return Definition(kind, named[config["MonitoringJobDefinitionName"]])


@action("CreateMonitoringSchedule")
def create_schedule(call: Call) -> Record:
    """Pending for a moment, then Scheduled."""
    name = call.params["MonitoringScheduleName"]
    if name in table(call):
        raise ServiceError("ResourceInUse", f"Monitoring schedule {name} already exists.", 400)
    arn = call.arn("monitoring-schedule", name)
    record = call.new("MonitoringScheduleArn", arn)
    _configure(call, record)
    table(call)[name] = record
    return call.show(record)


@action("UpdateMonitoringSchedule")
def update_schedule(call: Call) -> Record:
    """The new config counts from the next due time on."""
    record = _settled(call, "updated")
    record["MonitoringScheduleConfig"] = call.params["MonitoringScheduleConfig"]
    _configure(call, record)
    return call.show(record)


def _configure(call: Call, record: Record) -> None:
    config = record["MonitoringScheduleConfig"]
    if ("MonitoringJobDefinition" in config) == ("MonitoringJobDefinitionName" in config):
        raise invalid("Give either a MonitoringJobDefinition or a MonitoringJobDefinitionName, and not both.")
    kind = config.get("MonitoringType", "DataQuality")
    if named := config.get("MonitoringJobDefinitionName"):
        if "MonitoringType" not in config:
            raise invalid("MonitoringType is required with a MonitoringJobDefinitionName.")
        definition = Definition(kind, find(call, kind, named))
    else:
        check_source(config["MonitoringJobDefinition"]["MonitoringInputs"][0])
        definition = Definition.inline(kind, config["MonitoringJobDefinition"])
    due = _first_due(call, config.get("ScheduleConfig"), definition)
    record |= {
        "MonitoringType": kind,
        "EndpointName": definition.source.get("EndpointName"),
        "MonitoringScheduleStatus": "Pending",
        "LastModifiedTime": call.now,
        "_due": due,
    }
    if named:
        record["MonitoringJobDefinitionName"] = named


def _first_due(call: Call, when: dict[str, Any] | None, definition: Definition) -> float:
    """When the first execution is due. Raises what the service would."""
    if when is None:
        raise invalid("ScheduleConfig is required.")
    try:
        beat = rhythm(when["ScheduleExpression"])
        bounds = [duration(when[key]) for key in ("DataAnalysisStartTime", "DataAnalysisEndTime") if key in when]
    except ValueError as error:
        raise invalid(f"{error}.") from None
    if beat is None:
        if len(bounds) != 2:
            raise invalid("DataAnalysisStartTime and DataAnalysisEndTime are required with the expression NOW.")
        if bounds[0] >= bounds[1]:
            raise invalid("DataAnalysisStartTime must be before DataAnalysisEndTime.")
        return call.now
    if bounds:
        raise invalid("DataAnalysisStartTime and DataAnalysisEndTime are for the expression NOW only.")
    limit = _HOURLY_SECONDS.get(definition.kind, 3600)
    if beat.every_hours == 1 and definition.max_seconds > limit:
        raise invalid(f"MaxRuntimeInSeconds of an hourly {definition.kind} schedule must be at most {limit}.")
    return beat.next_after(call.now)


def start_time(schedule: Record) -> float:
    """When the next execution begins: the service spreads them over 20 minutes."""
    if schedule["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"] == "NOW":
        return float(schedule["_due"])
    return float(schedule["_due"]) + delay(schedule["MonitoringScheduleArn"], schedule["_due"])


@action("DescribeMonitoringSchedule")
def describe_schedule(call: Call) -> Record:
    """With the summary of its newest execution."""
    record = existing(call)
    answer = call.show(record)
    own = [one for one in executions(call.core, call.scope).values() if _belongs(one, record)]
    if own:
        newest = max(own, key=lambda one: (one["ScheduledTime"], one["_sequence"]))
        answer["LastMonitoringExecutionSummary"] = {key: newest[key] for key in newest if not key.startswith("_")}
    return answer


@action("ListMonitoringSchedules")
def list_schedules(call: Call) -> Record:
    """Newest first."""
    same = {
        "EndpointName": "EndpointName",
        "MonitoringJobDefinitionName": "MonitoringJobDefinitionName",
        "MonitoringTypeEquals": "MonitoringType",
    }
    rows = table(call).values()
    status = "MonitoringScheduleStatus"
    return listed(call, rows, name="MonitoringScheduleName", status=status, order="Descending", equal=same)


@action("StartMonitoringSchedule")
def start_schedule(call: Call) -> Record:
    """One that was stopped; the executions it missed are not made up for."""
    record = _settled(call, "started")
    if record["MonitoringScheduleStatus"] == "Stopped":
        beat = rhythm(record["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"])
        record |= {"MonitoringScheduleStatus": "Scheduled", "LastModifiedTime": call.now}
        if beat is not None:
            record["_due"] = beat.next_after(call.now)
        publish(call.core, events.MONITORING_SCHEDULE, record)
    return {}


@action("StopMonitoringSchedule")
def stop_schedule(call: Call) -> Record:
    """No further execution starts; one that runs goes on."""
    record = _settled(call, "stopped", running=True)
    record |= {"MonitoringScheduleStatus": "Stopped", "LastModifiedTime": call.now}
    publish(call.core, events.MONITORING_SCHEDULE, record)
    return {}


@action("DeleteMonitoringSchedule")
def delete_schedule(call: Call) -> Record:
    """With the record of its executions; their processing jobs stay."""
    record = _settled(call, "deleted")
    own = executions(call.core, call.scope)
    for name in [name for name, one in own.items() if _belongs(one, record)]:
        del own[name]
    del table(call)[record["MonitoringScheduleName"]]
    call.state.tags.pop(record["_arn"], None)
    return {}


@action("ListMonitoringExecutions")
def list_executions(call: Call) -> Record:
    """Newest first."""
    params = call.params
    rows = [
        one
        for one in executions(call.core, call.scope).values()
        if one["ScheduledTime"] >= params.get("ScheduledTimeAfter", one["ScheduledTime"])
        and one["ScheduledTime"] <= params.get("ScheduledTimeBefore", one["ScheduledTime"])
    ]
    same = {
        "MonitoringScheduleName": "MonitoringScheduleName",
        "EndpointName": "EndpointName",
        "MonitoringJobDefinitionName": "MonitoringJobDefinitionName",
        "MonitoringTypeEquals": "MonitoringType",
    }
    return listed(
        call,
        rows,
        name="MonitoringScheduleName",
        status="MonitoringExecutionStatus",
        order="Descending",
        equal=same,
        sort={"ScheduledTime": "ScheduledTime"},
    )


def existing(call: Call) -> Record:
    """The schedule that the caller names. Raises ResourceNotFound."""
    name = call.params["MonitoringScheduleName"]
    record = table(call).get(name)
    if record is None:
        raise ServiceError("ResourceNotFound", f"Could not find monitoring schedule {name}.", 400)
    return record


def _belongs(execution: Record, schedule: Record) -> bool:
    return bool(execution["_schedule"] == schedule["_sequence"])


def _settled(call: Call, what: str, *, running: bool = False) -> Record:
    """The schedule, refused while it is pending or, unless `running` is fine, while an execution is under way."""
    record = existing(call)
    name = record["MonitoringScheduleName"]
    if record["MonitoringScheduleStatus"] == "Pending":
        raise invalid(f"Monitoring schedule {name} can't be {what} while its status is Pending.")
    busy = any(
        _belongs(one, record) and one["MonitoringExecutionStatus"] in _OPEN
        for one in executions(call.core, call.scope).values()
    )
    if busy and not running:
        raise invalid(f"Monitoring schedule {name} can't be {what} while an execution is in progress.")
    return record
