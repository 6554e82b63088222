"""How an endpoint's variant scales, and what Application Auto Scaling is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True)
class Scaling:
    """As declared. None: not aimed at."""

    min_instances: int
    max_instances: int
    scale_out_cooldown_seconds: int
    scale_in_cooldown_seconds: int
    invocations_per_instance: float | None = None
    """In a minute."""
    concurrent_requests_per_model: float | None = None


def resource_id(endpoint: str, variant: str) -> str:
    """Of the scalable target."""
    return f"endpoint/{endpoint}/variant/{variant}"


def policy_prefix(endpoint: str) -> str:
    """What the names of our policies begin with; others are somebody else's."""
    return f"slipway-{endpoint}-"


def policies(scaling: Scaling, endpoint: str) -> dict[str, dict[str, Any]]:
    """Target tracking configurations by policy name."""
    prefix = policy_prefix(endpoint)
    aims = {
        f"{prefix}invocations": ("SageMakerVariantInvocationsPerInstance", scaling.invocations_per_instance),
        f"{prefix}concurrency": (
            "SageMakerVariantConcurrentRequestsPerModelHighResolution",
            scaling.concurrent_requests_per_model,
        ),
    }
    return {
        name: {
            "TargetValue": float(target),
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            "ScaleOutCooldown": scaling.scale_out_cooldown_seconds,
            "ScaleInCooldown": scaling.scale_in_cooldown_seconds,
        }
        for name, (metric, target) in aims.items()
        if target is not None
    }


RETAINED: dict[str, Any] = {
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ],
}
"""Members of an UpdateEndpoint that keeps as many instances as are live, and takes the rest from the new config."""


def live_count(endpoint: Mapping[str, Any], variant: str) -> int:
    """Instances asked for of the variant, as DescribeEndpoint tells; 0 where there is none."""
    found = [v for v in endpoint.get("ProductionVariants", []) if v.get("VariantName", variant) == variant]
    return int(found[0].get("DesiredInstanceCount", 0)) if found else 0
