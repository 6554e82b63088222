"""How far a release under way has come: from the lock, the execution's history and what DescribeEndpoint shows."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any

from slipway.operations import ledger
from slipway.operations.errors import of_aws
from slipway.operations.planning import deployed_spec, endpoint
from slipway.operations.sentence import duration
from slipway.operations.target import Items, Target
from slipway_lambda.contracts.ledger import ABORT_REASON, attempt_key
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.scaling import live_count

PAGE = 200
GONE = "GONE"
"""State of an alarm that is not there, in the place of one of CloudWatch's."""
_BAKING = re.compile(r"Baking for (\d+) seconds .*capacity of (\d+) instance")


def read_progress(target: Target) -> dict[str, Any] | None:
    """None when no release is under way. Raises Failure when something of it cannot be read."""
    lock = ledger.lock(target.where, target.outputs.ledger_table, target.endpoint)
    owner = str(lock.get("owner", ""))
    if not owner or target.execution(owner).get("status") != "RUNNING":
        return None
    spec, seen = deployed_spec(target), endpoint(target)
    states = _alarm_states(target, spec.alarm_names)
    return {
        "execution": owner,
        "version": version_of(target.items(), owner),
        "state": current_state(target, owner),
        "strategy": spec.strategy,
        "shift": shift(spec, seen, target.where.now()),
        "alarms": states,
        "verdict": verdict(seen, states, aborted=ABORT_REASON in lock),
    }


def version_of(items: Items, execution: str) -> int | None:
    """The version an execution has begun to release; None before it has checked all that comes first."""
    prefix = attempt_key(0).removesuffix("0")
    found = [i["version"] for k, i in items.items() if k.startswith(prefix) and i.get("execution") == execution]
    return int(found[0]) if found else None


def current_state(target: Target, execution: str) -> str:
    """Name of the state it entered last. Raises Failure."""
    try:
        page = target.where.client("stepfunctions").get_execution_history(
            executionArn=execution, reverseOrder=True, maxResults=PAGE, includeExecutionData=False
        )
    except Exception as error:
        raise of_aws(error, execution) from error
    entered = [e for e in page["events"] if "stateEnteredEventDetails" in e]
    newest = max(entered, key=lambda e: int(e["id"]), default=None)
    return str(newest["stateEnteredEventDetails"]["name"]) if newest else ""


def shift(spec: ReleaseSpec, seen: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """Pure. What SageMaker is doing; None while it changes nothing.

    `step` of `steps`, `new_percent` (share of the traffic on the new version) and `bake_seconds_left` are None where
    SageMaker's words do not tell them.
    """
    pending = seen.get("PendingDeploymentSummary")
    if not pending:
        return None
    if spec.scaling:  # the fleet is replaced as large as it is
        spec = replace(spec, instance_count=live_count(seen, spec.variant) or spec.instance_count)
    variant: Mapping[str, Any] = next(iter(pending.get("ProductionVariants", [])), {})
    status: Mapping[str, Any] = next(iter(variant.get("VariantStatus", [])), {})
    baking = _BAKING.search(status.get("StatusMessage", ""))
    on_new = min(int(baking[2]), spec.instance_count) if baking else 0 if status.get("Status") == "Creating" else None
    left = None
    if baking and isinstance(begun := status.get("StartTime"), datetime):
        left = max(0, ceil(int(baking[1]) - (now - begun).total_seconds()))
    steps = {"all_at_once": 1, "canary": 2}.get(spec.strategy)
    full = on_new == spec.instance_count
    return {
        "endpoint_status": seen.get("EndpointStatus", ""),
        "config": pending.get("EndpointConfigName", ""),
        "phase": status.get("Status", ""),
        "message": status.get("StatusMessage", ""),
        "step": None if not baking or steps is None else steps if full else 1,
        "steps": steps,
        "new_percent": None if on_new is None else round(100 * on_new / spec.instance_count),
        "bake_seconds_left": left,
        "instances": [variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")],
    }


def verdict(seen: Mapping[str, Any], alarms: Mapping[str, str], *, aborted: bool) -> str:
    """Pure. What can be said before the machine has judged."""
    if seen.get("EndpointStatus") == "RollingBack":
        return "SageMaker is rolling back"
    if aborted:
        return "to be rolled back: a person asked for an abort"
    if bad := sorted(name for name, state in alarms.items() if state == "ALARM"):
        return f"to be rolled back: {', '.join(bad)} in ALARM"
    if gone := sorted(name for name, state in alarms.items() if state == GONE):
        return f"to be rolled back: {', '.join(gone)} is gone"
    if unsure := sorted(name for name, state in alarms.items() if state != "OK"):
        return f"no alarm so far; no data from {', '.join(unsure)}"
    return "no alarm so far" if alarms else "no alarm guards it"


def line(found: Mapping[str, Any]) -> str:
    """One line for people."""
    version = f"v{found['version']}" if found["version"] is not None else "a version"
    parts = [f"{version} by {found['strategy']}", str(found["state"])]
    if moving := found["shift"]:
        if moving["step"]:
            parts.append(f"step {moving['step']} of {moving['steps']}")
        if moving["new_percent"] is not None:
            parts.append(f"{moving['new_percent']} % on the new version")
        if moving["bake_seconds_left"] is not None:
            parts.append(f"bakes {duration(moving['bake_seconds_left'])} more")
        elif moving["phase"]:
            parts.append(str(moving["phase"]))
    return "; ".join([*parts, str(found["verdict"])])


def _alarm_states(target: Target, names: tuple[str, ...]) -> dict[str, str]:
    try:
        page = target.where.client("cloudwatch").describe_alarms(AlarmNames=list(names)) if names else {}
    except Exception as error:
        raise of_aws(error, "alarms") from error
    found = {
        a["AlarmName"]: str(a["StateValue"]) for kind in ("MetricAlarms", "CompositeAlarms") for a in page.get(kind, [])
    }
    return {name: found.get(name, GONE) for name in names}
