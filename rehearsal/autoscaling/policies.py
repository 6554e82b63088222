"""Scaling policies: what may be put, the alarms of target tracking, and the capacity a policy asks for."""

import itertools
import math
import uuid
from collections.abc import Mapping
from typing import Any

from rehearsal.autoscaling.store import Record
from rehearsal.host import Scope
from rehearsal.sagemaker.errors import ServiceError, invalid

# Periods that a metric must be over or under the target, as the service sets its alarms.
_HIGH_PERIODS, _LOW_PERIODS = 3, 15
_LOW_SHARE = 0.9  # scale-in begins below 90 % of the target
COOLDOWN_SECONDS = {"sagemaker": 300, "lambda": 0, "dynamodb": 0}
_PREDEFINED: dict[str, dict[str, Any]] = {
    "SageMakerVariantInvocationsPerInstance": {
        "Namespace": "AWS/SageMaker", "MetricName": "InvocationsPerInstance", "Statistic": "Sum",
    },
    "SageMakerVariantProvisionedConcurrencyUtilization": {
        "Namespace": "AWS/SageMaker", "MetricName": "ServerlessProvisionedConcurrencyUtilization",
        "Statistic": "Maximum",
    },
    "SageMakerInferenceComponentInvocationsPerCopy": {
        "Namespace": "AWS/SageMaker", "MetricName": "InvocationsPerCopy", "Statistic": "Sum",
    },
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": {
        "Namespace": "AWS/SageMaker", "MetricName": "ConcurrentRequestsPerModel", "Statistic": "Maximum", "Period": 10,
    },
    "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution": {
        "Namespace": "AWS/SageMaker", "MetricName": "ConcurrentRequestsPerCopy", "Statistic": "Maximum", "Period": 10,
    },
    "DynamoDBReadCapacityUtilization": {
        "Namespace": "AWS/DynamoDB", "MetricName": "ConsumedReadCapacityUnits", "Statistic": "Sum",
    },
    "DynamoDBWriteCapacityUtilization": {
        "Namespace": "AWS/DynamoDB", "MetricName": "ConsumedWriteCapacityUnits", "Statistic": "Sum",
    },
    "LambdaProvisionedConcurrencyUtilization": {
        "Namespace": "AWS/Lambda", "MetricName": "ProvisionedConcurrencyUtilization", "Statistic": "Maximum",
    },
}  # fmt: skip


def policy_arn(params: Mapping[str, Any], scope: Scope, identity: str) -> str:
    """A policy's ARN, which alarms name as their action."""
    return (
        f"arn:aws:autoscaling:{scope.region}:{scope.account}:scalingPolicy:{identity}:resource/"
        f"{params['ServiceNamespace']}/{params['ResourceId']}:policyName/{params['PolicyName']}"
    )


def refuse_wrong(params: Mapping[str, Any]) -> None:
    """Raise ServiceError for a policy that the service would not take, or that is not emulated."""
    kind = params.get("PolicyType", "StepScaling")
    if kind == "PredictiveScaling":
        raise invalid("The embedded cloud does not run predictive scaling. Leave it out of the rehearsal.")
    member = f"{kind}PolicyConfiguration"
    if not params.get(member):
        raise invalid(f"{member} is required for the policy type {kind}")
    if kind == "TargetTrackingScaling":
        _refuse_tracking(params[member], str(params["ServiceNamespace"]))
    else:
        _refuse_steps(params[member])


def _refuse_tracking(configuration: Mapping[str, Any], namespace: str) -> None:
    predefined, customized = (configuration.get(f"{name}MetricSpecification") for name in ("Predefined", "Customized"))
    if bool(predefined) == bool(customized):
        raise invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification is required")
    given: Mapping[str, Any] = customized or {}
    if configuration["TargetValue"] <= 0:
        raise invalid("TargetValue must be greater than 0")
    if predefined:
        kind = predefined["PredefinedMetricType"]
        if kind not in _PREDEFINED or not kind.lower().startswith(namespace):
            raise invalid(f"Predefined metric type {kind} is not supported for the service namespace {namespace}")
    elif given.get("Metrics"):
        if sum(bool(query.get("ReturnData", True)) for query in given["Metrics"]) != 1:
            raise invalid("Exactly one of the metrics must return data")
    elif not all(given.get(name) for name in ("MetricName", "Namespace", "Statistic")):
        raise invalid("MetricName, Namespace and Statistic are required in CustomizedMetricSpecification")


def _refuse_steps(configuration: Mapping[str, Any]) -> None:
    steps = configuration.get("StepAdjustments") or []
    if not configuration.get("AdjustmentType") or not steps:
        raise invalid("AdjustmentType and StepAdjustments are required in StepScalingPolicyConfiguration")
    bounds = sorted(
        (
            step.get("MetricIntervalLowerBound", -math.inf),
            step.get("MetricIntervalUpperBound", math.inf),
        )
        for step in steps
    )
    for low, high in bounds:
        if low >= high:
            raise invalid("The upper bound of a step adjustment must be greater than its lower bound")
    for (_, high), (low, _) in itertools.pairwise(bounds):
        if high != low:
            raise invalid("Step adjustments must not overlap, and there must be no gap between them")
    if len(bounds) == 1 and bounds[0] == (-math.inf, math.inf):
        raise invalid("At least one step adjustment must have a bound")


def dimensions_of(resource: str) -> list[dict[str, str]]:
    """Metric dimensions of a resource by its id."""
    parts = resource.split("/")
    if parts[0] == "endpoint":
        return [{"Name": "EndpointName", "Value": parts[1]}, {"Name": "VariantName", "Value": parts[3]}]
    if parts[0] == "inference-component":
        return [{"Name": "InferenceComponentName", "Value": parts[1]}]
    if parts[0] == "table":
        return [{"Name": "TableName", "Value": parts[1]}]
    function = resource.split(":")
    return [
        {"Name": "FunctionName", "Value": function[1]},
        {"Name": "Resource", "Value": ":".join(function[1:])},
    ]


def alarms_of(policy: Record, provisioned: int) -> list[dict[str, Any]]:
    """PutMetricAlarm's parameters of a target tracking policy: over the target, and well under it.

    `provisioned` is the present capacity, by which a utilisation of DynamoDB is reckoned.
    """
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = _metric(policy, configuration)
    period = int(metric.get("Period", 60))
    target = float(configuration["TargetValue"])
    if str(policy["ServiceNamespace"]) == "dynamodb":
        target = target / 100 * provisioned * period  # the alarm watches consumed units
    common = {
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy['PolicyARN']}.",
        "AlarmActions": [policy["PolicyARN"]],
        **metric,
    }
    prefix = f"TargetTracking-{policy['ResourceId']}"
    high = {
        **common,
        "AlarmName": f"{prefix}-AlarmHigh-{uuid.uuid4()}",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": target,
        "EvaluationPeriods": _HIGH_PERIODS,
    }
    low = {
        **common,
        "AlarmName": f"{prefix}-AlarmLow-{uuid.uuid4()}",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": target * _LOW_SHARE,
        "EvaluationPeriods": _LOW_PERIODS * 60 // period,
    }
    return [high] if configuration.get("DisableScaleIn") else [high, low]


def _metric(policy: Record, configuration: Mapping[str, Any]) -> dict[str, Any]:
    predefined = configuration.get("PredefinedMetricSpecification")
    if predefined:
        found = {"Period": 60, **_PREDEFINED[predefined["PredefinedMetricType"]]}
        return found | {"Dimensions": dimensions_of(str(policy["ResourceId"]))}
    given = configuration["CustomizedMetricSpecification"]
    if given.get("Metrics"):
        return {"Metrics": [_with_period(query) for query in given["Metrics"]]}
    found = {name: given[name] for name in ("MetricName", "Namespace", "Statistic", "Unit") if given.get(name)}
    return {"Period": 60, **found, "Dimensions": given.get("Dimensions") or []}


def _with_period(query: Mapping[str, Any]) -> dict[str, Any]:
    return {**query, "MetricStat": {"Period": 60, **query["MetricStat"]}} if query.get("MetricStat") else dict(query)


def tracked(current: int, value: float, target: float) -> int:
    """Capacity that brings a metric, which is shared out over the capacity, back to the target."""
    return math.ceil(current * value / target - 1e-9)


def stepped(configuration: Mapping[str, Any], current: int, beyond: float) -> int | None:
    """Capacity after the step for a metric that is `beyond` the alarm's threshold; None if no step is for it."""
    for step in configuration["StepAdjustments"]:
        low = step.get("MetricIntervalLowerBound", -math.inf)
        high = step.get("MetricIntervalUpperBound", math.inf)
        inside = low <= beyond < high if beyond >= 0 else low < beyond <= high
        if inside:
            return adjusted(configuration, current, int(step["ScalingAdjustment"]))
    return None


def adjusted(configuration: Mapping[str, Any], current: int, adjustment: int) -> int:
    """Capacity after one adjustment, by the documented rounding of percentages."""
    kind = configuration["AdjustmentType"]
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return current + adjustment
    change = current * adjustment / 100
    whole = math.trunc(change) if abs(change) >= 1 else (change > 0) - (change < 0)
    least = int(configuration.get("MinAdjustmentMagnitude") or 0)
    if whole and abs(whole) < least:
        whole = least if whole > 0 else -least
    return current + whole


def cooldown_seconds(policy: Record, *, out: bool) -> float:
    """How long a policy rests after it has scaled."""
    default = COOLDOWN_SECONDS.get(str(policy["ServiceNamespace"]), 300)
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
    if tracking:
        return float(tracking.get("ScaleOutCooldown" if out else "ScaleInCooldown", default))
    return float(policy["StepScalingPolicyConfiguration"].get("Cooldown", default))


def not_found(what: str, params: Mapping[str, Any], more: str = "") -> ServiceError:
    """The service's words for a target, policy or action that is not there."""
    return ServiceError(
        "ObjectNotFoundException",
        f"No {what} for service namespace: {params['ServiceNamespace']}, resource ID: {params['ResourceId']}, "
        f"scalable dimension: {params['ScalableDimension']}{more}",
    )
