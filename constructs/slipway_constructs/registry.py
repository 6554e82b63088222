"""Images and model versions of the build environment."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model
from slipway_constructs.container_image import ContainerImage
from slipway_constructs.emptied import EmptiedModelGroup
from slipway_constructs.foundation import Foundation
from slipway_constructs.stage_function import StageFunction


class Images(Construct):
    """The images this app ships: `tabular` trains and serves, `monitor` judges captured requests."""

    def __init__(self, scope: Construct, id_: str, *, foundation: Foundation) -> None:
        super().__init__(scope, id_)
        builder = StageFunction(
            self, "Builder", verb="build_image", foundation=foundation, timeout=Duration.minutes(15)
        )
        self.tabular = ContainerImage(self, "Tabular", name="tabular", foundation=foundation, builder=builder)
        self.monitor = ContainerImage(self, "Monitor", name="monitor", foundation=foundation, builder=builder)


class ModelVersions(Construct):
    """A model package group for each model, which the accounts that serve it may read and deploy from."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        models: Sequence[Model],
        serving_accounts: Sequence[str],
        foundation: Foundation,
    ) -> None:
        super().__init__(scope, id_)
        self._groups = {m.name: self._group(m, serving_accounts) for m in models}
        if foundation.removal_policy is RemovalPolicy.DESTROY:
            self._empty_before_deletion(models, foundation)

    def group(self, model: Model) -> sagemaker.CfnModelPackageGroup:
        """The group of a declared model."""
        return self._groups[model.name]

    def _group(self, model: Model, serving_accounts: Sequence[str]) -> sagemaker.CfnModelPackageGroup:
        name = names.package_group(model)
        return sagemaker.CfnModelPackageGroup(
            self,
            names.model_id(model),
            model_package_group_name=name,
            model_package_group_description=model.description or f"Versions of {name}",
            model_package_group_policy=self._reading_policy(name, serving_accounts) if serving_accounts else None,
        )

    def _empty_before_deletion(self, models: Sequence[Model], foundation: Foundation) -> None:
        function = StageFunction(
            self, "Emptying", verb="empty_model_group", foundation=foundation, timeout=Duration.minutes(15)
        )
        for model in models:
            EmptiedModelGroup(
                self,
                f"Emptied{names.model_id(model)}",
                group=self.group(model),
                versions=Stack.of(self).format_arn(
                    service="sagemaker",
                    resource="model-package",
                    resource_name=f"{names.package_group(model)}/*",
                    arn_format=ArnFormat.SLASH_RESOURCE_NAME,
                ),
                function=function,
            )

    def _reading_policy(self, group: str, accounts: Sequence[str]) -> iam.PolicyDocument:
        """Serving accounts describe, list and deploy; they do not approve."""
        principals = [iam.AccountPrincipal(a) for a in accounts]
        stack = Stack.of(self)
        return iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(
                    sid="Group",
                    principals=principals,
                    actions=["sagemaker:DescribeModelPackageGroup"],
                    resources=[
                        stack.format_arn(service="sagemaker", resource="model-package-group", resource_name=group)
                    ],
                ),
                iam.PolicyStatement(
                    sid="Versions",
                    principals=principals,
                    actions=["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:CreateModel"],
                    resources=[
                        stack.format_arn(
                            service="sagemaker",
                            resource="model-package",
                            resource_name=f"{group}/*",
                            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
                        )
                    ],
                ),
            ]
        )
