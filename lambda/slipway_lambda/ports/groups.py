"""Model package groups and their versions, as SageMaker has them."""

from collections.abc import Iterator
from typing import Protocol

from slipway_lambda.ports.clients import client


class Groups(Protocol):
    """Reads a group's tags; lists and deletes its versions."""

    def tags(self, group_arn: str) -> dict[str, str]:
        """Of the group."""

    def of_group(self, group: str) -> Iterator[str]:
        """ARNs of the versions; none where there is no group."""

    def delete(self, version_arn: str) -> None:
        """Delete a version."""


class SageMakerGroups:
    """The real ones."""

    def tags(self, group_arn: str) -> dict[str, str]:
        return {t["Key"]: t["Value"] for t in client("sagemaker").list_tags(ResourceArn=group_arn)["Tags"]}

    def of_group(self, group: str) -> Iterator[str]:
        pages = client("sagemaker").get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
        return (p["ModelPackageArn"] for page in pages for p in page["ModelPackageSummaryList"])

    def delete(self, version_arn: str) -> None:
        client("sagemaker").delete_model_package(ModelPackageName=version_arn)
