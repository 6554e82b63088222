"""Versions of a model package group, as the registry lists them."""

from collections.abc import Iterator
from typing import Any, Protocol

from slipway_lambda.ports.clients import client


class Versions(Protocol):
    """Lists versions and sets their lifecycle stage."""

    def approved(self, group: str) -> Iterator[dict[str, Any]]:
        """ModelPackageSummary of every approved version, newest first."""

    def mark(self, arn: str, stage: str, status: str, description: str) -> None:
        """Set a version's lifecycle stage; nothing else of it changes."""


class RegistryVersions:
    """The real ones."""

    def approved(self, group: str) -> Iterator[dict[str, Any]]:
        pages = (
            client("sagemaker")
            .get_paginator("list_model_packages")
            .paginate(
                ModelPackageGroupName=group,
                ModelApprovalStatus="Approved",
                SortBy="CreationTime",
                SortOrder="Descending",
            )
        )
        return (version for page in pages for version in page["ModelPackageSummaryList"])

    def mark(self, arn: str, stage: str, status: str, description: str) -> None:
        client("sagemaker").update_model_package(
            ModelPackageArn=arn,
            ModelLifeCycle={"Stage": stage, "StageStatus": status, "StageDescription": description[:1024]},
        )
