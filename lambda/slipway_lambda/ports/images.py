"""Container images in ECR."""

import re
from typing import Protocol

from slipway_lambda.contracts.errors import SlipwayError
from slipway_lambda.ports.clients import client

URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.[a-z.]+(:\d+)?/(?P<name>[^@:]+)@(?P<digest>sha256:[0-9a-f]{64})\Z"
)


class BadImageUriError(SlipwayError):
    """Not an ECR image by digest."""


class Images(Protocol):
    """Looks images up."""

    def exists(self, uri: str) -> bool:
        """Whether `<registry>/<repository>@<digest>` can still be pulled."""


class EcrImages:
    """The real ones."""

    def exists(self, uri: str) -> bool:
        account, name, digest = parse(uri)
        ecr = client("ecr")
        try:
            found = ecr.describe_images(registryId=account, repositoryName=name, imageIds=[{"imageDigest": digest}])
        except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
            return False
        return bool(found["imageDetails"])


def parse(uri: str) -> tuple[str, str, str]:
    """Account, repository and digest."""
    match = URI.match(uri)
    if not match:
        raise BadImageUriError(f"{uri!r} is not an ECR image by digest.")
    return match["account"], match["name"], match["digest"]
