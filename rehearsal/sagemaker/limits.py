"""Waits and bounds of the data plane. Real processes are measured on the wall, whatever the cloud clock's speed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    volume_gb_bytes: int = 1 << 30  # of disk a job may fill for each GB of its VolumeSizeInGB
    transform_retry_seconds: float = 1.0  # wall, before a record of a transform job is sent again
    job_instances: int = 100  # of one type that jobs of one kind may use at once, in an account and region …
    # … or by the quota's name, such as "ml.m5.large for training job usage"
    job_instance_quotas: Mapping[str, int] = field(default_factory=dict)
    endpoint_instances: int = 1000  # of one type under all endpoints of an account and region, as for jobs …
    # … or by the quota's name, such as "ml.m5.large for endpoint usage"
    endpoint_instance_quotas: Mapping[str, int] = field(default_factory=dict)
    serverless_endpoints: int = 50
    serverless_concurrency: int = 1000  # the sum of MaxConcurrency over all serverless endpoints
    payload_bytes: int = 6_291_456
    capture_seconds: float = 2.0  # wall, between writes of captured records
    metric_seconds: float = 0.2  # wall, between batches of metrics
    memory_share: float = 0.5  # of this machine's memory: what one container may use at most
    serverless_idle_seconds: float = 300.0  # cloud, after which a serverless variant has no instance
    serverless_startup_seconds: float = 180.0  # wall, the service's bound for a serverless container to be healthy
    model_load_seconds: float = 60.0  # wall, for one model of a multi-model endpoint to be loaded
    async_payload_bytes: int = 128_000  # inline Body of InvokeEndpointAsync
