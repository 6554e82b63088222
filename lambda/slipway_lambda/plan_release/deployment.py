"""How traffic shifts: UpdateEndpoint's DeploymentConfig for a release and for its way back."""

from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.scaling import RETAINED
from slipway_lambda.contracts.shift import steps_of, whole_instances


def deployment_config(spec: ReleaseSpec) -> dict[str, Any]:
    """The guardrails of a release: its steps in whole instances, and the alarms that send it back."""
    alarms = {"Alarms": [{"AlarmName": name} for name in spec.alarm_names]}
    if spec.strategy == "rolling":
        policy = {
            "MaximumBatchSize": _instances(spec, spec.batch_percent),
            "WaitIntervalInSeconds": spec.bake_seconds,
            "MaximumExecutionTimeoutInSeconds": spec.timeout_seconds,
            "RollbackMaximumBatchSize": _instances(spec, spec.rollback_batch_percent),
        }
        return {"RollingUpdatePolicy": policy, "AutoRollbackConfiguration": alarms}
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": _routing(spec),
            "TerminationWaitInSeconds": spec.termination_wait_seconds,
            "MaximumExecutionTimeoutInSeconds": spec.timeout_seconds,
        },
        "AutoRollbackConfiguration": alarms,
    }


def recovery_config(spec: ReleaseSpec) -> dict[str, Any]:
    """Members of the UpdateEndpoint that brings the last good version back: as fast as can be, no waits, no alarms.

    Nothing where a second fleet is to be had. A rolling release has none, so it goes back in batches too. A fleet that
    scales goes back as large as it is (A24).
    """
    kept = RETAINED if spec.scaling else {}
    if spec.strategy != "rolling":
        return dict(kept)
    policy = {
        "MaximumBatchSize": _instances(spec, min(50, spec.rollback_batch_percent)),
        "WaitIntervalInSeconds": 0,
        "MaximumExecutionTimeoutInSeconds": spec.timeout_seconds,
    }
    return {**kept, "DeploymentConfig": {"RollingUpdatePolicy": policy}}


def strategy_words(spec: ReleaseSpec, *, first: bool) -> str:
    """For people."""
    if first:
        return "first creation, nothing to shift from"
    count, end = spec.instance_count, f"then {spec.termination_wait_seconds} s with all traffic"
    if spec.strategy == "canary":
        size = whole_instances(count, spec.canary_percent)
        return f"canary of {size} of {count} instances for {spec.bake_seconds} s, {end}"
    if spec.strategy == "linear":
        size = whole_instances(count, spec.step_percent)
        steps = f"{steps_of(count, size)} steps of {size} of {count} instances"
        return f"linear in {steps}, {spec.bake_seconds} s apart, {end}"
    if spec.strategy == "rolling":
        size, back = (whole_instances(count, p) for p in (spec.batch_percent, spec.rollback_batch_percent))
        return (
            f"rolling in {steps_of(count, size)} batches of {size} of {count} instances, {spec.bake_seconds} s each,"
            f" never more than {count + size} instances, {count + size + back} on the way back"
        )
    return f"all at once, then {spec.termination_wait_seconds} s with the old fleet in reserve"


def _routing(spec: ReleaseSpec) -> dict[str, Any]:
    if spec.strategy == "canary":
        size = {"CanarySize": _instances(spec, spec.canary_percent)}
    elif spec.strategy == "linear":
        size = {"LinearStepSize": _instances(spec, spec.step_percent)}
    else:
        return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    return {"Type": spec.strategy.upper(), "WaitIntervalInSeconds": spec.bake_seconds, **size}


def _instances(spec: ReleaseSpec, percent: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": whole_instances(spec.instance_count, percent)}
