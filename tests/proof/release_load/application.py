"""Foundation, registry and a release stack for each strategy, deployed by the CDK's own command line; one image."""

import io
import json
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import App, Stage
from aws_cdk import Environment as CdkEnvironment

from rehearsal.cloud import Cloud
from release_load.strategies import Objectives, model
from slipway.config.model import Model
from slipway.config.platform import Environment, Notifications, Retention
from slipway.config.rollout import Strategy
from stacks.foundation import FoundationStack
from stacks.registry import RegistryStack
from stacks.release import ReleaseStack

ACCOUNT, REGION = "111122223333", "eu-west-1"
CONTAINER = Path(__file__).parent / "container"
BUILDER = "load-proof-builder"


def synthesise(root: Path, folder: Path, strategies: Sequence[Strategy], objectives: Objectives) -> Path:
    """The stage's assembly."""
    models = [Model.model_validate(model(one, objectives)) for one in strategies]
    context = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = App(outdir=str(folder), builtin_cloud_formation_validation=False, context=context, analytics_reporting=False)
    environment = Environment(name="dev", account=ACCOUNT, region=REGION, retention=Retention.DESTROY)
    stage = Stage(app, "Dev", env=CdkEnvironment(account=ACCOUNT, region=REGION))
    foundation = FoundationStack(stage, "Foundation", environment=environment, notifications=Notifications()).foundation
    registry = RegistryStack(
        stage, "Registry", foundation=foundation, models=models, serving_accounts=[], termination_protection=False
    )
    for one in models:
        ReleaseStack(stage, f"Release-{one.name}", model=one, foundation=foundation, images=registry.images)
    app.synth()
    return folder / "assembly-Dev"


def outputs(cloud: Cloud) -> dict[str, dict[str, str]]:
    """Outputs by the last part of the stack's name."""
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return {
        s["StackName"].removeprefix("Dev-"): {o["OutputKey"]: o["OutputValue"] for o in s.get("Outputs", [])}
        for s in found
    }


def build_image(cloud: Cloud) -> str:
    """The proofs' own container, pushed where the app's serving image lies. Its URI, by digest."""
    bucket, builds, iam = "load-proof-source", cloud.client("codebuild"), cloud.client("iam")
    (repository,) = (
        r for r in cloud.client("ecr").describe_repositories()["repositories"] if "tabular" in r["repositoryName"]
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(CONTAINER.iterdir()):
            if path.is_file():
                archive.write(path, path.name)
    cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud.client("s3").put_object(Bucket=bucket, Key="source.zip", Body=packed.getvalue())
    trust = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=BUILDER, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": ["s3:*", "ecr:*", "logs:*", "kms:*"], "Resource": "*"}
    iam.put_role_policy(RoleName=BUILDER, PolicyName="build", PolicyDocument=_policy(allowed))
    variables = {"REPOSITORY_URI": repository["repositoryUri"], "IMAGE_TAG": "load-proof"}
    builds.create_project(
        name=BUILDER,
        source={"type": "S3", "location": f"{bucket}/source.zip", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "privilegedMode": True,
            "environmentVariables": [{"name": k, "value": v} for k, v in variables.items()],
        },
        serviceRole=role,
    )
    started = builds.start_build(projectName=BUILDER)["build"]["id"]
    while (build := builds.batch_get_builds(ids=[started])["builds"][0])["buildStatus"] == "IN_PROGRESS":
        time.sleep(0.05)
    assert build["buildStatus"] == "SUCCEEDED", build
    images = cloud.client("ecr").describe_images(
        repositoryName=repository["repositoryName"], imageIds=[{"imageTag": "load-proof"}]
    )
    return f"{repository['repositoryUri']}@{images['imageDetails'][0]['imageDigest']}"


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
