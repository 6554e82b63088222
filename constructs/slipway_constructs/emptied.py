"""What is emptied before CloudFormation deletes it, where `retention` is `destroy`."""

from aws_cdk import CustomResource, Duration, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from slipway_constructs.access import accept_wildcards
from slipway_constructs.foundation import Foundation
from slipway_constructs.stage_function import StageFunction
from slipway_lambda.contracts.teardown import TAG, YES

PATIENCE = Duration.minutes(15)


class EmptiedBuckets(Construct):
    """All versions of all objects of the foundation's buckets go when the stack does, and not before: a deployment that
    takes this construct away loses nothing.
    """

    def __init__(self, scope: Construct, id_: str, *, foundation: Foundation) -> None:
        super().__init__(scope, id_)
        at = foundation
        buckets = (at.data, at.artefacts, at.capture, at.reports, at.access_logs)
        function = StageFunction(self, "Function", verb="empty_bucket", foundation=foundation, timeout=PATIENCE)
        names = [b.bucket_arn for b in buckets]
        _allow(function, ["s3:GetBucketTagging", "s3:ListBucketVersions"], names)
        _allow(function, ["s3:DeleteObject", "s3:DeleteObjectVersion"], [b.arn_for_objects("*") for b in buckets])
        for bucket in buckets:
            Tags.of(bucket).add(TAG, YES)
            resource = _custom(self, bucket.node.id, function, "Custom::EmptiedBucket", BucketName=bucket.bucket_name)
            if bucket.policy:
                resource.node.add_dependency(bucket.policy)
        _accept(function, "Objects are named by whoever puts them there; the buckets are named.")


class EmptiedModelGroup(Construct):
    """All versions of this group go when the stack does."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        group: sagemaker.CfnModelPackageGroup,
        versions: str,
        function: StageFunction,
    ) -> None:
        super().__init__(scope, id_)
        Tags.of(group).add(TAG, YES)
        arn = group.attr_model_package_group_arn
        _allow(function, ["sagemaker:ListTags", "sagemaker:ListModelPackages"], [arn])
        _allow(function, ["sagemaker:DeleteModelPackage"], [versions])
        _custom(
            self,
            "Resource",
            function,
            "Custom::EmptiedModelGroup",
            GroupArn=arn,
            GroupName=group.model_package_group_name,
        )
        _accept(function, "Versions are numbered when they are registered, below the group's name.")


def _custom(
    scope: Construct, id_: str, function: StageFunction, resource_type: str, **properties: str
) -> CustomResource:
    resource = CustomResource(
        scope,
        id_,
        resource_type=resource_type,
        service_token=function.function_arn,
        properties=properties,
        service_timeout=PATIENCE,
    )
    assert function.role is not None
    resource.node.add_dependency(function.role)  # it must still be allowed to delete when the stack goes
    return resource


def _allow(function: StageFunction, actions: list[str], resources: list[str]) -> None:
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))


def _accept(function: StageFunction, reason: str) -> None:
    assert isinstance(function.role, iam.Role)
    accept_wildcards(function.role, reason)
