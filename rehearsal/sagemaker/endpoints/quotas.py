"""Service quotas of endpoints, checked when a call is accepted: what runs, what an update adds, what is asked for."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.pools import kinds
from rehearsal.sagemaker.endpoints.rollout import Rollout
from rehearsal.sagemaker.errors import ServiceError


def check_instances(call: Call, delta: Mapping[str, int]) -> None:
    """Raise ResourceLimitExceeded when so many instances more, by type, are over the account's quota."""
    used = Counter[str]()
    for fleet in _fleets(call):
        running, first = fleet.kinds(), next(iter(kinds(fleet.variant_record)), "")
        reserved = fleet.count if fleet.reserved is None else fleet.reserved
        used.update(running)
        used[first] += reserved - running.total()  # those that are still to come, or on their way out
    limits = call.core.limits
    for kind, more in sorted(delta.items()):
        name = f"{kind} for endpoint usage"
        quota = limits.endpoint_instance_quotas.get(name, limits.endpoint_instances)
        if more > 0 and used[kind] + more > quota:
            raise _exceeded(name, quota, used[kind], more, "Instances")


def check_serverless(call: Call, variants: Iterable[Mapping[str, Any]], replaced: Iterable[Fleet] = ()) -> None:
    """The same for serverless variants: endpoints in the Region, and their concurrency together."""
    gone = list(replaced)
    running = [
        one.variant_record["ServerlessConfig"] for one in _fleets(call) if one not in gone and _is_serverless(one)
    ]
    asked = [one["ServerlessConfig"] for one in variants if "ServerlessConfig" in one]
    limits = call.core.limits
    if asked and len(running) + len(asked) > limits.serverless_endpoints:
        name = "Maximum number of serverless endpoints"
        raise _exceeded(name, limits.serverless_endpoints, len(running), len(asked), "Endpoints")
    used, more = (sum(one["MaxConcurrency"] for one in some) for some in (running, asked))
    if asked and used + more > limits.serverless_concurrency:
        name = "Maximum total concurrency that can be allocated across all serverless endpoints"
        raise _exceeded(name, limits.serverless_concurrency, used, more, "Concurrency")


def of_fleets(variants: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Instances by type of whole new fleets: what a creation or a blue/green update adds."""
    delta = Counter[str]()
    for one in variants:
        if own := kinds(one):
            delta[own[0]] += one["InitialInstanceCount"]
    return delta


def of_rolling(variant: Mapping[str, Any], running: int, rollout: Rollout) -> Counter[str]:
    """A rolling update adds one batch, and what the new fleet has more than the old one."""
    count = variant["InitialInstanceCount"]
    return Counter({kinds(variant)[0]: rollout.steps[0].instances(count) + max(0, count - running)})


def _fleets(call: Call) -> list[Fleet]:
    return [fleet for live in call.core.live.values() if live.scope == call.scope for fleet in live.fleets()]


def _is_serverless(fleet: Fleet) -> bool:
    return "ServerlessConfig" in fleet.variant_record


def _exceeded(name: str, quota: int, used: int, more: int, unit: str) -> ServiceError:
    return ServiceError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{name}' is {quota} {unit}, with current utilization of {used} {unit} and a "
        f"request delta of {more} {unit}. Please use AWS Service Quotas to request an increase for this quota. If AWS "
        "Service Quotas is not available, contact AWS support to request an increase for this quota.",
    )
