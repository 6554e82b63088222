"""What a request about a model package must fulfil, besides its shape."""

import contextlib
import json
import re
from typing import Any

from rehearsal.host import Host, ImageNotFoundError
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.registry.model_card_schema import PACKAGE_CARD, check_content

_ECR = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9]+([._/-][a-z0-9]+)*(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?"
)
_S3 = re.compile(r"(s3://[^/]+/.+|https://[^/]*s3[.-][^/]*/.+)")
_MAX_ADDITIONAL = 15
_MAX_CUSTOM = 50
# Members of a sanitised card, as IncludedData=MetadataOnly leaves them (DescribeModelPackage, DescribeModelCard).
_METADATA = (
    ("model_overview", "model_id"),
    ("model_overview", "model_name"),
    ("intended_uses", "risk_rating"),
    ("model_package_details", "model_package_group_name"),
    ("model_package_details", "model_package_arn"),
)


def check_request(params: dict[str, Any], *, versioned: bool) -> None:
    """Refuse what the service refuses at creation, and loudly what needs a part of it that is not here."""
    if "SourceAlgorithmSpecification" in params:
        raise not_emulated("algorithm resources (SourceAlgorithmSpecification)")
    if params.get("CertifyForMarketplace"):
        raise not_emulated("certification for AWS Marketplace (CertifyForMarketplace)")
    if "ManagedStorageType" in params:
        raise not_emulated("model packages in managed storage (ManagedStorageType)")
    if versioned and params.get("Tags"):
        raise invalid("Tags cannot be given for a versioned model package: the tags of its group apply.")
    if not versioned:
        _check_unversioned(params)
    if "InferenceSpecification" in params:
        check_containers(params["InferenceSpecification"]["Containers"])
    check_additional(params.get("AdditionalInferenceSpecifications", []))
    if "ModelCard" in params:
        check_card(params["ModelCard"])


def _check_unversioned(params: dict[str, Any]) -> None:
    for member in ("ModelApprovalStatus", "ModelLifeCycle"):
        if member in params:
            raise invalid(f"{member} does not apply to an unversioned model package: register it in a group.")
    specification = params.get("InferenceSpecification")
    if specification is None:
        raise invalid("You must provide an InferenceSpecification or a SourceAlgorithmSpecification.")
    for member in ("SupportedTransformInstanceTypes", "SupportedRealtimeInferenceInstanceTypes"):
        if member not in specification:
            raise invalid(f"{member} is required in the InferenceSpecification of an unversioned model package.")


def check_card(card: dict[str, Any]) -> None:
    """The content of a package's card fits the schema of those cards."""
    check_content(card.get("ModelCardContent", "{}"), PACKAGE_CARD)


def check_containers(containers: list[dict[str, Any]]) -> None:
    """Images are in ECR and model data is in S3, once for each container."""
    for number, container in enumerate(containers, 1):
        image = container.get("Image")
        if image is not None and not _ECR.fullmatch(image):
            raise invalid(f'Container {number}: "{image}" is not the URI of an image in Amazon ECR.')
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            raise invalid(f"Container {number}: give either ModelDataUrl or ModelDataSource, not both.")
        url = container.get("ModelDataUrl")
        if url is not None and not _S3.fullmatch(url):
            raise invalid(f'Container {number}: ModelDataUrl "{url}" is not an S3 location.')


def check_additional(specifications: list[dict[str, Any]]) -> None:
    """Names are unique, containers as elsewhere."""
    names = [one["Name"] for one in specifications]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise invalid(f'AdditionalInferenceSpecifications: the name "{doubled[0]}" is used more than once.')
    if len(names) > _MAX_ADDITIONAL:
        most = f"AdditionalInferenceSpecifications can have at most {_MAX_ADDITIONAL} entries"
        raise invalid(f"{most}, this would make {len(names)}.")
    for one in specifications:
        check_containers(one["Containers"])


def with_digests(specification: dict[str, Any], host: Host) -> dict[str, Any]:
    """The specification with the digest of each image that the registry knows by its tag, as the service adds it."""
    containers = []
    for container in specification["Containers"]:
        image = container.get("Image", "")
        if image and "ImageDigest" not in container and "@" not in image:
            # The service does not ask for the image before a model is made of the package.
            with contextlib.suppress(ImageNotFoundError):
                container = {**container, "ImageDigest": host.image(image).digest}  # noqa: PLW2901
        containers.append(container)
    return {**specification, "Containers": containers}


def edited_properties(held: dict[str, str], params: dict[str, Any]) -> dict[str, str]:
    """CustomerMetadataProperties after an update: what is given wins, what is to be removed goes."""
    custom = {**held, **params.get("CustomerMetadataProperties", {})}
    for key in params.get("CustomerMetadataPropertiesToRemove", []):
        custom.pop(key, None)
    if len(custom) > _MAX_CUSTOM:
        raise invalid(
            f"CustomerMetadataProperties can have at most {_MAX_CUSTOM} entries, this would make {len(custom)}."
        )
    return custom


def sanitised(content: str) -> str:
    """A card's content with the members that MetadataOnly leaves."""
    card = json.loads(content or "{}")
    left: dict[str, dict[str, Any]] = {}
    for section, member in _METADATA:
        if member in card.get(section, {}):
            left.setdefault(section, {})[member] = card[section][member]
    return json.dumps(left)
