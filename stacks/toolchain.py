"""The pipeline that deploys this app, itself first."""

import json
from pathlib import Path

from aws_cdk import CfnElement, Duration, Environment, RemovalPolicy, Stack, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_kms as kms
from constructs import Construct, IConstruct

from slipway.config.platform import Toolchain
from slipway_constructs.acceptance import accept
from slipway_constructs.private_bucket import PrivateBucket
from stacks.environment import EnvironmentStage

ROOT = Path(__file__).resolve().parents[1]
CDK_ASSETS = "4.7.3"
"""What publishes assets in the pipeline; without it the pipeline installs whatever is newest that day."""


def cli_version() -> str:
    """The CDK CLI's version as package.json pins it, so that workstation and pipeline cannot differ."""
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    version: str = package["devDependencies"]["aws-cdk"]
    return version


class ToolchainStack(Stack):
    """A self-mutating pipeline: source, synth with every check, itself, then a wave for each environment in
    promotion order."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        toolchain: Toolchain,
        stages: list[EnvironmentStage],
        stack_name: str,
    ) -> None:
        super().__init__(
            scope,
            id_,
            stack_name=stack_name,
            env=Environment(account=toolchain.account, region=toolchain.region),
            termination_protection=True,
        )
        self._toolchain = toolchain
        pipeline = self._pipeline()
        for stage in stages:
            self._add_wave(pipeline, stage)
        pipeline.build_pipeline()
        self._accept_what_pipelines_need()

    def _pipeline(self) -> pipelines.CodePipeline:
        key = kms.Key(
            self,
            "Key",
            description="Slipway: artefacts of the pipeline",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._logs = PrivateBucket(self, "AccessLogs", key=key, removal_policy=RemovalPolicy.RETAIN)
        artefacts = PrivateBucket(
            self, "Artefacts", key=key, removal_policy=RemovalPolicy.RETAIN, access_logs=self._logs, expire_days=90
        )
        self._artefacts = artefacts
        return pipelines.CodePipeline(
            self,
            "Pipeline",
            code_pipeline=codepipeline.Pipeline(
                self,
                "CodePipeline",
                pipeline_type=codepipeline.PipelineType.V2,
                execution_mode=codepipeline.ExecutionMode.QUEUED,
                artifact_bucket=artefacts,
                restart_execution_on_update=True,
            ),
            synth=self._synth(),
            cli_version=cli_version(),
            cdk_assets_cli_version=CDK_ASSETS,
            self_mutation=True,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=codebuild.BuildEnvironment(build_image=codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5),
                timeout=Duration.hours(1),
            ),
        )

    def _synth(self) -> pipelines.ShellStep:
        source = self._toolchain.source
        return pipelines.ShellStep(
            "Synth",
            input=pipelines.CodePipelineSource.connection(
                source.repository, source.branch, connection_arn=source.connection_arn
            ),
            install_commands=["make setup"],
            commands=["make check"],
            primary_output_directory="cdk.out",
        )

    def _add_wave(self, pipeline: pipelines.CodePipeline, stage: EnvironmentStage) -> None:
        environment = stage.environment_declared
        approval = [pipelines.ManualApprovalStep(f"Promote to {environment.name}")] if environment.approval else []
        pipeline.add_stage(stage, pre=approval)

    def _accept_what_pipelines_need(self) -> None:
        """CDK Pipelines writes these roles itself. Each finding is accepted on the one policy that raises it."""
        bucket = f"Resource::<{self._id_of(self._artefacts)}.Arn>/*"
        read = ["Action::s3:GetBucket*", "Action::s3:GetObject*", "Action::s3:List*", bucket]
        keys = ["Action::kms:GenerateDataKey*", "Action::kms:ReEncrypt*"]
        write = [*read, *keys, "Action::s3:Abort*", "Action::s3:DeleteObject*"]
        source = self._toolchain.source.repository.replace("/", "_")
        synth, mutation = "CodePipeline/Build/Synth/CdkBuildProject", "Pipeline/UpdatePipeline/SelfMutation"
        for path, findings in {
            "CodePipeline/Role": write,
            f"CodePipeline/Source/{source}/CodePipelineActionRole": write,
            f"{synth}/Role": [*write, *self._build_findings(f"<{self._id_of(self._find(synth))}>", ":*", "-*")],
            f"{mutation}/Role": [
                *read,
                *keys,
                *self._build_findings(f"<{self._id_of(self._find(mutation))}>", ":*", "-*"),
                "Resource::*",
                f"Resource::arn:*:iam::{self.account}:role/*",
            ],
            "Pipeline/Assets/FileRole": [*read, *self._build_findings("*", "", ""), "Resource::*"],
        }.items():
            for finding in findings:
                accept(
                    self._find(f"{path}/DefaultPolicy"),
                    f"AwsSolutions-IAM5[{finding}]",
                    "Written by CDK Pipelines for its own artefact bucket, builds and deploy roles; it"
                    " offers no narrower form.",
                )

    def _build_findings(self, project: str, log_end: str, report_end: str) -> list[str]:
        place = f"{self.region}:{self.account}"
        return [
            f"Resource::arn:aws:logs:{place}:log-group:/aws/codebuild/{project}{log_end}",
            f"Resource::arn:aws:codebuild:{place}:report-group/{project}{report_end}",
        ]

    def _find(self, path: str) -> IConstruct:
        node: IConstruct = self
        for part in path.split("/"):
            node = node.node.find_child(part)
        return node

    def _id_of(self, construct: IConstruct) -> str:
        element = construct.node.default_child
        assert isinstance(element, CfnElement)
        return self.get_logical_id(element)
