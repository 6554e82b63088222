"""Capacity of what can be scaled, read and set as the service-linked role of Application Auto Scaling."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.cfn.calls import CallError, Calls
from rehearsal.runtime import Runtime

_ROLE = "AWSServiceRoleForApplicationAutoScaling_"


@dataclass(frozen=True)
class Reading:
    """What a resource has now, and whether a change of it is still under way."""

    current: int
    changing: bool = False


@dataclass(frozen=True)
class Dimension:
    """How one scalable dimension is read and set. `noun` is what activities call it."""

    linked_role: str
    principal: str
    noun: str
    read: Callable[["Capacity", str], Reading]
    write: Callable[["Capacity", str, int], None]


class Capacity:
    """Raises CallError where the resource does not exist, or refuses the change now."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._calls = runtime, Calls(runtime)

    def read(self, target: Mapping[str, Any]) -> Reading:
        """Present capacity of a target."""
        return DIMENSIONS[target["ScalableDimension"]].read(self, str(target["ResourceId"]))

    def write(self, target: Mapping[str, Any], wanted: int) -> None:
        """Ask for another capacity."""
        DIMENSIONS[target["ScalableDimension"]].write(self, str(target["ResourceId"]), wanted)

    def call(self, service: str, action: str, params: Mapping[str, Any], dimension: str) -> dict[str, Any]:
        """One API call, which the audit shows under the service-linked role: its permissions are the service's."""
        scope, kind = scope_of_request(), DIMENSIONS[dimension]
        who = f"arn:aws:sts::{scope.account}:assumed-role/{_ROLE}{kind.linked_role}/ApplicationAutoScaling"
        named = next((str(value) for key, value in params.items() if key.endswith("Name")), "*")
        self._runtime.audit.record(who, f"{service}:{action}", named, allowed=True)
        return self._calls(service, action, params)


def role_arn(dimension: str, account: str) -> str:
    """ARN of the service-linked role behind a dimension."""
    kind = DIMENSIONS[dimension]
    return (
        f"arn:aws:iam::{account}:role/aws-service-role/{kind.principal}.application-autoscaling.amazonaws.com/"
        f"{_ROLE}{kind.linked_role}"
    )


def _variant(resource: str) -> tuple[str, str]:
    parts = resource.split("/")
    if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant":
        raise CallError("AutoScaling", "ValidationException", f"Unsupported resource type: {resource}", 400)
    return parts[1], parts[3]


def _described(capacity: Capacity, resource: str, dimension: str) -> tuple[dict[str, Any], dict[str, Any]]:
    endpoint, name = _variant(resource)
    found = capacity.call("sagemaker", "DescribeEndpoint", {"EndpointName": endpoint}, dimension)
    for variant in found.get("ProductionVariants") or []:
        if variant["VariantName"] == name:
            return found, variant
    raise CallError("SageMaker", "ValidationException", f"Could not find variant {name} of endpoint {endpoint}", 400)


_INSTANCES, _CONCURRENCY = "sagemaker:variant:DesiredInstanceCount", "sagemaker:variant:DesiredProvisionedConcurrency"
_COPIES = "sagemaker:inference-component:DesiredCopyCount"


def _read_instances(capacity: Capacity, resource: str) -> Reading:
    found, variant = _described(capacity, resource, _INSTANCES)
    return Reading(int(variant.get("DesiredInstanceCount", 0)), found["EndpointStatus"] != "InService")


def _write_instances(capacity: Capacity, resource: str, wanted: int) -> None:
    endpoint, name = _variant(resource)
    change = {"VariantName": name, "DesiredInstanceCount": wanted}
    params = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": [change]}
    capacity.call("sagemaker", "UpdateEndpointWeightsAndCapacities", params, _INSTANCES)


def _read_concurrency(capacity: Capacity, resource: str) -> Reading:
    found, variant = _described(capacity, resource, _CONCURRENCY)
    serverless = variant.get("DesiredServerlessConfig") or variant.get("CurrentServerlessConfig")
    if serverless is None:
        raise CallError("SageMaker", "ValidationException", f"{resource} is not a serverless variant", 400)
    return Reading(int(serverless.get("ProvisionedConcurrency", 0)), found["EndpointStatus"] != "InService")


def _write_concurrency(capacity: Capacity, resource: str, wanted: int) -> None:
    endpoint, name = _variant(resource)
    change = {"VariantName": name, "ServerlessUpdateConfig": {"ProvisionedConcurrency": wanted}}
    params = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": [change]}
    capacity.call("sagemaker", "UpdateEndpointWeightsAndCapacities", params, _CONCURRENCY)


def _read_copies(capacity: Capacity, resource: str) -> Reading:
    name = {"InferenceComponentName": resource.partition("/")[2]}
    found = capacity.call("sagemaker", "DescribeInferenceComponent", name, _COPIES)
    copies = (found.get("RuntimeConfig") or {}).get("DesiredCopyCount", 0)
    return Reading(int(copies), found.get("InferenceComponentStatus") != "InService")


def _write_copies(capacity: Capacity, resource: str, wanted: int) -> None:
    params = {
        "InferenceComponentName": resource.partition("/")[2],
        "DesiredRuntimeConfig": {"CopyCount": wanted},
    }
    capacity.call("sagemaker", "UpdateInferenceComponentRuntimeConfig", params, _COPIES)


def _units(name: str, dimension: str) -> Dimension:
    def read(capacity: Capacity, resource: str) -> Reading:
        table = capacity.call("dynamodb", "DescribeTable", {"TableName": resource.split("/")[1]}, dimension)["Table"]
        units = table.get("ProvisionedThroughput") or {}
        return Reading(int(units.get(name, 0)), table.get("TableStatus") != "ACTIVE")

    def write(capacity: Capacity, resource: str, wanted: int) -> None:
        table = resource.split("/")[1]
        held = capacity.call("dynamodb", "DescribeTable", {"TableName": table}, dimension)["Table"]
        units = held.get("ProvisionedThroughput") or {}
        both = {key: int(units.get(key, 1)) or 1 for key in ("ReadCapacityUnits", "WriteCapacityUnits")}
        params = {"TableName": table, "ProvisionedThroughput": both | {name: wanted}}
        capacity.call("dynamodb", "UpdateTable", params, dimension)

    return Dimension("DynamoDBTable", "dynamodb", name, read, write)


def _alias(resource: str) -> dict[str, str]:
    _, function, qualifier = resource.split(":")
    return {"FunctionName": function, "Qualifier": qualifier}


_LAMBDA = "lambda:function:ProvisionedConcurrency"


def _read_lambda(capacity: Capacity, resource: str) -> Reading:
    try:
        found = capacity.call("lambda", "GetProvisionedConcurrencyConfig", _alias(resource), _LAMBDA)
    except CallError as error:
        if error.code != "ProvisionedConcurrencyConfigNotFoundException":
            raise
        return Reading(0)
    return Reading(int(found.get("RequestedProvisionedConcurrentExecutions", 0)))


def _write_lambda(capacity: Capacity, resource: str, wanted: int) -> None:
    params = {**_alias(resource), "ProvisionedConcurrentExecutions": wanted}
    capacity.call("lambda", "PutProvisionedConcurrencyConfig", params, _LAMBDA)


DIMENSIONS: dict[str, Dimension] = {
    _INSTANCES: Dimension(
        "SageMakerEndpoint", "sagemaker", "desired instance count", _read_instances, _write_instances
    ),
    _CONCURRENCY: Dimension(
        "SageMakerEndpoint", "sagemaker", "desired provisioned concurrency", _read_concurrency, _write_concurrency
    ),
    _COPIES: Dimension("SageMakerEndpoint", "sagemaker", "desired copy count", _read_copies, _write_copies),
    "dynamodb:table:ReadCapacityUnits": _units("ReadCapacityUnits", "dynamodb:table:ReadCapacityUnits"),
    "dynamodb:table:WriteCapacityUnits": _units("WriteCapacityUnits", "dynamodb:table:WriteCapacityUnits"),
    _LAMBDA: Dimension("LambdaConcurrency", "lambda", "provisioned concurrency", _read_lambda, _write_lambda),
}
