"""A CDK app for two accounts in two regions, the second using what the first shares: `python app.py <directory>`."""

import json
import sys

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs

HOME, OTHER = ("111122223333", "eu-west-1"), ("444455556666", "us-east-2")


class Shared(cdk.Stack):
    """A bucket under a key, a repository, the build of its image, and a role: all open to the other account."""

    def __init__(self, scope: cdk.Stage) -> None:
        super().__init__(scope, "Shared")
        reader = iam.AccountPrincipal(OTHER[0])
        key = kms.Key(self, "Key")
        key.grant_decrypt(reader)
        bucket = s3.Bucket(self, "Models", bucket_name=f"models-{HOME[0]}", encryption_key=key)
        bucket.grant_read(reader)
        repository = ecr.Repository(self, "Repository", repository_name="serve")
        repository.grant_pull(reader)
        project = codebuild.Project(
            self,
            "Build",
            project_name="serve",
            environment=codebuild.BuildEnvironment(privileged=True),
            source=codebuild.Source.s3(bucket=bucket, path="source.zip"),
            environment_variables={
                "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=repository.repository_uri),
                "IMAGE_TAG": codebuild.BuildEnvironmentVariable(value="v1"),
            },
            build_spec=codebuild.BuildSpec.from_object(
                {"version": "0.2", "phases": {"build": {"commands": ["docker build ."]}}}
            ),
        )
        repository.grant_pull_push(project)
        role = iam.Role(self, "Lister", role_name="lister", assumed_by=reader)
        bucket.grant_read(role)


class Using(cdk.Stack):
    """A function from an asset, what SageMaker runs as, a schedule into a queue, and an alarm."""

    def __init__(self, scope: cdk.Stage, code: str) -> None:
        super().__init__(scope, "Using")
        lambda_.Function(
            self,
            "Function",
            function_name="echo",
            runtime=lambda_.Runtime.PYTHON_3_12,
            handler="index.main",
            code=lambda_.Code.from_asset(code),
        )
        role = iam.Role(
            self, "Serving", role_name="serving", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")
        )
        read = ["s3:GetObject", "s3:ListBucket", "kms:Decrypt", "ecr:*", "logs:*", "cloudwatch:PutMetricData"]
        role.add_to_policy(iam.PolicyStatement(actions=read, resources=["*"]))
        queue = sqs.Queue(self, "Queue", queue_name="ticks")
        sender = iam.Role(self, "Sender", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        queue.grant_send_messages(sender)
        scheduler.CfnSchedule(
            self,
            "Hourly",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            schedule_expression="rate(1 hour)",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=queue.queue_arn, role_arn=sender.role_arn, input=json.dumps({"tick": self.region})
            ),
        )
        cloudwatch.Alarm(
            self,
            "Errors",
            alarm_name="errors",
            metric=cloudwatch.Metric(namespace="Places", metric_name="Errors", period=cdk.Duration.minutes(1)),
            threshold=3,
            evaluation_periods=1,
        )


def main(directory: str, code: str) -> None:
    app = cdk.App(outdir=directory, analytics_reporting=False)
    home = cdk.Stage(app, "Home", env=cdk.Environment(account=HOME[0], region=HOME[1]))
    other = cdk.Stage(app, "Other", env=cdk.Environment(account=OTHER[0], region=OTHER[1]))
    Shared(home)
    Using(other, code)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
