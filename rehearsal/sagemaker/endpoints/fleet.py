"""All instances of one variant under one endpoint config."""

import contextlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.pools import NO_CAPACITY, Capacity
from rehearsal.sagemaker.endpoints.trouble import Trouble
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.serving.capture import CaptureTarget
from rehearsal.sagemaker.serving.hosted import FleetError, HostedContainer, containers_of, host_containers, remove_tree
from rehearsal.sagemaker.serving.instance import Instance

_POLL_SECONDS = 0.05

declare("A10", "endpoint")


class Fleet:
    """Model data in a read-only directory, and `count` servers on it.

    `variant_record` is the config's production variant, `model` the model's record with its containers resolved; None
    for instances that host inference components, which bring their own containers.
    """

    def __init__(
        self,
        core: Core,
        scope: Scope,
        endpoint: str,
        *,
        config: dict[str, Any],
        variant_record: dict[str, Any],
        model: dict[str, Any] | None,
        shadow: bool = False,
    ) -> None:
        self.core = core
        self.scope = scope
        self.endpoint = endpoint
        self.config_name: str = config["EndpointConfigName"]
        self.variant_record = variant_record
        self.variant: str = variant_record["VariantName"]
        # Instances wanted, as DescribeEndpoint's DesiredInstanceCount shows it; a serverless variant starts with those
        # of its ProvisionedConcurrency, or none.
        serverless = variant_record.get("ServerlessConfig")
        initial = variant_record.get("InitialInstanceCount", 1)
        self.count: int = serverless.get("ProvisionedConcurrency", 0) if serverless else initial
        self.reserved: int | None = None  # counted against the quota instead of `count`, where a deployment says so
        self.random_routing = variant_record.get("RoutingConfig", {}).get("RoutingStrategy", "RANDOM") == "RANDOM"
        model = model or {"ExecutionRoleArn": config.get("ExecutionRoleArn", "")}
        self.role: str = model.get("ExecutionRoleArn", "")
        self.isolated = bool(model.get("EnableNetworkIsolation", False))
        self.capture = CaptureTarget.of(config.get("DataCaptureConfig", {}), scope, endpoint, self.variant, self.role)
        self.token = secrets.token_hex(4)
        self.directory = core.root / "fleets" / f"{endpoint}-{self.token}"
        self.instances: list[Instance] = []
        self._capacity = Capacity(core.faults, endpoint, variant_record)
        self.never_healthy = core.faults.take("A10", endpoint=endpoint) is not None
        self.trouble = Trouble.of(core, shadow=shadow, endpoint=endpoint, config=self.config_name, variant=self.variant)
        self.hosting_fault: str | None = None  # why a copy of an inference component cannot be placed on it
        self.resolved_at = core.host.clock.now()
        self.containers: list[HostedContainer] = []
        self._model = model
        self._numbers = 0
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._closed = False

    def prepare(self) -> None:
        """Resolve the images and unpack the model. Raises FleetError; a refused archive leaves no file."""
        self.containers = host_containers(self.core, self.scope, self._model, self.directory)
        if self._closed:  # meanwhile
            remove_tree(self.directory)

    def restock(self) -> None:
        """What a later instance needs is there still: image and model data, fetched once more. Raises FleetError.

        What capacity there is is seen anew.
        """
        self._capacity = Capacity(self.core.faults, self.endpoint, self.variant_record)
        scratch = self.directory.with_name(f"{self.directory.name}-{secrets.token_hex(2)}")
        try:
            host_containers(self.core, self.scope, self._model, scratch)
        finally:
            remove_tree(scratch)

    def scale(self, running: int) -> None:
        """Start or stop instances until `running` of them are there; new ones take traffic when their /ping passes.

        Returns when requests in flight on the surplus have ended. `count` stays: it says how many there should be. A
        closed fleet stays empty. Raises FleetError when there is no capacity for as many.
        """
        with self._lock:
            while len(self.instances) < running and not self._closed:
                kind = self._capacity.next_kind(one.kind for one in self.instances)
                if kind is None:
                    raise FleetError(NO_CAPACITY)
                self._numbers += 1
                instance = Instance(self, self._numbers, kind)
                self.instances = [*self.instances, instance]
                instance.start()
            surplus, self.instances = self.instances[running:], self.instances[:running]
        self._retire_all(surplus)

    def await_healthy(self, check: Callable[[], None]) -> None:
        """Return when every instance is healthy. Raises FleetError; `check` may raise to give up earlier."""
        wanted = self.variant_record.get("ContainerStartupHealthCheckTimeoutInSeconds", 480)
        deadline = time.monotonic() + min(wanted, self.core.limits.startup_seconds)
        while not all(instance.healthy for instance in self.instances):
            check()
            ended = [one for one in self.instances if one.exits >= self.core.limits.startup_exits]
            if ended:
                why = f" ({ended[0].last_reason})" if ended[0].last_reason else ""
                detail = f" The container exited {ended[0].exits} times, last with code {ended[0].last_exit}{why}."
                raise FleetError(self._unhealthy() + detail)
            if time.monotonic() > deadline:
                raise FleetError(self._unhealthy())
            self.core.stopping.wait(_POLL_SECONDS)

    def _unhealthy(self) -> str:
        return (
            f"The primary container for production variant {self.variant} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )

    def kinds(self) -> Counter[str]:
        """Instances that are there now, by type."""
        return Counter(one.kind for one in self.instances)

    @property
    def healthy_count(self) -> int:
        """Instances that serve now."""
        return sum(instance.healthy for instance in self.instances)

    @property
    def in_service_count(self) -> int:
        """Instances that have served, even if their container is just being restarted."""
        return sum(all(server.ever_healthy for server in one.servers) for one in self.instances)

    def deployed_images(self) -> list[dict[str, Any]]:
        """DescribeEndpoint's DeployedImages."""
        return [container.deployed_image() for container in self.containers] or [
            {"SpecifiedImage": one["Image"], "ResolutionTime": self.resolved_at} for one in containers_of(self._model)
        ]

    def close(self) -> None:
        """Let requests in flight end, then stop all servers and remove the model's files."""
        with self._lock:
            self._closed = True
        with self._closing:  # the cloud may close while the deployment does
            self._retire_all(self.instances)
            self.instances = []
            remove_tree(self.directory)

    def _retire_all(self, instances: list[Instance]) -> None:
        stops = [threading.Thread(target=self._retire, args=(one,), daemon=True) for one in instances]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    def _retire(self, instance: Instance) -> None:
        deadline = time.monotonic() + self.core.limits.drain_seconds
        instance.draining = True  # no new request; one that was just handed to it is counted within a poll
        self.core.stopping.wait(_POLL_SECONDS)
        while instance.in_flight and time.monotonic() < deadline and not self.core.stopping.is_set():
            self.core.stopping.wait(_POLL_SECONDS)
        instance.stop()

    def log(self, stream: str, lines: list[str]) -> None:
        """Lines of a container to the endpoint's log group."""
        with contextlib.suppress(Exception):
            self.core.log(f"/aws/sagemaker/Endpoints/{self.endpoint}", stream, lines, self.scope)
