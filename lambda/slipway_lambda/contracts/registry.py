"""What a model package version says of itself beyond SageMaker's own members, and how it is read back.

CustomerMetadataProperties: `artefact_sha256`, `image_digest`, `data_version` (sha256 over key, ETag and size of every
training object), places (`…_uri`), and each metric of the evaluation under its own name. MetadataProperties:
`GeneratedBy` (the training execution) and `CommitId` (of the app that was deployed when it trained).
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

UNKNOWN_COMMIT = "unknown"
"""Nobody said at synth which commit it is."""
DATA_VERSION = "data_version"
IDENTITIES = frozenset({DATA_VERSION, "image_digest", "artefact_sha256"})
"""Texts that are no metrics, though one may be all digits."""
PRODUCTION, ARCHIVED = "Production", "Archived"
"""Lifecycle stages. Production: Approved while it is live, Rejected once it failed there or was left. Archived: it was
live and another version took its place; it may be gone back to.
"""
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_LARGEST = 1e120
"""DynamoDB's numbers end a little above."""


def metrics_of(metadata: Mapping[str, str]) -> dict[str, float]:
    """Every metric of the evaluation, by name."""
    found = {k: float(v) for k, v in metadata.items() if k not in IDENTITIES and _NUMBER.match(v)}
    return {k: v for k, v in found.items() if isfinite(v) and (v == 0 or 1 / _LARGEST < abs(v) < _LARGEST)}


def commit_of(package: Mapping[str, Any]) -> str:
    """The commit of a version, from DescribeModelPackage."""
    return str(package.get("MetadataProperties", {}).get("CommitId") or UNKNOWN_COMMIT)


def data_version_of(package: Mapping[str, Any]) -> str:
    """What it was trained on, from DescribeModelPackage; empty where it does not say."""
    return str(package.get("CustomerMetadataProperties", {}).get(DATA_VERSION, ""))
