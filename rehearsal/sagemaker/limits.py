"""Waits and bounds of the data plane. Real processes are measured on the wall, whatever the cloud clock's speed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Defaults are the service's documented ones; a test may shorten them."""

    startup_seconds: float = 480.0  # wall; caps ContainerStartupHealthCheckTimeoutInSeconds too
    startup_exits: int = 3  # a container that exits this often before it is healthy fails its fleet
    ping_seconds: float = 0.2  # wall, between pings while starting
    watch_seconds: float = 1.0  # wall, between pings once healthy
    ping_timeout_seconds: float = 2.0
    reply_seconds: float = 60.0  # wall
    server_grace_seconds: float = 30.0  # wall, SIGTERM to SIGKILL of a server
    drain_seconds: float = 60.0  # wall, in-flight requests of an old fleet
    job_grace_seconds: float = 120.0  # cloud, SIGTERM to SIGKILL of a job …
    job_grace_floor_seconds: float = 5.0  # … but never less of the wall, or a fast clock would kill at once
    payload_bytes: int = 6_291_456
    capture_seconds: float = 2.0  # wall, between writes of captured records
    metric_seconds: float = 0.2  # wall, between batches of metrics
