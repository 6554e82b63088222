"""A cloud with what a client's first day needs: a role, a bucket, two images, a little data."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import Cloud

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BUCKET = "client-bucket"
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}


@dataclass
class Workbench:
    """What the journeys are told, as JSON of `facts`."""

    cloud: Cloud
    facts: dict[str, str]


def archive(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                zipped.write(path, str(path.relative_to(folder)))
    return buffer.getvalue()


def until(question: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    return until


def build(cloud: Cloud, role: str, name: str, folder: Path) -> str:
    """An image by CodeBuild; returns its digest URI."""
    registry = cloud.client("ecr").create_repository(repositoryName=name)["repository"]
    cloud.client("s3").put_object(Bucket=BUCKET, Key=f"source/{name}.zip", Body=archive(folder))
    codebuild = cloud.client("codebuild")
    codebuild.create_project(
        name=name,
        source={"type": "S3", "location": f"{BUCKET}/source/{name}.zip", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "privilegedMode": True,
            "environmentVariables": [
                {"name": "REPOSITORY_URI", "value": registry["repositoryUri"]},
                {"name": "IMAGE_TAG", "value": "one"},
            ],
        },
        serviceRole=role,
    )
    identity = codebuild.start_build(projectName=name)["build"]["id"]

    def ended() -> Any:
        found = codebuild.batch_get_builds(ids=[identity])["builds"][0]
        return found if found["buildStatus"] != "IN_PROGRESS" else None

    assert until(ended, f"the build of {name}")["buildStatus"] == "SUCCEEDED"
    (image,) = cloud.client("ecr").describe_images(repositoryName=name)["imageDetails"]
    return f"{registry['repositoryUri']}@{image['imageDigest']}"


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with Cloud.start(tmp_path_factory.mktemp("cloud"), speed=60) as cloud:
        s3, iam = cloud.client("s3"), cloud.client("iam")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": cloud.region})
        services = ["sagemaker.amazonaws.com", "codebuild.amazonaws.com"]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        role = iam.create_role(RoleName="client", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        allowed = ["s3:*", "ecr:*", "logs:*", "cloudwatch:PutMetricData", "sagemaker:*"]
        statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName="client", PolicyName="work", PolicyDocument=policy)
        s3.put_object(Bucket=BUCKET, Key="data/train.csv", Body=b"1,2\n3,4\n")
        baseline = "a,b\n" + "".join(f"{n % 7},{n % 11}\n" for n in range(300))
        s3.put_object(Bucket=BUCKET, Key="baseline/baseline.csv", Body=baseline.encode())
        facts = {
            "role": role,
            "bucket": BUCKET,
            "image": build(cloud, role, "client-model", HERE / "container"),
            "monitor_image": build(cloud, role, "client-monitor", ROOT / "containers" / "monitor"),
            "region": cloud.region,
            "account": cloud.account,
        }
        # The service's own image cannot be had here: ours stands in for it wherever it is named.
        cloud.stand_in("sagemaker-model-monitor-analyzer", facts["monitor_image"])
        analyzer = "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"
        yield Workbench(cloud, {**facts, "analyzer": analyzer})


@pytest.fixture(scope="module")
def baseline(workbench: Workbench) -> None:
    """Statistics and constraints of the baseline data, made by our monitor's image."""
    facts, sagemaker = workbench.facts, workbench.cloud.client("sagemaker")
    root, cluster = f"s3://{facts['bucket']}", CLUSTER
    sagemaker.create_processing_job(
        ProcessingJobName="baseline",
        RoleArn=facts["role"],
        AppSpecification={"ImageUri": facts["analyzer"]},
        Environment={
            "dataset_format": json.dumps({"csv": {"header": True}}),
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
            "output_path": "/opt/ml/processing/output",
        },
        ProcessingInputs=[
            {
                "InputName": "baseline",
                "S3Input": {
                    "S3Uri": f"{root}/baseline/",
                    "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"{root}/monitor/baseline",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        ProcessingResources={"ClusterConfig": cluster},
    )
    sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
        ProcessingJobName="baseline", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    made = sagemaker.describe_processing_job(ProcessingJobName="baseline")
    assert made["ProcessingJobStatus"] == "Completed", made.get("FailureReason")
