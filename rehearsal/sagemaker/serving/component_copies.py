"""Copies of an inference component: real server processes placed on the instances of a variant without a model."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.instance_types import memory_bytes
from rehearsal.sagemaker.processes import Budget
from rehearsal.sagemaker.serving.hosted import HostedContainer
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.serving.server import Placement, Server


@dataclass(eq=False)
class Copy:
    """One copy. `generation` tells which specification it runs."""

    component: str
    generation: int
    instance: Instance
    server: Server
    needs: "Needs"
    in_flight: int = 0  # guarded by the endpoint's lock
    draining: bool = field(default=False)

    @property
    def fleet(self) -> Fleet:
        """The fleet whose instance it is on."""
        return self.instance.fleet

    @property
    def ready(self) -> bool:
        """Whether it takes requests."""
        return self.server.healthy and not self.draining and not self.instance.draining


@dataclass(frozen=True)
class Needs:
    """ComputeResourceRequirements: what a copy reserves, and may use at most."""

    cpus: float
    memory_mb: int
    max_memory_mb: int | None

    @classmethod
    def of(cls, specification: dict[str, Any]) -> "Needs":
        """From a component's Specification."""
        required = specification.get("ComputeResourceRequirements", {})
        return cls(
            float(required.get("NumberOfCpuCoresRequired", 0)),
            int(required.get("MinMemoryRequiredInMb", 128)),
            required.get("MaxMemoryRequiredInMb"),
        )


def choose(
    instances: Iterable[Instance], copies: Iterable[Copy], needs: Needs, *, component: str, strategy: str
) -> Instance | None:
    """The instance for one more copy: of those with room the emptiest (SPREAD) or the fullest (BINPACK)."""
    placed = list(copies)
    best: tuple[float, Instance] | None = None
    for instance in instances:
        if instance.draining:
            continue
        here = [one for one in placed if one.instance is instance]
        memory_mb = memory_bytes(instance.kind) >> 20
        free_mb = memory_mb - sum(one.needs.memory_mb for one in here) - needs.memory_mb
        free_cpus = instance.vcpus - sum(one.needs.cpus for one in here) - needs.cpus
        if free_mb < 0 or free_cpus < 0:
            continue
        same = sum(one.component == component for one in here)
        rank = free_mb - same * memory_mb if strategy == "SPREAD" else -free_mb
        if best is None or rank > best[0]:
            best = (rank, instance)
    return best[1] if best else None


def start_copy(
    component: str, generation: int, instance: Instance, *, container: HostedContainer, needs: Needs, role: str
) -> Copy:
    """Start a copy; it is ready when its /ping passes."""
    fleet = instance.fleet
    limit = instance.memory_bytes
    if needs.max_memory_mb is not None:
        limit = min(limit, needs.max_memory_mb << 20)
    stream = f"{fleet.variant}/{component}/{instance.name.rpartition('/')[2]}"
    placement = Placement(fleet.core, fleet.scope, fleet.endpoint, role, stream, budget=Budget(limit))
    server = Server(container, placement, lambda lines: fleet.log(stream, lines))
    copy = Copy(component, generation, instance, server, needs)
    server.start()
    return copy
