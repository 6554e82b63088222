"""One instance of a fleet: a real server process for each container of the model."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rehearsal.sagemaker.accounting import machine_memory_bytes
from rehearsal.sagemaker.instance_types import memory_bytes, vcpus
from rehearsal.sagemaker.processes import Budget
from rehearsal.sagemaker.serving.server import Placement, Server

if TYPE_CHECKING:
    from rehearsal.sagemaker.endpoints.fleet import Fleet


class Instance:
    """`healthy` and `servers` are what the router reads.

    An instance of a variant without a model has no server of its own: it is healthy once started, and offers its memory
    to inference components. A container may use the memory of the declared instance type, but never more than a share
    of this machine (`Limits.memory_share`).
    """

    def __init__(self, fleet: "Fleet", number: int, kind: str) -> None:
        self.fleet = fleet
        self.kind = kind  # instance type; "" of a serverless one
        self.name = f"{fleet.variant}/i-{fleet.token}{number:04d}"
        self.in_flight = 0  # guarded by the endpoint's lock
        self.idle_since = fleet.core.host.clock.now()  # cloud time of the last answer
        self.draining = False  # true: no new request, whatever its servers say
        self._started = False
        serverless = fleet.variant_record.get("ServerlessConfig")
        self.vcpus = vcpus(kind)
        declared = serverless["MemorySizeInMB"] << 20 if serverless else memory_bytes(kind)
        share = int(machine_memory_bytes() * fleet.core.limits.memory_share)
        self.memory_bytes = min(declared, share)
        placement = Placement(
            fleet.core,
            fleet.scope,
            fleet.endpoint,
            fleet.role,
            self.name,
            isolated=fleet.isolated,
            budget=Budget(self.memory_bytes),
            never_healthy=fleet.never_healthy,
        )
        self.servers = tuple(Server(one, placement, self._log(one.hostname)) for one in fleet.containers)

    def _log(self, hostname: str) -> Callable[[list[str]], None]:
        stream = self.name if len(self.fleet.containers) == 1 else f"{self.name}/{hostname}"
        return lambda lines: self.fleet.log(stream, lines)

    @property
    def healthy(self) -> bool:
        """Whether it takes requests: every container passes /ping."""
        return self._started and not self.draining and all(server.healthy for server in self.servers)

    @property
    def exits(self) -> int:
        """How often a container of it ended before it was first healthy."""
        return max((server.exits for server in self.servers), default=0)

    @property
    def last_exit(self) -> int:
        """Exit code of the container that ended most often."""
        return max(self.servers, key=lambda server: server.exits).last_exit if self.servers else 0

    @property
    def last_reason(self) -> str:
        """Why that container was ended, if it was for a budget."""
        return max(self.servers, key=lambda server: server.exits).last_reason if self.servers else ""

    def start(self) -> None:
        """Begin; `healthy` turns true when /ping passes everywhere."""
        self._started = True
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """SIGTERM to all containers at once, the server's grace, SIGKILL. Returns when the processes are gone."""
        self.draining = True
        for server in self.servers:
            server.begin_stop()
        for server in self.servers:
            server.stop()
