"""The fleets that carry an inference component's copies: two while a deployment is under way, each with its own."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rehearsal.sagemaker.serving.hosted import FleetError

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core
    from rehearsal.sagemaker.endpoints.fleet import Fleet
    from rehearsal.sagemaker.endpoints.live import LiveEndpoint

_LOOK_SECONDS = 0.05  # wall
_SERVING = ("InService", "Updating")


def homes(live: "LiveEndpoint", variant: str) -> list["Fleet"]:
    """Fleets of the variant with instances that can take copies, whether they have traffic yet or not."""
    return [
        fleet for fleet in live.fleets() if fleet.variant == variant and any(one.healthy for one in fleet.instances)
    ]


def routed(live: "LiveEndpoint", fleet: "Fleet") -> bool:
    """Whether it has a part of the traffic."""
    route = live.routes.get(fleet.variant)
    return route is not None and any(share.fleet is fleet and share.weight > 0 for share in route.shares)


def wanted(desired: int, fleet: "Fleet") -> int:
    """Copies on this fleet: all of them, but in a rolling update those of its part of the instances, rounded up."""
    if fleet.reserved is None or not fleet.count:
        return desired
    return -(-desired * fleet.reserved // fleet.count)


def await_copies(core: "Core", live: "LiveEndpoint", fleets: Iterable["Fleet"], check: Callable[[], None]) -> None:
    """Return when every component in service has its copies ready on each of `fleets`. Raises FleetError; `check` may
    raise to give up earlier."""
    deadline = time.monotonic() + core.limits.startup_seconds
    for fleet in fleets:
        while (lacking := _lacking(core, live, fleet)) is not None:
            check()
            if fleet.hosting_fault is not None:
                raise FleetError(fleet.hosting_fault)
            if time.monotonic() > deadline:
                raise FleetError(f"Copies of inference component {lacking} did not become healthy in time.")
            core.stopping.wait(_LOOK_SECONDS)


def _lacking(core: "Core", live: "LiveEndpoint", fleet: "Fleet") -> str | None:
    with core.store.lock:
        records = [
            one
            for one in core.store.state(live.scope).table("inference_components").values()
            if one["EndpointName"] == live.name
            and one["VariantName"] == fleet.variant
            and one["InferenceComponentStatus"] in _SERVING
        ]
    for record in records:
        name = str(record["InferenceComponentName"])
        ready = sum(copy.ready and copy.fleet is fleet for copy in live.components.get(name, []))
        if ready < wanted(record["_desired"], fleet):
            return name
    return None
