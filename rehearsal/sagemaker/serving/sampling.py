"""Metrics that are looked up rather than counted: utilisation of instances, requests under way, asynchronous backlog.

Every 10 s of cloud time: concurrency. Every 60 s, or as the config's MetricsConfig says: the rest. CPU is measured over
wall time, since real processes use it.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from weakref import WeakKeyDictionary

from rehearsal.host import Scope
from rehearsal.sagemaker.accounting import Usage, members, usage
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.endpoints.live_config import live_config
from rehearsal.sagemaker.metrics import ENDPOINTS, Dimensions
from rehearsal.sagemaker.serving import async_queue
from rehearsal.sagemaker.serving.component_copies import Copy
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.serving.multimodel import loaded_count
from rehearsal.sagemaker.serving.server import Server

_LOOK_SECONDS = 0.25  # wall
_CONCURRENCY_SECONDS = 10  # cloud
_MINUTE_SECONDS = 60  # cloud
_LEAST_SECONDS = 1.0  # wall, between two looks at processes, however fast the clock runs
_VOLUME_BYTES = 30 << 30  # of an instance whose VolumeSizeInGB is not given


class Sampler:
    """One thread for all endpoints."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._seen: WeakKeyDictionary[Server, tuple[float, float]] = WeakKeyDictionary()  # CPU s, wall at the last look
        self._periods: WeakKeyDictionary[LiveEndpoint, float] = WeakKeyDictionary()
        self._looked = 0.0

    def run(self) -> None:
        """Until the cloud ends."""
        clock = self._core.host.clock
        concurrency = clock.now() // _CONCURRENCY_SECONDS
        while not self._core.stopping.wait(_LOOK_SECONDS):
            now = clock.now()
            if now // _CONCURRENCY_SECONDS != concurrency:
                concurrency = now // _CONCURRENCY_SECONDS
                for live in self._live():
                    self._concurrency(live)
            if time.monotonic() - self._looked >= _LEAST_SECONDS:
                due = [live for live in self._live() if self._is_due(live, now)]
                if due:
                    self._looked = time.monotonic()
                    self._look(due, now)

    def _is_due(self, live: LiveEndpoint, now: float) -> bool:
        """Whether a period of the endpoint's MetricPublishFrequencyInSeconds (default 60) has begun since the last."""
        record = self._core.store.state(live.scope).endpoints.get(live.name)
        if record is None:
            return False
        seconds = live_config(record).get("MetricsConfig", {}).get("MetricPublishFrequencyInSeconds", _MINUTE_SECONDS)
        period: float = now // seconds
        before = self._periods.setdefault(live, record["CreationTime"] // seconds)
        self._periods[live] = period
        return before != period

    def _live(self) -> list[LiveEndpoint]:
        return list(self._core.live.values())

    def _put(
        self, scope: Scope, dimensions: Dimensions, values: dict[str, float], unit: str, namespace: str = ENDPOINTS
    ) -> None:
        for name, value in values.items():
            self._core.metrics.put(scope, dimensions, name, value, unit=unit, namespace=namespace)

    def _concurrency(self, live: LiveEndpoint) -> None:
        for fleet in live.fleets():
            if fleet.instances and not live.components:
                under_way = sum(one.in_flight for one in fleet.instances)
                values = {"ConcurrentRequestsPerModel": float(under_way)}
                self._put(live.scope, _of(fleet), values, "Count", "AWS/SageMaker")
        for name, copies in list(live.components.items()):
            for copy in list(copies):
                values = {"ConcurrentRequestsPerCopy": float(copy.in_flight)}
                self._put(live.scope, (("InferenceComponentName", name),), values, "Count", "AWS/SageMaker")

    def _look(self, due: list[LiveEndpoint], now: float) -> None:
        servers = [server for live in due for server in _servers(live)]
        found = members(server.mark for server in servers if server.mark)
        used = {server: usage(found.get(server.mark, ())) for server in servers}
        percent = {server: self._cpu_percent(server, one) for server, one in used.items()}
        for live in due:
            for fleet in live.fleets():
                disk = _disk_percent(fleet)
                for instance in fleet.instances:
                    self._instance(instance, used, percent, disk)
            for name, copies in list(live.components.items()):
                for copy in list(copies):
                    self._copy(live, name, copy, used, percent)
            self._backlog(live, now)

    def _cpu_percent(self, server: Server, now: Usage) -> float:
        seconds, at = self._seen.get(server, (0.0, 0.0))
        self._seen[server] = (now.cpu_seconds, time.monotonic())
        elapsed = time.monotonic() - at
        return max(0.0, now.cpu_seconds - seconds) / elapsed * 100 if at and elapsed else 0.0

    def _instance(
        self, instance: Instance, used: dict[Server, Usage], percent: dict[Server, float], disk: float
    ) -> None:
        fleet, servers = instance.fleet, [one for one in instance.servers if one in used]
        if not servers:
            return
        memory = 100 * sum(used[one].memory_bytes for one in servers) / instance.memory_bytes
        values = {
            "CPUUtilization": sum(percent[one] for one in servers),
            "MemoryUtilization": memory,
            "DiskUtilization": disk,
        }
        self._put(fleet.scope, _of(fleet), values, "Percent")
        if len(servers) > 1:
            for one in servers:
                by_container = (*_of(fleet), ("ContainerName", one.container.label))
                share = 100 * used[one].memory_bytes / instance.memory_bytes
                values = {"CPUUtilization": percent[one], "MemoryUtilization": share}
                self._put(fleet.scope, by_container, values, "Percent")
        for one in servers:
            if one.container.models_uri:
                self._put(fleet.scope, _of(fleet), {"LoadedModelCount": float(loaded_count(one))}, "None")

    def _copy(
        self, live: LiveEndpoint, name: str, copy: Copy, used: dict[Server, Usage], percent: dict[Server, float]
    ) -> None:
        if copy.server in used:
            memory_mb = used[copy.server].memory_bytes / (1 << 20)
            values = {
                "CPUUtilizationNormalized": percent[copy.server] / max(copy.needs.cpus, 0.25),
                "MemoryUtilizationNormalized": 100 * memory_mb / copy.needs.memory_mb,
            }
            self._put(live.scope, (("InferenceComponentName", name),), values, "Percent")

    def _backlog(self, live: LiveEndpoint, now: float) -> None:
        record = self._core.store.state(live.scope).endpoints.get(live.name)
        if record is None or "AsyncInferenceConfig" not in live_config(record):
            return
        waiting = [one for one in async_queue.waiting(self._core, live.scope, live.name) if not one["UnderWay"]]
        instances = sum(len(fleet.instances) for fleet in live.fleets())
        values = {
            "ApproximateBacklogSize": float(len(waiting)),
            "HasBacklogWithoutCapacity": float(bool(waiting) and not instances),
        }
        if instances:
            values["ApproximateBacklogSizePerInstance"] = len(waiting) / instances
        dimensions = (("EndpointName", live.name),)
        self._put(live.scope, dimensions, values, "Count", "AWS/SageMaker")
        if waiting:
            age = {"ApproximateAgeOfOldestRequest": now - waiting[0]["Received"]}
            self._put(live.scope, dimensions, age, "Seconds", "AWS/SageMaker")


def _of(fleet: Fleet) -> Dimensions:
    return (("EndpointName", fleet.endpoint), ("VariantName", fleet.variant))


def _servers(live: LiveEndpoint) -> Iterable[Server]:
    for fleet in live.fleets():
        for instance in fleet.instances:
            yield from instance.servers
    for copies in list(live.components.values()):
        yield from (copy.server for copy in list(copies))


def _disk_percent(fleet: Fleet) -> float:
    volume = (fleet.variant_record.get("VolumeSizeInGB") or 0) << 30 or _VOLUME_BYTES
    return 100 * sum(_size(path) for path in fleet.directory.rglob("*")) / volume


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    except OSError:
        return 0
