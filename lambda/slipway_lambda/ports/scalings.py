"""Application Auto Scaling, as stages see it: the scalable target of one variant and its target tracking policies."""

from collections.abc import Mapping
from typing import Any, Protocol

from slipway_lambda.contracts.scaling import DIMENSION, NAMESPACE
from slipway_lambda.ports.clients import client


class Scalings(Protocol):
    """`resource`: as `contracts.scaling.resource_id` names it."""

    def limits(self, resource: str) -> tuple[int, int] | None:
        """Least and most instances of the scalable target; None where there is none."""

    def policies(self, resource: str) -> dict[str, Mapping[str, Any]]:
        """Target tracking configurations by policy name."""

    def register(self, resource: str, least: int, most: int) -> None:
        """Register the scalable target, or give it other limits."""

    def put_policy(self, resource: str, name: str, configuration: Mapping[str, Any]) -> None:
        """Make a target tracking policy, or change it."""

    def delete_policy(self, resource: str, name: str) -> None:
        """Delete a policy."""

    def deregister(self, resource: str) -> None:
        """Deregister the target with its policies; nothing there is no error."""

    def set_instances(self, endpoint: str, variant: str, count: int) -> None:
        """Ask for another number of instances, in place."""


class ApplicationAutoScaling:
    """The real one."""

    def limits(self, resource: str) -> tuple[int, int] | None:
        answer = client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace=NAMESPACE, ResourceIds=[resource], ScalableDimension=DIMENSION
        )
        found = answer["ScalableTargets"]
        return (int(found[0]["MinCapacity"]), int(found[0]["MaxCapacity"])) if found else None

    def policies(self, resource: str) -> dict[str, Mapping[str, Any]]:
        pages = (
            client("application-autoscaling")
            .get_paginator("describe_scaling_policies")
            .paginate(ServiceNamespace=NAMESPACE, ResourceId=resource, ScalableDimension=DIMENSION)
        )
        return {
            p["PolicyName"]: p.get("TargetTrackingScalingPolicyConfiguration", {})
            for page in pages
            for p in page["ScalingPolicies"]
        }

    def register(self, resource: str, least: int, most: int) -> None:
        client("application-autoscaling").register_scalable_target(
            **_target(resource), MinCapacity=least, MaxCapacity=most
        )

    def put_policy(self, resource: str, name: str, configuration: Mapping[str, Any]) -> None:
        client("application-autoscaling").put_scaling_policy(
            **_target(resource),
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=dict(configuration),
        )

    def delete_policy(self, resource: str, name: str) -> None:
        client("application-autoscaling").delete_scaling_policy(**_target(resource), PolicyName=name)

    def deregister(self, resource: str) -> None:
        scaling = client("application-autoscaling")
        try:
            scaling.deregister_scalable_target(**_target(resource))
        except scaling.exceptions.ObjectNotFoundException:
            return

    def set_instances(self, endpoint: str, variant: str, count: int) -> None:
        client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": variant, "DesiredInstanceCount": count}],
        )


def _target(resource: str) -> dict[str, str]:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource, "ScalableDimension": DIMENSION}
