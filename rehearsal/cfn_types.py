"""CloudFormation resource types that the emulator lacks. A type in neither place is refused before anything is made."""

import json
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.runtime import Runtime

_KINDS = ("Model", "EndpointConfig", "Endpoint", "ModelPackageGroup", "MonitoringSchedule", "DataQualityJobDefinition")
_NAMED = {"DataQualityJobDefinition": "JobDefinitionName"}
_WAIT_SECONDS = 900.0
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: text.lower() == "true",
}


def handlers(original: dict[str, Any], runtime: Runtime) -> dict[str, Any]:
    """Add our types to the engine's table."""
    for kind in _KINDS:
        original[f"AWS::SageMaker::{kind}"] = _Resource(kind, runtime).handlers()
    original["AWS::CloudWatch::CompositeAlarm"] = {
        "create": _composite_create,
        "update": _composite_update,
        "update_with_logical_id": True,
        "delete": _composite_delete,
    }
    return original


class _Resource:
    """One SageMaker type, made by the same API calls as the real handler makes. Ref is the ARN."""

    def __init__(self, kind: str, runtime: Runtime) -> None:
        self._kind, self._runtime = kind, runtime
        self._name = _NAMED.get(kind, f"{kind}Name")

    def handlers(self) -> dict[str, Any]:
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        from ministack.services.cloudformation import provisioners

        name = properties.get(self._name) or provisioners._physical_name(stack, logical_id, max_len=63)
        created = self._call(f"Create{self._kind}", {**properties, self._name: name})
        if self._kind == "ModelPackageGroup" and properties.get("ModelPackageGroupPolicy"):
            self._policy(name, properties["ModelPackageGroupPolicy"])
        if self._kind == "Endpoint":
            self._settle(name)
        arn = str(next(value for key, value in created.items() if key.endswith("Arn")))
        return arn, self._attributes(name, arn)

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str = ""
    ) -> tuple[str, dict[str, Any]]:
        name = physical_id.rsplit("/", 1)[-1]
        if self._kind == "Endpoint" and new.get(self._name) == old.get(self._name):
            self._call("UpdateEndpoint", {**new, self._name: name})
            self._settle(name)
            return physical_id, self._attributes(name, physical_id)
        if self._kind == "ModelPackageGroup" and new.get(self._name) == old.get(self._name):
            if new.get("ModelPackageGroupPolicy"):
                self._policy(name, new["ModelPackageGroupPolicy"])
            return physical_id, self._attributes(name, physical_id)
        if self._kind == "MonitoringSchedule" and new.get(self._name) == old.get(self._name):
            self._call("UpdateMonitoringSchedule", {**new, self._name: name})
            return physical_id, self._attributes(name, physical_id)
        if new.get(self._name) and new.get(self._name) == old.get(self._name):
            raise ValueError(f"{name} already exists: a change that replaces the resource needs another {self._name}")
        fresh = self.create(f"{logical_id}{int(time.time() * 1000):x}", new, stack)
        self.delete(physical_id, old)
        return fresh

    def delete(self, physical_id: str, _: Mapping[str, Any]) -> None:
        name = physical_id.rsplit("/", 1)[-1]
        try:
            self._call(f"Delete{self._kind}", {self._name: name})
        except ValueError as error:
            if not any(words in str(error) for words in ("Could not find", "does not exist", "ResourceNotFound")):
                raise

    def _attributes(self, name: str, arn: str) -> dict[str, Any]:
        return {self._name: name, "Arn": arn, f"{self._kind}Arn": arn, "JobDefinitionArn": arn, "Id": arn}

    def _policy(self, name: str, policy: Any) -> None:
        text = policy if isinstance(policy, str) else json.dumps(policy)
        self._call("PutModelPackageGroupPolicy", {"ModelPackageGroupName": name, "ResourcePolicy": text})

    def _settle(self, name: str) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            endpoint = self._call("DescribeEndpoint", {"EndpointName": name})
            if endpoint["EndpointStatus"] == "InService":
                return
            if endpoint["EndpointStatus"] not in ("Creating", "Updating", "SystemUpdating", "RollingBack"):
                raise ValueError(f"Endpoint {name}: {endpoint.get('FailureReason') or endpoint['EndpointStatus']}")
            time.sleep(0.2)
        raise ValueError(f"Endpoint {name} did not settle within {_WAIT_SECONDS:g} s")

    def _call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        from rehearsal.sagemaker import ServiceError

        scope = scope_of_request()
        shaped = coerce(params, _input_shape(action))
        principal = f"arn:aws:iam::{scope.account}:root"
        try:
            result: dict[str, Any] = self._runtime.sagemaker.handle(action, shaped, scope, principal)
        except ServiceError as error:
            raise ValueError(
                f"{error.message} (Service: SageMaker, Status Code: {error.status}, {error.code})"
            ) from None
        return result


@lru_cache(maxsize=64)
def _input_shape(action: str) -> Any:
    from botocore.session import get_session

    model: Any = get_session().get_service_model("sagemaker")
    return model.operation_model(action).input_shape


def coerce(value: Any, shape: Any) -> Any:
    """CloudFormation passes numbers and booleans as text too; members the API lacks are the resource's own."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {key: coerce(item, shape.members[key]) for key, item in value.items() if key in shape.members}
    if kind == "list" and isinstance(value, list):
        return [coerce(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, Mapping):
        return {key: coerce(item, shape.value) for key, item in value.items()}
    if isinstance(value, str):
        return _FROM_TEXT.get(kind, str)(value)
    return str(value) if kind == "string" and isinstance(value, int | float) else value


def _composite_create(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    from ministack.services.cloudformation import provisioners

    name = str(properties.get("AlarmName") or provisioners._physical_name(stack, logical_id, max_len=255))
    return _composite_put(name, properties)


def _composite_put(name: str, properties: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    from ministack.services import cloudwatch

    enabled = properties.get("ActionsEnabled", True)
    params = {**properties, "AlarmName": name, "ActionsEnabled": str(enabled).lower() != "false"}
    status, _, body = cloudwatch._put_composite_alarm({}, params, False, True)
    if status >= 400:
        raise ValueError(body.decode() if isinstance(body, bytes) else str(body))
    scope = scope_of_request()
    return name, {"Arn": f"arn:aws:cloudwatch:{scope.region}:{scope.account}:alarm:{name}"}


def _composite_update(
    physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str = ""
) -> tuple[str, dict[str, Any]]:
    if new.get("AlarmName", physical_id) == physical_id or new.get("AlarmName") == old.get("AlarmName"):
        return _composite_put(physical_id, new)
    fresh = _composite_create(logical_id, new, stack)
    _composite_delete(physical_id, old)
    return fresh


def _composite_delete(physical_id: str, _: Mapping[str, Any]) -> None:
    from ministack.services import cloudwatch

    cloudwatch._composite_alarms.pop(physical_id, None)
