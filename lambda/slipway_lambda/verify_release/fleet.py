"""What a live endpoint runs on. Pure."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec


def served_by(spec: ReleaseSpec, endpoint: Mapping[str, Any]) -> str:
    """Instances by type, such as `1 × ml.m5.large, 1 × ml.m5.xlarge`; empty where nothing serves."""
    return ", ".join(f"{count} × {kind}" for kind, count in _instances(spec, endpoint).items())


def fell_back(spec: ReleaseSpec, endpoint: Mapping[str, Any]) -> str:
    """A sentence where other instances serve than those of the first choice; else empty."""
    others = {kind: count for kind, count in _instances(spec, endpoint).items() if kind != spec.instance_type}
    if not others:
        return ""
    what = ", ".join(f"{count} × {kind}" for kind, count in others.items())
    return f"For want of capacity of {spec.instance_type} it runs on {what}."


def _instances(spec: ReleaseSpec, endpoint: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for variant in endpoint.get("ProductionVariants", []):
        one = {"InstanceType": spec.instance_type, "CurrentInstanceCount": variant.get("CurrentInstanceCount", 0)}
        for pool in variant.get("InstancePools", [one]):
            found[pool["InstanceType"]] = found.get(pool["InstanceType"], 0) + pool["CurrentInstanceCount"]
    return {kind: count for kind, count in found.items() if count}
