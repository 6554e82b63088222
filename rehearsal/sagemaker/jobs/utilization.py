"""CPU, memory and disk of a job's hosts as the service publishes them, in per cent."""

import contextlib
import time
from typing import TYPE_CHECKING

from rehearsal.sagemaker.accounting import Usage

if TYPE_CHECKING:
    from rehearsal.sagemaker.jobs.base import Job

INTERVAL_SECONDS = 1.0  # wall; the service publishes once a minute, a rehearsed job seldom runs that long


class Utilization:
    """Publishes the metrics of one job under `/aws/sagemaker/<kind>Jobs`, dimension Host = job/host."""

    def __init__(self, job: "Job") -> None:
        self._job = job
        self._last: dict[str, tuple[float, float]] = {}
        self._due = time.monotonic() + INTERVAL_SECONDS

    @property
    def due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() >= self._due

    def publish(self, host: str, used: Usage, memory_bytes: int, disk_share: float) -> None:
        """One look at one host. CPU is 100 for each core in use since the last look; `disk_share` is 0 to 1."""
        now = time.monotonic()
        self._due = now + INTERVAL_SECONDS
        at, cpu_seconds = self._last.get(host, (now, used.cpu_seconds))
        self._last[host] = (now, used.cpu_seconds)
        values = {
            "MemoryUtilization": 100.0 * used.memory_bytes / memory_bytes,
            "DiskUtilization": 100.0 * disk_share,
        }
        if now > at:
            values["CPUUtilization"] = 100.0 * max(0.0, used.cpu_seconds - cpu_seconds) / (now - at)
        job = self._job
        dimensions = [{"Name": "Host", "Value": f"{job.name}/{host}"}]
        moment = job.core.host.clock.now()
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Timestamp": moment, "Value": value, "Unit": "Percent"}
            for name, value in values.items()
        ]
        with contextlib.suppress(Exception):  # metrics are best effort
            job.core.host.put_metrics(job.log_group, data, job.scope)
