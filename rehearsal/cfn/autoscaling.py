"""`AWS::ApplicationAutoScaling::ScalableTarget` and `::ScalingPolicy`."""

from typing import Any

from rehearsal.cfn.calls import CallError, Calls
from rehearsal.cfn.kinds import Properties
from rehearsal.cfn.resource import Made

_SERVICE = "application-autoscaling"
_IDENTITY = ("ResourceId", "ScalableDimension", "ServiceNamespace")
_TARGET = frozenset({*_IDENTITY, "MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState", "ScheduledActions", "Tags"})


class ScalableTarget:
    """Ref and Id are `<resource>|<dimension>|<namespace>`; another identity is another target."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def handlers(self) -> dict[str, Any]:
        """The engine's entry for the type."""
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, _logical_id: str, properties: Properties, _stack: str) -> Made:
        """Register it and its scheduled actions."""
        for name in properties:
            if name not in _TARGET:
                raise ValueError(f"Encountered unsupported property {name}")
        params = {key: value for key, value in properties.items() if key not in ("ScheduledActions", "Tags")}
        params["Tags"] = {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags") or []}
        self._calls(_SERVICE, "RegisterScalableTarget", params)
        for action in properties.get("ScheduledActions") or []:
            self._calls(_SERVICE, "PutScheduledAction", {**_identity(properties), **action})
        identity = "|".join(str(properties[name]) for name in _IDENTITY)
        return identity, {"Id": identity}

    def update(self, _id: str, old: Properties, new: Properties, stack: str, logical_id: str = "") -> Made:
        """Registering again changes the bounds; scheduled actions that the template drops are removed."""
        made = self.create(logical_id, new, stack)
        if _identity(old) == _identity(new):
            kept = {action["ScheduledActionName"] for action in new.get("ScheduledActions") or []}
            for action in old.get("ScheduledActions") or []:
                if action["ScheduledActionName"] not in kept:
                    name = {"ScheduledActionName": action["ScheduledActionName"]}
                    self._calls(_SERVICE, "DeleteScheduledAction", {**_identity(new), **name})
        return made

    def delete(self, physical_id: str, _: Properties) -> None:
        """One that is gone is no fault."""
        try:
            self._calls(_SERVICE, "DeregisterScalableTarget", _of(physical_id))
        except CallError as error:
            if not error.missing:
                raise


class ScalingPolicy:
    """Ref and Arn are the policy's ARN. The target is named by its identity or by `ScalingTargetId`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def handlers(self) -> dict[str, Any]:
        """The engine's entry for the type."""
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, _logical_id: str, properties: Properties, _stack: str) -> Made:
        """Put it; target tracking makes its alarms."""
        params = {**properties, **_target(properties)}
        params.pop("ScalingTargetId", None)
        answer = self._calls(_SERVICE, "PutScalingPolicy", params)
        return str(answer["PolicyARN"]), {"Arn": answer["PolicyARN"], "Id": answer["PolicyARN"]}

    def update(self, _id: str, _old: Properties, new: Properties, stack: str, logical_id: str = "") -> Made:
        """The same name and target is the same policy, under the same ARN."""
        return self.create(logical_id, new, stack)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """One that is gone, or whose target is, is no fault."""
        params = {**_target(properties), "PolicyName": physical_id.rpartition(":policyName/")[2]}
        try:
            self._calls(_SERVICE, "DeleteScalingPolicy", params)
        except CallError as error:
            if not error.missing:
                raise


def _identity(properties: Properties) -> dict[str, str]:
    return {name: str(properties[name]) for name in _IDENTITY}


def _of(identity: str) -> dict[str, str]:
    parts = identity.split("|")
    if len(parts) != len(_IDENTITY):
        raise ValueError(f"{identity} does not identify a scalable target: <resource>|<dimension>|<namespace>")
    return dict(zip(_IDENTITY, parts, strict=True))


def _target(properties: Properties) -> dict[str, str]:
    if properties.get("ScalingTargetId"):
        return _of(str(properties["ScalingTargetId"]))
    if not all(properties.get(name) for name in _IDENTITY):
        raise ValueError("A scaling policy names its target by ScalingTargetId or by " + ", ".join(_IDENTITY))
    return _identity(properties)
