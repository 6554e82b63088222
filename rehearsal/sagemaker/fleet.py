"""All instances of one variant under one endpoint config."""

import contextlib
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

from rehearsal.host import ImageNotFoundError, Scope
from rehearsal.sagemaker.archive import ArchiveError, unpack
from rehearsal.sagemaker.capture import CaptureTarget
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.instance import Instance
from rehearsal.sagemaker.objects import TransferError, fetch, parse_uri

_POLL_SECONDS = 0.05


class FleetError(Exception):
    """The fleet cannot serve; the text is the service's FailureReason."""


class Fleet:
    """Model data in a read-only directory, and `count` servers on it.

    `variant_record` is the config's production variant, `model` the model's record with its container resolved.
    """

    def __init__(
        self,
        core: Core,
        scope: Scope,
        endpoint: str,
        *,
        config: dict[str, Any],
        variant_record: dict[str, Any],
        model: dict[str, Any],
    ) -> None:
        container = model["_container"]
        self.core = core
        self.scope = scope
        self.endpoint = endpoint
        self.config_name: str = config["EndpointConfigName"]
        self.variant_record = variant_record
        self.variant: str = variant_record["VariantName"]
        self.count: int = variant_record.get("InitialInstanceCount", 1)
        self.role: str = model.get("ExecutionRoleArn", "")
        self.isolated = bool(model.get("EnableNetworkIsolation", False))
        self.environment: dict[str, str] = container.get("Environment", {})
        self.capture = CaptureTarget.of(config.get("DataCaptureConfig", {}), scope, endpoint, self.variant, self.role)
        self.token = secrets.token_hex(4)
        self.directory = core.root / "fleets" / f"{endpoint}-{self.token}"
        self.instances: list[Instance] = []
        self.never_healthy = core.faults.take("A10", endpoint=endpoint) is not None
        self.resolved_at = core.host.clock.now()
        self._container = container
        self._numbers = 0
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Resolve the image and unpack the model. Raises FleetError; a refused archive leaves no file."""
        uri = self._container["Image"]
        try:
            self.image = self.core.host.image(uri)
        except ImageNotFoundError as error:
            raise FleetError(
                f"The image '{uri}' does not exist. Specify an image that the registry of this account holds. {error}"
            ) from error
        (self.directory / "opt/ml/model").mkdir(parents=True)
        (self.directory / "tmp").mkdir()
        if source := self._container.get("ModelDataUrl"):
            self._load(source)

    def _load(self, source: str) -> None:
        archive = self.directory / "model.tar.gz"
        name = self._container.get("ContainerHostname", "container_1")
        try:
            bucket, key = parse_uri(source)
            fetch(self.core.host.client("s3", self.role, self.scope), bucket, key, archive)
        except Exception as error:
            if not isinstance(error, TransferError) and not hasattr(error, "response"):
                raise FleetError(f'Failed to store model data of "{source}" on the instance: {error}') from error
            raise FleetError(
                f'Failed to download model data for container "{name}" from URL: "{source}". Please ensure that '
                f"there is an object located at the URL and that the role passed to CreateModel has permissions to "
                f"download the object. {error}"
            ) from error
        try:
            unpack(archive, self.directory / "opt/ml/model")
        except (ArchiveError, OSError) as error:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise FleetError(
                f'Failed to extract model data archive for container "{name}" from URL "{source}". Please ensure that '
                f"the object located at the URL is a valid tar.gz archive: {error}."
            ) from error
        archive.unlink()

    def scale(self, count: int) -> None:
        """Start or stop instances until there are `count`; new ones take traffic when their /ping passes."""
        with self._lock:
            while len(self.instances) < count:
                self._numbers += 1
                instance = Instance(self, self._numbers)
                self.instances = [*self.instances, instance]
                instance.start()
            surplus, self.instances = self.instances[count:], self.instances[:count]
            self.count = count
        for instance in surplus:
            self._retire(instance)

    def await_healthy(self, check: Callable[[], None]) -> None:
        """Return when every instance is healthy. Raises FleetError; `check` may raise to give up earlier."""
        wanted = self.variant_record.get("ContainerStartupHealthCheckTimeoutInSeconds", 480)
        deadline = time.monotonic() + min(wanted, self.core.limits.startup_seconds)
        while not all(instance.healthy for instance in self.instances):
            check()
            ended = [one for one in self.instances if one.exits >= self.core.limits.startup_exits]
            if ended:
                detail = f" The container exited {ended[0].exits} times, last with code {ended[0].last_exit}."
                raise FleetError(self._unhealthy() + detail)
            if time.monotonic() > deadline:
                raise FleetError(self._unhealthy())
            self.core.stopping.wait(_POLL_SECONDS)

    def _unhealthy(self) -> str:
        return (
            f"The primary container for production variant {self.variant} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )

    @property
    def healthy_count(self) -> int:
        """Instances that serve now."""
        return sum(instance.healthy for instance in self.instances)

    def deployed_images(self) -> list[dict[str, Any]]:
        """DescribeEndpoint's DeployedImages."""
        image = {"SpecifiedImage": self._container["Image"], "ResolutionTime": self.resolved_at}
        if hasattr(self, "image"):
            image["ResolvedImage"] = self.image.resolved
        return [image]

    def close(self) -> None:
        """Let requests in flight end, then stop all servers and remove the model's files."""
        stops = [threading.Thread(target=self._retire, args=(one,), daemon=True) for one in self.instances]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        self.instances = []
        shutil.rmtree(self.directory, ignore_errors=True)

    def _retire(self, instance: Instance) -> None:
        deadline = time.monotonic() + self.core.limits.drain_seconds
        instance.healthy = False  # no new request; one that was just handed to it is counted within a poll
        self.core.stopping.wait(_POLL_SECONDS)
        while instance.in_flight and time.monotonic() < deadline and not self.core.stopping.is_set():
            self.core.stopping.wait(_POLL_SECONDS)
        instance.stop()

    def log(self, stream: str, lines: list[str]) -> None:
        """Lines of a container to the endpoint's log group."""
        with contextlib.suppress(Exception):
            self.core.log(f"/aws/sagemaker/Endpoints/{self.endpoint}", stream, lines, self.scope)
