"""A model package version, as a release needs it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from slipway_lambda.contracts.approval import read_approval
from slipway_lambda.contracts.registry import UNKNOWN_COMMIT, commit_of, data_version_of, metrics_of

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Package:
    """`faults`: why it cannot be released, in sentences; with any of them the other fields may be empty."""

    arn: str
    version: int
    approval: str
    """Names this approval: another reason given makes another approval."""
    image: str
    """repository@digest"""
    digest: str
    model_data_url: str
    artefact_sha256: str
    environment: Mapping[str, str]
    uris: Mapping[str, str]
    """golden_uri, baseline_statistics_uri, baseline_constraints_uri, schema_uri: those that the version has."""
    faults: tuple[str, ...] = field(default=())
    approval_words: str = ""
    """ApprovalDescription as it stands: who approved, when and why."""
    approved_by: str = ""
    """Empty where nobody is named."""
    data_version: str = ""
    commit: str = UNKNOWN_COMMIT
    metrics: Mapping[str, float] = field(default_factory=dict)


def read_package(description: Mapping[str, Any]) -> Package:
    """From DescribeModelPackage. What names the bytes must be there: image digest and artefact sha256."""
    faults: list[str] = []
    containers = description.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        faults.append(f"it has {len(containers)} containers, and a release takes exactly one")
    container = containers[0] if containers else {}
    notes = description.get("CustomerMetadataProperties", {})
    repository, _, pinned = container.get("Image", "").partition("@")
    digest = pinned or container.get("ImageDigest", "")
    # A tag may stand between name and digest; a port may stand in the registry's name.
    head, slash, name = repository.rpartition("/")
    repository = head + slash + name.partition(":")[0]
    if not DIGEST.match(digest):
        faults.append("its image has no digest")
    elif notes.get("image_digest", digest) != digest:
        faults.append(f"its image {digest} is not the one that was evaluated, {notes['image_digest']}")
    if not HEX.match(notes.get("artefact_sha256", "")):
        faults.append("its metadata has no artefact_sha256")
    if not container.get("ModelDataUrl", ""):
        faults.append("it has no model data")
    if not notes.get("golden_uri", ""):
        faults.append("its metadata has no golden_uri to smoke-test with")
    if (status := description.get("ModelPackageStatus")) != "Completed":
        faults.append(f"its status is {status}, not Completed")
    if (approval := description.get("ModelApprovalStatus")) != "Approved":
        faults.append(f"its approval status is {approval}, not Approved")
    return Package(
        arn=description.get("ModelPackageArn", ""),
        version=int(description.get("ModelPackageVersion", 0)),
        approval=sha256(description.get("ApprovalDescription", "").encode()).hexdigest()[:16],
        image=f"{repository}@{digest}",
        digest=digest,
        model_data_url=container.get("ModelDataUrl", ""),
        artefact_sha256=notes.get("artefact_sha256", ""),
        environment=dict(container.get("Environment", {})),
        uris={k: v for k, v in notes.items() if k.endswith("_uri")},
        faults=tuple(faults),
        approval_words=description.get("ApprovalDescription", ""),
        approved_by=_approved_by(description),
        data_version=data_version_of(description),
        commit=commit_of(description),
        metrics=metrics_of(notes),
    )


def _approved_by(description: Mapping[str, Any]) -> str:
    """As the approval's words name them; else who changed the version last, as long as no release has marked it since:
    who registers does not approve.
    """
    named = read_approval(description.get("ApprovalDescription", ""))["who"]
    if named or "ModelLifeCycle" in description:
        return named
    return str(description.get("LastModifiedBy", {}).get("IamIdentity", {}).get("Arn", ""))
