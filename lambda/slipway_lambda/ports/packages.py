"""Versions of the registry."""

from typing import Protocol

from slipway_lambda.ports.clients import client


class Packages(Protocol):
    """Reads model packages."""

    def approval(self, arn: str) -> str:
        """ModelApprovalStatus as it is now."""


class SageMakerPackages:
    """The real ones."""

    def approval(self, arn: str) -> str:
        return str(client("sagemaker").describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"])
