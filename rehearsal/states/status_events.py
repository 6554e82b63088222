"""What the world hears of an execution: the status event on the default bus, and the machine's log."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rehearsal.emulator import EmulatorHost, within
from rehearsal.host import Scope
from rehearsal.runtime import Runtime

if TYPE_CHECKING:
    from rehearsal.asl.engine import Engine

# Step Functions leaves a longer input or output out of the event.
LONGEST_BYTES = 248 * 1024
_FATAL = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


def tell(runtime: Runtime, record: dict[str, Any], engine: "Engine") -> None:
    """An execution has begun or ended. Express ones tell the log only."""
    parts = record["executionArn"].split(":")
    scope = Scope(parts[4], parts[3])
    if record["status"] != "RUNNING":
        _log(runtime, record, scope)
    if record["_type"] == "EXPRESS":
        return
    resources = [record["executionArn"]]
    EmulatorHost(runtime).publish(
        "aws.states", "Step Functions Execution Status Change", resources, _detail(record, engine), scope
    )


def _detail(record: dict[str, Any], engine: "Engine") -> dict[str, Any]:
    why = engine.redrivable(record)
    ended_well = record["status"] == "SUCCEEDED"
    detail = {
        "executionArn": record["executionArn"],
        "stateMachineArn": record["stateMachineArn"],
        "name": record["name"],
        "status": record["status"],
        "startDate": _milliseconds(record["startDate"]),
        "stopDate": _milliseconds(record["stopDate"]),
        "input": record["input"],
        "inputDetails": {"included": True},
        "output": record["output"],
        "outputDetails": {"included": True} if ended_well else None,
        "stateMachineVersionArn": record.get("stateMachineVersionArn"),
        "stateMachineAliasArn": record.get("stateMachineAliasArn"),
        "redriveCount": record["redriveCount"],
        "redriveDate": _milliseconds(record["redriveDate"]),
        "redriveStatus": "REDRIVABLE" if why is None else "NOT_REDRIVABLE",
        "redriveStatusReason": why,
        "error": record["error"],
        "cause": record["cause"],
    }
    for member in ("input", "output"):
        if detail[member] is not None and len(json.dumps(detail[member])) > LONGEST_BYTES:
            detail[member], detail[f"{member}Details"] = None, {"included": False}
    return detail


def _milliseconds(stamp: str | None) -> int | None:
    return None if stamp is None else int(datetime.fromisoformat(stamp).timestamp() * 1000)


def _log(runtime: Runtime, record: dict[str, Any], scope: Scope) -> None:
    """The machine's log, if it has one (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html)."""
    from ministack.services import stepfunctions as sfn

    machine = within(scope, sfn._state_machines.get, record["stateMachineArn"]) or {}
    config = machine.get("loggingConfiguration") or {}
    level, destinations = config.get("level", "OFF"), config.get("destinations") or []
    if level == "OFF" or not destinations:
        return
    group = destinations[0]["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")[6]
    lines = [
        json.dumps(_line(event, record, keep_data=bool(config.get("includeExecutionData"))))
        for event in record["events"]
        if level == "ALL" or event["type"] in _FATAL or (level == "ERROR" and _is_error(event["type"]))
    ]
    if lines:
        EmulatorHost(runtime).write_log(group, f"states/{record['stateMachineArn'].split(':')[6]}", lines, scope)


def _is_error(kind: str) -> bool:
    return kind.endswith(("Failed", "TimedOut", "Aborted"))


def _line(event: dict[str, Any], record: dict[str, Any], *, keep_data: bool) -> dict[str, Any]:
    details: dict[str, Any] = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
    if not keep_data:
        details = {key: value for key, value in details.items() if key not in ("input", "output", "parameters")}
    return {
        "id": str(event["id"]),
        "type": event["type"],
        "details": details,
        "previous_event_id": str(event["previousEventId"]),
        "event_timestamp": str(int(event["timestamp"] * 1000)),
        "execution_arn": record["executionArn"],
    }
