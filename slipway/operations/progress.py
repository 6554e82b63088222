"""How far a release under way has come: from the lock, the execution's history and what DescribeEndpoint shows."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any

from slipway.operations import ledger, trials
from slipway.operations.errors import of_aws
from slipway.operations.planning import deployed_spec, endpoint
from slipway.operations.sentence import duration
from slipway.operations.target import Items, Target
from slipway_lambda.contracts.ledger import ABORT_REASON, attempt_key
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.scaling import live_count
from slipway_lambda.contracts.shift import steps_of, whole_instances

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
        "trial": trials.read_trial(target, spec, seen, owner),
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
    count = _whole(spec, variant)
    on_new = min(int(baking[2]), count) if baking else _before_a_bake(spec, variant, str(status.get("Status", "")))
    left = None
    if baking and isinstance(begun := status.get("StartTime"), datetime):
        left = max(0, ceil(int(baking[1]) - (now - begun).total_seconds()))
    return {
        "endpoint_status": seen.get("EndpointStatus", ""),
        "config": pending.get("EndpointConfigName", ""),
        "phase": status.get("Status", ""),
        "message": status.get("StatusMessage", ""),
        **_step(spec, count, on_new, baking=bool(baking)),
        "new_percent": None if on_new is None else round(100 * on_new / count),
        "bake_seconds_left": left,
        "instances": [variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")],
    }


def _whole(spec: ReleaseSpec, variant: Mapping[str, Any]) -> int:
    """Instances that the new fleet will have: as many as it was asked for, which scaling may have changed; a rolling
    one is asked for in batches.
    """
    return int((spec.strategy != "rolling" and variant.get("DesiredInstanceCount")) or spec.instance_count)


def _before_a_bake(spec: ReleaseSpec, variant: Mapping[str, Any], phase: str) -> int | None:
    """Instances that take traffic while the next ones start; a second whole fleet takes none before it is whole."""
    if phase == "Creating":
        return int(variant.get("CurrentInstanceCount") or 0) if spec.strategy == "rolling" else 0
    return None


def _step(spec: ReleaseSpec, count: int, on_new: int | None, *, baking: bool) -> dict[str, int | None]:
    """`step` is the one that bakes, or of a rolling update the batch that starts; 1 of 1 for a strategy without any."""
    percent = {"canary": spec.canary_percent, "linear": spec.step_percent, "rolling": spec.batch_percent}
    size = whole_instances(count, percent[spec.strategy]) if spec.strategy in percent else count
    steps = 2 if spec.strategy == "canary" else steps_of(count, size)
    if on_new is None or not (baking or (spec.strategy == "rolling" and on_new)):
        return {"step": None, "steps": steps}
    begun = steps_of(on_new, size) if baking else steps_of(on_new, size) + 1
    return {"step": steps if on_new >= count else min(begun, steps), "steps": steps}


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
    if trial := found["trial"]:
        parts += trials.words(trial)
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
