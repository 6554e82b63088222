"""What an endpoint routes to right now. The router reads it, deployments write it, both under one short lock."""

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from rehearsal.host import Scope
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.serving.component_copies import Copy
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.store import Record

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core


@dataclass
class Share:
    """A fleet's part of its variant's traffic, 0 to 1."""

    fleet: Fleet
    weight: float
    credit: float = 0.0


@dataclass
class Route:
    """A variant: its weight among the variants, and the fleets behind it (two during an update).

    `desired_weight` and `status` (a VariantStatus) are set while UpdateEndpointWeightsAndCapacities is under way.
    """

    weight: float
    shares: list[Share] = field(default_factory=list)
    credit: float = 0.0
    desired_weight: float | None = None
    status: Record | None = None

    @property
    def main(self) -> Fleet:
        """The fleet with the largest part."""
        return max(self.shares, key=lambda share: share.weight).fleet


@dataclass(frozen=True)
class Routing:
    """Routes of all production and shadow variants, as a deployment prepares or remembers them."""

    routes: dict[str, Route]
    shadows: dict[str, Route] = field(default_factory=dict)

    def fresh(self, *, shadows: bool = False) -> dict[str, Route]:
        """Routes that share no credit with these."""
        routes = self.shadows if shadows else self.routes
        return {
            name: Route(route.weight, [Share(one.fleet, one.weight) for one in route.shares])
            for name, route in routes.items()
        }

    def fleets(self) -> list[Fleet]:
        """All fleets with a part in it."""
        routes = [*self.routes.values(), *self.shadows.values()]
        return [share.fleet for route in routes for share in route.shares]


_Weighted = TypeVar("_Weighted", Share, Route)


def _take(choices: Iterable[_Weighted]) -> _Weighted | None:
    """Smooth weighted round robin: over any run of requests each choice gets its exact share, within one request."""
    weighted = [choice for choice in choices if choice.weight > 0]
    if len(weighted) < 2:
        return weighted[0] if weighted else None
    total = 0.0
    for choice in weighted:
        choice.credit += choice.weight
        total += choice.weight
    best = max(weighted, key=lambda choice: choice.credit)
    best.credit -= total
    return best


class LiveEndpoint:
    """Routes of one endpoint by variant name: `routes` of production variants, `shadows` of shadow variants."""

    def __init__(self, scope: Scope, name: str) -> None:
        self.scope = scope
        self.name = name
        self.lock = threading.Lock()
        self.routes: dict[str, Route] = {}
        self.shadows: dict[str, Route] = {}
        self._standing: list[Fleet] = []
        self.components: dict[str, list[Copy]] = {}  # copies of inference components, by component

    def acquire(self, variant: str | None, excluded: set[Instance]) -> Instance | None:
        """The healthy instance for the next request, counted as in flight until `release`.

        Variant by weight (or the named one), then fleet by share, then as RoutingConfig says. Only when the chosen
        fleet has none healthy, another fleet that has a share.
        """
        with self.lock:
            route = self.routes.get(variant) if variant else _take(self.routes.values())
            return _instance(route, excluded)

    def acquire_copy(self, component: str, excluded: set[Any]) -> Copy | None:
        """The ready copy of an inference component for the next request, counted as in flight until the caller says
        otherwise: from the fleet whose turn it is by its share, or any that has one ready.
        """
        with self.lock:
            ready = [one for one in self.components.get(component, ()) if one.ready and one not in excluded]
            if not ready:
                return None
            route = self.routes.get(ready[0].fleet.variant)
            shares = [one for one in route.shares if any(copy.fleet is one.fleet for copy in ready)] if route else []
            if (share := _take(shares)) is not None:
                ready = [one for one in ready if one.fleet is share.fleet]
            copy = random.choice(ready) if ready[0].fleet.random_routing else min(ready, key=lambda one: one.in_flight)
            copy.in_flight += 1
            return copy

    def acquire_shadow(self) -> Instance | None:
        """Call once for each production request: the shadow instance that gets a copy of it, or None.

        It is counted as in flight until `release`. A shadow variant gets its weight, divided by that of the production
        variants, of all requests (at most each one), evenly spaced.
        """
        with self.lock:
            for route in self.shadows.values():
                production = sum(one.weight for one in self.routes.values())
                route.credit += min(1.0, route.weight / production) if production else 0.0
                if route.credit > 1 - 1e-9:
                    route.credit -= 1
                    return _instance(route, set())
        return None

    def release(self, instance: Instance) -> None:
        """The request is answered, or failed."""
        with self.lock:
            instance.in_flight -= 1

    def routing(self) -> "Routing":
        """How it is now; `replace` brings it back."""
        with self.lock:
            return Routing(dict(self.routes), dict(self.shadows))

    def replace(self, routing: "Routing") -> None:
        """Route so from the next request on."""
        with self.lock:
            self.routes, self.shadows = routing.fresh(), routing.fresh(shadows=True)

    def stand(self, fleets: Iterable[Fleet]) -> None:
        """Count these fleets as the endpoint's, whether they have traffic or not."""
        with self.lock:
            self._standing += fleets

    def fleets(self) -> list[Fleet]:
        """Every fleet that holds capacity."""
        with self.lock:
            return list(self._standing)

    def close(self, fleets: Iterable[Fleet]) -> None:
        """Close fleets side by side: requests in flight end first."""
        closing = list(fleets)
        stops = [threading.Thread(target=fleet.close, daemon=True) for fleet in closing]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        with self.lock:
            self._standing = [fleet for fleet in self._standing if fleet not in closing]

    def remove(self, core: "Core", record: Record) -> None:
        """Let requests in flight end, stop the processes, then forget the endpoint: the end of DeleteEndpoint."""
        core.host.deregister_variants(self.name, self.scope)
        self.close(self.fleets())
        with core.store.lock:
            state = core.store.state(self.scope)
            state.endpoints.pop(self.name, None)
            state.tags.pop(record["EndpointArn"], None)
            core.live.pop((self.scope, self.name), None)


def _instance(route: Route | None, excluded: set[Instance]) -> Instance | None:
    chosen = _take(route.shares) if route else None
    if route is None or chosen is None:
        return None
    others = [share for share in route.shares if share is not chosen and share.weight > 0]
    for share in (chosen, *others):
        ready = [one for one in share.fleet.instances if one.healthy and one not in excluded]
        if ready:
            instance = random.choice(ready) if share.fleet.random_routing else min(ready, key=lambda one: one.in_flight)
            instance.in_flight += 1
            return instance
    return None
