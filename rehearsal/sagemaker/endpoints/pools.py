"""Instance pools: which type the next instance of a variant gets, and what is not to be had (fault A09)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.sagemaker.faults import Fault, Faults, declare

DIFFERENCES = (
    "Instance pools: two pools of one priority are refused, a quota is checked for the first type alone, and no metric"
    " has the dimension InstanceType; what the service does of the first two is not documented. A type is to be had or"
    " not (fault A09) at once: VariantInstanceProvisionTimeoutInSeconds is not waited for.",
)
NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a"
    " different ML instance type or after some time."
)

declare("A09", "endpoint", "instance_type", "available")


def kinds(variant: Mapping[str, Any]) -> tuple[str, ...]:
    """Instance types of a variant, the first choice first; none where it is serverless."""
    if pools := variant.get("InstancePools"):
        return tuple(one["InstanceType"] for one in sorted(pools, key=lambda one: one["Priority"]))
    return (variant["InstanceType"],) if "InstanceType" in variant else ()


def summary(variant: Mapping[str, Any], running: Counter[str]) -> list[dict[str, Any]] | None:
    """DescribeEndpoint's InstancePools; None for a variant without."""
    if "InstancePools" not in variant:
        return None
    return [{"InstanceType": kind, "CurrentInstanceCount": running[kind]} for kind in kinds(variant)]


def taken(faults: Faults, endpoint: str) -> Fault | None:
    """A09 without an instance type: the deployment gives way mid-shift, whatever it runs on."""
    return faults.take("A09", endpoint=endpoint, instance_type="")


class Capacity:
    """How many a fleet can have of each of its types: any number, or what an armed A09 leaves (`available`, or 0)."""

    def __init__(self, faults: Faults, endpoint: str, variant: Mapping[str, Any]) -> None:
        self._kinds = kinds(variant)
        self._left: dict[str, int] = {}
        for kind in self._kinds:
            if fault := faults.take_if("A09", lambda where, kind=kind: _names(where, endpoint, kind)):  # type: ignore[misc]
                self._left[kind] = int(fault.where.get("available", 0))

    def next_kind(self, running: Iterable[str]) -> str | None:
        """The type of one more instance beside those that run; "" for a serverless one, None when none is left."""
        if not self._kinds:
            return ""
        have = Counter(running)
        return next((kind for kind in self._kinds if have[kind] < self._left.get(kind, have[kind] + 1)), None)


def _names(where: dict[str, Any], endpoint: str, kind: str) -> bool:
    return where.get("instance_type") == kind and where.get("endpoint", endpoint) == endpoint
