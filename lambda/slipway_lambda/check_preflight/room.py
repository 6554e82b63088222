"""Whether the account's quota leaves room for a release at its peak. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway_lambda.contracts.release import PreflightRefusedError, ReleaseSpec
from slipway_lambda.contracts.shift import surge
from slipway_lambda.ports.quotas import Quota

VARIANTS = ("ProductionVariants", "ShadowProductionVariants")
NOTHING_RUNS = frozenset({"Failed", "OutOfService"})


@dataclass(frozen=True)
class Room:
    """Instances of one type: what the endpoint has `now`, how many `more` the release takes at its peak, and what
    `others` have, at least.
    """

    endpoint: str
    kind: str
    now: int
    more: int
    others: int
    quota: Quota

    @property
    def needed(self) -> int:
        """The quota that would do."""
        return self.now + self.more + self.others

    @property
    def words(self) -> str:
        """The arithmetic."""
        return (
            f"{self.endpoint} needs {self.now + self.more} {self.kind} at its peak: {self.now} now + {self.more} more;"
            f" the quota '{self.quota.name}' is {self.quota.value}, other endpoints use {self.others}"
        )


def quota_name(kind: str) -> str:
    """As Service Quotas calls it."""
    return f"{kind} for endpoint usage"


def held(endpoint: Mapping[str, Any], config: Mapping[str, Any]) -> Counter[str]:
    """Instances by type that one endpoint has now, in a second fleet too. What is still to come, and what has no known
    type, is left out: only what is known keeps a release from starting.
    """
    found = Counter[str]()
    if endpoint.get("EndpointStatus") in NOTHING_RUNS:
        return found
    types = {v["VariantName"]: v.get("InstanceType") for key in VARIANTS for v in config.get(key, [])}
    pending = endpoint.get("PendingDeploymentSummary", {})
    for fleets in (endpoint, pending):
        for variant in (v for key in VARIANTS for v in fleets.get(key, [])):
            if pools := variant.get("InstancePools"):
                found.update({p["InstanceType"]: p["CurrentInstanceCount"] for p in pools})
                continue
            kind = variant.get("InstanceType") or types.get(variant["VariantName"])
            if kind:
                found[kind] += variant.get("CurrentInstanceCount", 0)
    return found


def more(spec: ReleaseSpec, now: int) -> int:
    """Instances of a type that a release adds at its peak where the endpoint has `now` of that type."""
    count = now if spec.scaling and now else spec.instance_count
    if now == 0:
        return count  # the first fleet
    beyond = surge(spec.strategy, count, spec.batch_percent, spec.rollback_batch_percent)
    return beyond + (max(0, count - now) if spec.strategy == "rolling" else 0)


def demand_room(rooms: Iterable[Room]) -> list[str]:
    """The arithmetic in words; raises PreflightRefusedError where it does not come out."""
    found = list(rooms)
    short = [r for r in found if r.needed > r.quota.value]
    if short:
        asks = ", ".join(f"at least {r.needed} of {r.quota.code} ({r.quota.name})" for r in short)
        raise PreflightRefusedError(
            f"The quota leaves no room for the release: {'; '.join(r.words for r in short)}.",
            f"Ask Service Quotas for {asks} of service sagemaker, or free what other endpoints use; then the sweep"
            " tries again by itself.",
        )
    return [r.words for r in found]
