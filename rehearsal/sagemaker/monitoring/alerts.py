"""Monitoring alerts: one for each schedule, derived from how its executions ended."""

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.listing import listed, page
from rehearsal.sagemaker.monitoring.schedules import executions, existing, table
from rehearsal.sagemaker.store import Record

DEPTH = "rules"
DIFFERENCES = (
    "Monitoring alerts: the name that the service gives a schedule's alert is not documented; here it is the type's, "
    "such as DataQualityAlert.",
)
_ENDED = ("Completed", "CompletedWithViolations", "Failed")


def _name(schedule: Record) -> str:
    return f"{schedule['MonitoringType']}Alert"


def _history(call: Call, schedule: Record) -> list[Record]:
    """Every change of the alert's status, oldest first; the first is OK, at the schedule's creation."""
    settings = schedule.get("_alert", {})
    needed, period = settings.get("DatapointsToAlert", 1), settings.get("EvaluationPeriod", 1)
    own = [
        one
        for one in executions(call.core, call.scope).values()
        if one["_schedule"] == schedule["_sequence"] and one["MonitoringExecutionStatus"] in _ENDED
    ]
    violated: list[bool] = []
    found = [_entry(schedule, "OK", schedule["CreationTime"], 0)]
    for one in sorted(own, key=lambda row: (row["ScheduledTime"], row["_sequence"])):
        violated.append(one["MonitoringExecutionStatus"] == "CompletedWithViolations")
        status = "InAlert" if sum(violated[-period:]) >= needed else "OK"
        if status != found[-1]["AlertStatus"]:
            found.append(_entry(schedule, status, one["LastModifiedTime"], one["_sequence"]))
    return found


def _entry(schedule: Record, status: str, at: float, sequence: int) -> Record:
    return {
        "MonitoringScheduleName": schedule["MonitoringScheduleName"],
        "MonitoringAlertName": _name(schedule),
        "CreationTime": at,
        "AlertStatus": status,
        "_sequence": sequence,
    }


@action("ListMonitoringAlerts")
def list_alerts(call: Call) -> Record:
    """The alert of one schedule."""
    schedule = existing(call)
    history, settings = _history(call, schedule), schedule.get("_alert", {})
    alert = {
        "MonitoringAlertName": _name(schedule),
        "CreationTime": schedule["CreationTime"],
        "LastModifiedTime": max(history[-1]["CreationTime"], settings.get("LastModifiedTime", 0.0)),
        "AlertStatus": history[-1]["AlertStatus"],
        "DatapointsToAlert": settings.get("DatapointsToAlert", 1),
        "EvaluationPeriod": settings.get("EvaluationPeriod", 1),
        "Actions": {"ModelDashboardIndicator": {"Enabled": True}},
    }
    return page(call, [alert])


@action("UpdateMonitoringAlert")
def update_alert(call: Call) -> Record:
    """How many of how many executions must find violations."""
    schedule, params = existing(call), call.params
    if params["MonitoringAlertName"] != _name(schedule):
        raise ServiceError("ResourceNotFound", f"Could not find alert {params['MonitoringAlertName']}.", 400)
    if params["DatapointsToAlert"] > params["EvaluationPeriod"]:
        raise invalid("DatapointsToAlert must not be more than EvaluationPeriod.")
    schedule["_alert"] = {key: params[key] for key in ("DatapointsToAlert", "EvaluationPeriod")}
    schedule["_alert"]["LastModifiedTime"] = call.now
    return {"MonitoringScheduleArn": schedule["MonitoringScheduleArn"], "MonitoringAlertName": _name(schedule)}


@action("ListMonitoringAlertHistory")
def list_alert_history(call: Call) -> Record:
    """Changes of status, newest first."""
    wanted = call.params.get("MonitoringScheduleName")
    schedules = [existing(call)] if wanted else list(table(call).values())
    rows = [row for schedule in schedules for row in _history(call, schedule)]
    if name := call.params.get("MonitoringAlertName"):
        rows = [row for row in rows if row["MonitoringAlertName"] == name]
    return listed(call, rows, name="MonitoringAlertName", status="AlertStatus", order="Descending")
