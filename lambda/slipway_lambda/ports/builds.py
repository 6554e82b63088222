"""CodeBuild and the image registry, as the image build sees them."""

from dataclasses import dataclass
from typing import Any, Protocol

from slipway_lambda.ports.clients import client


@dataclass(frozen=True)
class Build:
    """One build. `status`: IN_PROGRESS, SUCCEEDED, FAILED, FAULT, TIMED_OUT or STOPPED."""

    id: str
    status: str
    log_url: str = ""


class Builds(Protocol):
    """Starts builds and looks at them."""

    def start(self, project: str, token: str) -> Build:
        """Start the project's build. The same `token` within five minutes gives the same build."""

    def look(self, build_id: str) -> Build:
        """The build as it is now."""

    def image_exists(self, repository: str, tag: str) -> bool:
        """Whether the tag is in the repository."""


class AwsBuilds:
    """The real ones."""

    def start(self, project: str, token: str) -> Build:
        answer = client("codebuild").start_build(projectName=project, idempotencyToken=token)
        return _build(answer["build"])

    def look(self, build_id: str) -> Build:
        return _build(client("codebuild").batch_get_builds(ids=[build_id])["builds"][0])

    def image_exists(self, repository: str, tag: str) -> bool:
        ecr = client("ecr")
        try:
            found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except ecr.exceptions.ImageNotFoundException:
            return False
        return bool(found["imageDetails"])


def _build(record: dict[str, Any]) -> Build:
    return Build(record["id"], record["buildStatus"], record.get("logs", {}).get("deepLink", ""))
