"""ARNs of what releases of one endpoint read and make."""

from dataclasses import dataclass

from aws_cdk import Aws

from slipway.config import names
from slipway.config.model import Model


@dataclass(frozen=True)
class ReleaseResources:
    """Configs and models are named `<endpoint>-v<version>-<hash>` by each release, so their ARNs end in a wildcard."""

    endpoint: str
    group: str

    @classmethod
    def of(cls, model: Model, endpoint: str) -> "ReleaseResources":
        """Of a model's endpoint."""
        return cls(endpoint=endpoint, group=names.package_group(model))

    @property
    def endpoint_arn(self) -> str:
        """The endpoint."""
        return self._arn(f"endpoint/{self.endpoint}")

    @property
    def config_arns(self) -> str:
        """Its configs."""
        return self._arn(f"endpoint-config/{self.endpoint}-v*")

    @property
    def model_arns(self) -> str:
        """Its models."""
        return self._arn(f"model/{self.endpoint}-v*")

    @property
    def any_endpoint_arns(self) -> str:
        """All endpoints of the account, which share its quotas."""
        return self._arn("endpoint/*")

    @property
    def any_config_arns(self) -> str:
        """Their configs."""
        return self._arn("endpoint-config/*")

    @property
    def deployment_arns(self) -> str:
        """Its deployments in the lineage, named after its configs."""
        return self._arn(f"action/{self.endpoint}-v*")

    @property
    def group_arn(self) -> str:
        """The model package group."""
        return self._arn(f"model-package-group/{self.group}")

    @property
    def version_arns(self) -> str:
        """The group's versions."""
        return self._arn(f"model-package/{self.group}/*")

    @staticmethod
    def _arn(resource: str) -> str:
        return f"arn:{Aws.PARTITION}:sagemaker:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"
