"""What an endpoint routes to right now. The router reads it, deployments write it, both under one short lock."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from rehearsal.host import Scope
from rehearsal.sagemaker.fleet import Fleet
from rehearsal.sagemaker.instance import Instance


@dataclass
class Share:
    """A fleet's part of its variant's traffic, 0 to 1."""

    fleet: Fleet
    weight: float
    credit: float = 0.0


@dataclass
class Route:
    """A variant: its weight among the variants, and the fleets behind it (two during a blue/green update)."""

    weight: float
    shares: list[Share] = field(default_factory=list)
    credit: float = 0.0

    @property
    def main(self) -> Fleet:
        """The fleet with the largest part."""
        return max(self.shares, key=lambda share: share.weight).fleet


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
    """Routes of one endpoint, by variant name."""

    def __init__(self, scope: Scope, name: str) -> None:
        self.scope = scope
        self.name = name
        self.lock = threading.Lock()
        self.routes: dict[str, Route] = {}

    def acquire(self, variant: str | None, excluded: set[Instance]) -> Instance | None:
        """The healthy instance for the next request, counted as in flight.

        Variant by weight (or the named one), then fleet by share, then the least busy. Only when the chosen fleet has
        none healthy, another fleet that has a share.
        """
        with self.lock:
            route = self.routes.get(variant) if variant else _take(self.routes.values())
            if route is None:
                return None
            chosen = _take(route.shares)
            if chosen is None:
                return None
            others = [share for share in route.shares if share is not chosen and share.weight > 0]
            for share in (chosen, *others):
                ready = [one for one in share.fleet.instances if one.healthy and one not in excluded]
                if ready:
                    instance = min(ready, key=lambda one: one.in_flight)
                    instance.in_flight += 1
                    return instance
        return None

    def release(self, instance: Instance) -> None:
        """The request is answered, or failed."""
        with self.lock:
            instance.in_flight -= 1

    def fleets(self) -> list[Fleet]:
        """Every fleet that has a part in some route."""
        with self.lock:
            return [share.fleet for route in self.routes.values() for share in route.shares]

    def set_shares(self, variant: str, shares: list[tuple[Fleet, float]], weight: float | None = None) -> None:
        """Send a variant's traffic to these fleets from the next request on."""
        with self.lock:
            route = self.routes.setdefault(variant, Route(weight if weight is not None else 1.0))
            if weight is not None:
                route.weight = weight
            route.shares = [Share(fleet, part) for fleet, part in shares]
