"""What the SageMaker overlay needs of the cloud that hosts it. The overlay knows nothing else of the emulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rehearsal.clock import Clock


@dataclass(frozen=True)
class Image:
    """A container image that the embedded registry holds, laid out as a directory.

    `entrypoint` is the Dockerfile's exec-form ENTRYPOINT (then CMD), with `python`/`python3` replaced by this
    interpreter;
    `directory` is the image's WORKDIR: its files as the Dockerfile's COPY lines put them there.
    """

    repository_uri: str
    digest: str
    directory: Path
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def resolved(self) -> str:
        """repository@sha256:…, as DescribeEndpoint's ResolvedImage gives it."""
        return f"{self.repository_uri}@{self.digest}"


class ImageNotFoundError(Exception):
    """No such image, tag or digest in the registry."""


class ImageDeniedError(ImageNotFoundError):
    """The image is another account's, which does not let the role have it."""


@dataclass(frozen=True)
class Scope:
    """Where a call happens."""

    account: str
    region: str


class Host(Protocol):
    """The emulator, as the SageMaker overlay sees it."""

    clock: Clock

    def client(self, service: str, role_arn: str, scope: Scope) -> Any:
        """A boto3 client that acts as the role: what the role may not do is denied."""

    def publish_event(
        self, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any], scope: Scope
    ) -> None:
        """Put an `aws.sagemaker` event on the account's default bus."""

    def put_metrics(self, namespace: str, data: Sequence[Mapping[str, Any]], scope: Scope) -> None:
        """Metrics the service itself emits, in PutMetricData's MetricData shape; Timestamp in epoch seconds of cloud
        time."""

    def alarm_state(self, name: str, scope: Scope) -> str | None:
        """OK, ALARM or INSUFFICIENT_DATA; None when there is no such alarm."""

    def scalable_variants(self, endpoint: str, scope: Scope) -> frozenset[str]:
        """Variants of the endpoint that Application Auto Scaling has as scalable targets."""

    def deregister_variants(self, endpoint: str, scope: Scope) -> None:
        """Take all variants of an endpoint that is being deleted from Application Auto Scaling."""

    def image(self, uri: str) -> Image:
        """The image behind `repository:tag` or `repository@sha256:…`. Raises ImageNotFoundError."""

    def pull(self, uri: str, role_arn: str, scope: Scope) -> Image:
        """The image, for a role that runs it in a scope: another account's registry must let the role have it.
        Raises ImageDeniedError, ImageNotFoundError."""

    def write_log(self, group: str, stream: str, lines: Sequence[str], scope: Scope) -> None:
        """Append lines to CloudWatch Logs."""
