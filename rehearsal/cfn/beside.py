"""What CloudFormation does for a SageMaker type beside the one call that makes, changes or deletes it, and where a
template may leave out what the API wants."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.cfn.kinds import Call, Properties

_STOP_SECONDS, _POLL_SECONDS = 600.0, 0.05
_OVER, _MOVING = ("Completed", "Cancelled"), ("Starting", "Updating", "Stopping")


def group_policy(call: Call, old: Properties, new: Properties, name: str) -> None:
    """A model package group's policy is an API of its own."""
    before, policy = old.get("ModelPackageGroupPolicy"), new.get("ModelPackageGroupPolicy")
    if policy and policy != before:
        text = policy if isinstance(policy, str) else json.dumps(policy)
        call("PutModelPackageGroupPolicy", {"ModelPackageGroupName": name, "ResourcePolicy": text})
    elif before and not policy:
        call("DeleteModelPackageGroupPolicy", {"ModelPackageGroupName": name})


def experiment_state(call: Call, old: Properties, new: Properties, name: str) -> None:
    """`DesiredState` starts an experiment before its time, or ends it."""
    wanted = new.get("DesiredState")
    if wanted == old.get("DesiredState"):
        return
    status = call("DescribeInferenceExperiment", {"Name": name})["Status"]
    if wanted == "Running" and status in ("Creating", "Created"):
        call("StartInferenceExperiment", {"Name": name})
    elif wanted in _OVER and status not in _OVER:
        _stop(call, name, new, wanted)


def end_experiment(call: Call, name: str, properties: Properties) -> None:
    """The service deletes no experiment that runs: its shadow variant is removed first."""
    if call("DescribeInferenceExperiment", {"Name": name})["Status"] not in (*_OVER, "Created"):
        _stop(call, name, properties, "Completed")


def _stop(call: Call, name: str, properties: Properties, wanted: str) -> None:
    mode = properties["ShadowModeConfig"]
    actions = {one["ShadowModelVariantName"]: "Remove" for one in mode["ShadowModelVariants"]}
    actions[mode["SourceModelVariantName"]] = "Retain"
    reason = {"Reason": properties["StatusReason"]} if properties.get("StatusReason") else {}
    _until(call, name, lambda status: status not in _MOVING)
    params = {"Name": name, "ModelVariantActions": actions, "DesiredState": wanted, **reason}
    call("StopInferenceExperiment", params)
    _until(call, name, lambda status: status in _OVER)


def _until(call: Call, name: str, reached: Callable[[str], bool]) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while not reached(status := str(call("DescribeInferenceExperiment", {"Name": name})["Status"])):
        if time.monotonic() > deadline:
            raise ValueError(f"Inference experiment {name} is still {status} after {_STOP_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)


def endpoint(properties: Properties) -> dict[str, Any]:
    """A template may name no alarm, and no interval between the steps of a shift; the API wants one of each or none."""
    config = dict(properties.get("DeploymentConfig") or {})
    if not config:
        return dict(properties)
    if not (config.get("AutoRollbackConfiguration") or {}).get("Alarms"):
        config.pop("AutoRollbackConfiguration", None)
    policy = config.get("BlueGreenUpdatePolicy")
    if isinstance(policy, Mapping) and isinstance(policy.get("TrafficRoutingConfiguration"), Mapping):
        routing = {"WaitIntervalInSeconds": 0, **policy["TrafficRoutingConfiguration"]}
        config["BlueGreenUpdatePolicy"] = {**policy, "TrafficRoutingConfiguration": routing}
    return {**properties, "DeploymentConfig": config}


def component_change(old: Properties, new: Properties) -> dict[str, Any]:
    """An update of a component names only what changes: an unchanged specification would be rolled out again."""
    changed = {key: value for key, value in new.items() if old.get(key) != value and key != "DeploymentConfig"}
    rollout = new.get("DeploymentConfig")
    return {**changed, **({"DeploymentConfig": rollout} if rollout and "Specification" in changed else {})}


def component_reached(found: Properties, wanted: Properties) -> bool:
    """Whether what runs is what the template asks for: an update that fails goes back to what ran before."""
    shown = dict(found.get("Specification") or {})
    if "Container" in shown:
        container = dict(shown["Container"])
        shown["Container"] = {"Image": container.get("DeployedImage", {}).get("SpecifiedImage"), **container}
    return _has(shown, wanted.get("Specification") or {})


def _has(shown: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return all(_has((shown or {}).get(key), value) for key, value in wanted.items())
    if isinstance(shown, int | float) and not isinstance(shown, bool):
        return float(wanted) == float(shown)  # a template's numbers may be text
    return bool(shown == wanted)
