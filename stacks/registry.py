"""Images and model versions."""

from collections.abc import Sequence

from aws_cdk import Stack
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.foundation import Foundation
from slipway_constructs.registry import Images, ModelVersions


class RegistryStack(Stack):
    """The build environment's image repositories, image builds and model package groups."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        foundation: Foundation,
        models: Sequence[Model],
        serving_accounts: Sequence[str],
        termination_protection: bool,
    ) -> None:
        super().__init__(scope, id_, termination_protection=termination_protection)
        self.images = Images(self, "Images", foundation=foundation)
        self.versions = ModelVersions(
            self, "Versions", models=models, serving_accounts=serving_accounts, foundation=foundation
        )
