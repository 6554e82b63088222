"""A container image from a folder of this repository."""

from pathlib import Path

from aws_cdk import CustomResource, Duration, RemovalPolicy
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from slipway_constructs.acceptance import accept
from slipway_constructs.foundation import Foundation
from slipway_constructs.stage_function import NOT_SOURCE, StageFunction

CONTAINERS = Path(__file__).resolve().parents[2] / "containers"
BUILD = {
    "version": "0.2",
    "phases": {
        "build": {
            "commands": [
                'aws ecr get-login-password | docker login --username AWS --password-stdin "${REPOSITORY_URI%%/*}"',
                'docker build --pull --tag "$REPOSITORY_URI:$IMAGE_TAG" .',
                'docker push "$REPOSITORY_URI:$IMAGE_TAG"',
            ]
        }
    },
}


class ContainerImage(Construct):
    """The image of `containers/<name>`: a repository, its build, and a custom resource that waits until the image is
    there.

    `repository` and `tag` (the hash of the folder) name it; workflows resolve the tag to a digest before they use it.
    """

    def __init__(
        self, scope: Construct, id_: str, *, name: str, foundation: Foundation, builder: StageFunction
    ) -> None:
        super().__init__(scope, id_)
        self._source = assets.Asset(self, "Source", path=str(CONTAINERS / name), exclude=NOT_SOURCE)
        self.tag = self._source.asset_hash
        self.repository = self._repository(foundation)
        self._project = self._build_project(name, foundation)
        self.built = self._image(builder)

    def _repository(self, foundation: Foundation) -> ecr.Repository:
        return ecr.Repository(
            self,
            "Repository",
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=foundation.keys.models,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="Untagged layers of broken pushes",
                    max_image_age=Duration.days(14),
                    tag_status=ecr.TagStatus.UNTAGGED,
                )
            ],
            removal_policy=foundation.removal_policy,
            empty_on_delete=foundation.removal_policy is RemovalPolicy.DESTROY,
        )

    def _build_project(self, name: str, foundation: Foundation) -> codebuild.Project:
        role = iam.Role(self, "BuildRole", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
        log_group = logs.LogGroup(
            self,
            "BuildLog",
            encryption_key=foundation.keys.operations,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=foundation.removal_policy,
        )
        project = codebuild.Project(
            self,
            "Build",
            description=f"Builds containers/{name}",
            role=role.without_policy_updates(),
            source=codebuild.Source.s3(bucket=self._source.bucket, path=self._source.s3_object_key),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5, privileged=True
            ),
            environment_variables={
                "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=self.repository.repository_uri),
                "IMAGE_TAG": codebuild.BuildEnvironmentVariable(value=self.tag),
            },
            build_spec=codebuild.BuildSpec.from_object(BUILD),
            encryption_key=foundation.keys.models,
            grant_report_group_permissions=False,
            logging=codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log_group)),
            timeout=Duration.minutes(14),
        )
        log_group.grant_write(role)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[self._source.bucket.arn_for_objects(self._source.s3_object_key)],
            )
        )
        self.repository.grant_pull_push(role)
        accept(
            project,
            "AwsSolutions-CB3",
            "Building an image needs the Docker daemon, which CodeBuild gives only to a privileged build.",
        )
        accept(
            role.node.find_child("DefaultPolicy"),
            "AwsSolutions-IAM5[Resource::*]",
            "ecr:GetAuthorizationToken takes no resource; the other statements of this role name theirs.",
        )
        return project

    def _image(self, builder: StageFunction) -> CustomResource:
        builder.add_to_role_policy(
            iam.PolicyStatement(
                actions=["codebuild:StartBuild", "codebuild:BatchGetBuilds"], resources=[self._project.project_arn]
            )
        )
        builder.add_to_role_policy(
            iam.PolicyStatement(actions=["ecr:DescribeImages"], resources=[self.repository.repository_arn])
        )
        image = CustomResource(
            self,
            "Image",
            resource_type="Custom::ContainerImage",
            service_token=builder.function_arn,
            properties={
                "Project": self._project.project_name,
                "Repository": self.repository.repository_name,
                "Tag": self.tag,
            },
            service_timeout=Duration.minutes(15),
        )
        # Neither the function nor the build may be used before its permissions are there.
        image.node.add_dependency(builder.role, self._project.role)
        return image
