"""Serverless variants: no instance until a request, one request at a time in each, none after some idle time."""

import asyncio
import threading
import time
from typing import Any
from weakref import WeakKeyDictionary, ref

from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.serving.answers import Answer, error
from rehearsal.sagemaker.serving.instance import Instance

_POLL_SECONDS = 0.01
_REAP_SECONDS = 0.1  # wall, between looks at idle instances


class Throttled(Exception):  # what happened, in the service's word
    """No instance for this request; `answer` is the API's."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer[0])
        self.answer = answer


class ServerlessPool:
    """Instances of one serverless fleet."""

    def __init__(self, fleet: Fleet, live: LiveEndpoint) -> None:
        self._weak = ref(fleet)
        self._live = live
        self._waiting = 0  # requests that wait for an instance; guarded by the endpoint's lock
        self._scaling = threading.Lock()
        self._reaping = False

    @property
    def _fleet(self) -> Fleet:
        fleet = self._weak()
        assert fleet is not None  # whoever asks came from it
        return fleet

    @property
    def _config(self) -> dict[str, int]:
        config: dict[str, int] = self._fleet.variant_record["ServerlessConfig"]
        return config

    async def acquire(self, tried: set[Any]) -> tuple[Instance, float | None]:
        """An instance for one request, and the microseconds its start took if it had to be started."""
        began = time.perf_counter()
        limits = self._fleet.core.limits
        with self._live.lock:
            busy = sum(one.in_flight for one in self._fleet.instances) + self._waiting
            if busy >= self._config["MaxConcurrency"]:
                raise Throttled(
                    error(
                        429,
                        "ThrottlingException",
                        f"Endpoint {self._live.name} is at its MaxConcurrency of {self._config['MaxConcurrency']}.",
                    )
                )
            self._measure(busy + 1)
            found = self._take(tried)
            if found is not None:
                return found, None
            self._waiting += 1
        try:
            self._fleet.core.run(f"serverless-{self._live.name}", self._grow)
            deadline = began + min(limits.serverless_startup_seconds, limits.reply_seconds)
            while time.perf_counter() < deadline:
                await asyncio.sleep(_POLL_SECONDS)
                with self._live.lock:
                    found = self._take(tried)
                if found is not None:
                    return found, (time.perf_counter() - began) * 1e6
        finally:
            with self._live.lock:
                self._waiting -= 1
        text = f"The resources of serverless endpoint {self._live.name} are still being provisioned. Try again later."
        raise Throttled(error(429, "ModelNotReadyException", text))

    def _take(self, tried: set[Any]) -> Instance | None:
        for instance in self._fleet.instances:
            if instance.healthy and not instance.in_flight and instance not in tried:
                instance.in_flight = 1
                return instance
        return None

    def _grow(self) -> None:
        with self._scaling:
            with self._live.lock:
                instances = self._fleet.instances
                exits = self._fleet.core.limits.startup_exits
                starting = sum(not one.healthy and not one.draining and one.exits < exits for one in instances)
                missing = self._waiting - starting
            if missing > 0:
                self._fleet.scale(min(len(instances) + missing, self._config["MaxConcurrency"]))
            if not self._reaping:
                self._reaping = True
                self._fleet.core.run(f"serverless-idle-{self._live.name}", self._reap)

    def _reap(self) -> None:
        """Until no instance is left but those of ProvisionedConcurrency."""
        core, kept = self._fleet.core, self._config.get("ProvisionedConcurrency", 0)
        while not core.stopping.wait(_REAP_SECONDS):
            with self._scaling:
                now = core.host.clock.now()
                with self._live.lock:
                    instances = self._fleet.instances
                    wanted = len(instances)
                    while wanted > kept and not self._waiting and self._is_idle(instances[wanted - 1], now):
                        wanted -= 1
                        instances[wanted].draining = True
                    self._reaping = wanted > kept
                if wanted < len(instances):
                    self._fleet.scale(wanted)
                if not self._reaping:
                    return

    def _is_idle(self, instance: Instance, now: float) -> bool:
        limits = self._fleet.core.limits
        if instance.exits >= limits.startup_exits:
            return True  # its container does not start: the next request tries a new one
        idle_seconds = now - instance.idle_since
        return instance.healthy and not instance.in_flight and idle_seconds >= limits.serverless_idle_seconds

    def _measure(self, concurrent: int) -> None:
        fleet, metrics = self._fleet, self._fleet.core.metrics
        dimensions = (("EndpointName", fleet.endpoint), ("VariantName", fleet.variant))
        share = concurrent / self._config["MaxConcurrency"]
        metrics.put(fleet.scope, dimensions, "ServerlessConcurrentExecutionsUtilization", share, unit="None")
        if provisioned := self._config.get("ProvisionedConcurrency"):
            used = min(concurrent, provisioned)
            spilled = float(concurrent > provisioned)
            metrics.put(fleet.scope, dimensions, "ServerlessProvisionedConcurrencyUtilization", used / provisioned)
            metrics.put(fleet.scope, dimensions, "ServerlessProvisionedConcurrencyExecutions", float(not spilled))
            metrics.put(fleet.scope, dimensions, "ServerlessProvisionedConcurrencySpilloverInvocations", spilled)


_pools: WeakKeyDictionary[Fleet, ServerlessPool] = WeakKeyDictionary()
_pools_lock = threading.Lock()


def pool_of(fleet: Fleet, live: LiveEndpoint) -> ServerlessPool:
    """The fleet's pool, made on first use."""
    with _pools_lock:
        pool = _pools.get(fleet)
        if pool is None:
            pool = _pools[fleet] = ServerlessPool(fleet, live)
        return pool
