"""Jobs as a client of AWS sees them: boto3, its waiters, a role with a policy, images built by CodeBuild."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.cloud import Cloud

pytestmark = pytest.mark.rehearsal
PROGRAM = """
import http.server, json, os, sys
base = os.environ["SAGEMAKER_BASE_DIR"]
def path(name): return os.path.join(base, name)
if sys.argv[1] == "train":
    with open(path("input/config/resourceconfig.json")) as file: me = json.load(file)["current_host"]
    with open(path("input/config/hyperparameters.json")) as file: x = float(json.load(file).get("x", 0))
    with open(path("input/data/train_0"), "rb") as pipe: data = pipe.read()
    print("loss=%s;" % (x * x), flush=True)
    with open(path("model/" + me), "wb") as file: file.write(data)
else:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *a): pass
        def reply(self, body):
            self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
            self.wfile.write(body)
        def do_GET(self): self.reply(b"")
        def do_POST(self):
            rows = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
            self.reply("".join("%d\\n" % sum(map(int, row.split(","))) for row in rows).encode())
    http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12-slim\nWORKDIR /opt/program\nCOPY main.py ./\nENTRYPOINT ["python", "main.py"]\n'
INSTANCES = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}


class Account:
    """A bucket, a role, a KMS key and an image in a fresh cloud."""

    def __init__(self, cloud: Cloud, zipped: Callable[[dict[str, str]], bytes], wait_for: Callable[..., Any]) -> None:
        self.sagemaker, self.s3 = cloud.client("sagemaker"), cloud.client("s3")
        trusted = {"Service": ["sagemaker.amazonaws.com", "codebuild.amazonaws.com"]}
        trust = {"Statement": [{"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}]}
        iam = cloud.client("iam")
        role = iam.create_role(
            RoleName="worker", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust})
        )
        self.role = role["Role"]["Arn"]
        allowed = ["s3:*", "ecr:*", "logs:*", "kms:*", "cloudwatch:*"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]}
        iam.put_role_policy(RoleName="worker", PolicyName="work", PolicyDocument=json.dumps(policy))
        self.key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
        self.s3.create_bucket(Bucket="work", CreateBucketConfiguration={"LocationConstraint": self.s3.meta.region_name})
        for name, body in (("a.csv", b"1,2\n3,4\n"), ("b.csv", b"5,6\n")):
            self.s3.put_object(Bucket="work", Key=f"in/{name}", Body=body)
        self.s3.put_object(Bucket="work", Key="image.zip", Body=zipped({"main.py": PROGRAM, "Dockerfile": DOCKERFILE}))
        repository = cloud.client("ecr").create_repository(repositoryName="program")["repository"]["repositoryUri"]
        codebuild = cloud.client("codebuild")
        codebuild.create_project(
            name="program", serviceRole=self.role, artifacts={"type": "NO_ARTIFACTS"},
            source={"type": "S3", "location": "work/image.zip"},
            environment={
                "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL",
                "privilegedMode": True, "environmentVariables": [
                    {"name": "REPOSITORY_URI", "value": repository}, {"name": "IMAGE_TAG", "value": "1"},
                ],
            },
        )  # fmt: skip
        build = codebuild.start_build(projectName="program")["build"]["id"]
        built = wait_for(
            lambda: found if (found := codebuild.batch_get_builds(ids=[build])["builds"][0])["buildStatus"]
            != "IN_PROGRESS" else None
        )  # fmt: skip
        assert built["buildStatus"] == "SUCCEEDED", built["phases"]
        self.image = f"{repository}:1"

    def training(self, **more: Any) -> dict[str, Any]:
        source = {
            "S3DataType": "S3Prefix", "S3Uri": "s3://work/in/", "S3DataDistributionType": "ShardedByS3Key",
        }  # fmt: skip
        return {
            "RoleArn": self.role,
            "AlgorithmSpecification": {
                "TrainingImage": self.image, "TrainingInputMode": "Pipe",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
            },
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            "OutputDataConfig": {"S3OutputPath": "s3://work/out", "KmsKeyId": self.key},
            "ResourceConfig": INSTANCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **more,
        }  # fmt: skip


@pytest.fixture(scope="module")
def account(
    tmp_path_factory: pytest.TempPathFactory,
    zipped: Callable[[dict[str, str]], bytes],
    wait_for: Callable[..., Any],
) -> Iterator[Account]:
    with Cloud.start(tmp_path_factory.mktemp("jobs") / "state") as cloud:
        yield Account(cloud, zipped, wait_for)


def test_two_hosts_train_on_pipes_and_write_under_the_key(account: Account) -> None:
    account.sagemaker.create_training_job(TrainingJobName="two-hosts", **account.training())
    waiter = account.sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="two-hosts", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    job = account.sagemaker.describe_training_job(TrainingJobName="two-hosts")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    found = account.s3.get_object(Bucket=bucket, Key=key)
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", account.key)
    with tarfile.open(fileobj=io.BytesIO(found["Body"].read())) as tar:
        files = {one.name: tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr]
    assert files == {"algo-1": b"1,2\n3,4\n", "algo-2": b"5,6\n"}


def test_a_model_transforms_and_joins(account: Account) -> None:
    account.sagemaker.create_model(
        ModelName="adder", ExecutionRoleArn=account.role, PrimaryContainer={"Image": account.image}
    )
    account.sagemaker.create_transform_job(
        TransformJobName="sums", ModelName="adder",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://work/in/"}},
            "ContentType": "text/csv", "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": "s3://work/sums", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        DataProcessing={"JoinSource": "Input"},
    )  # fmt: skip
    waiter = account.sagemaker.get_waiter("transform_job_completed_or_stopped")
    waiter.wait(TransformJobName="sums", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert account.s3.get_object(Bucket="work", Key="sums/a.csv.out")["Body"].read() == b"1,2,3\n3,4,7\n"


def test_a_search_runs_and_its_best_child_is_told(account: Account, wait_for: Callable[..., Any]) -> None:
    definition = account.training()
    account.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="search",
        HyperParameterTuningJobConfig={
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "x", "Values": ["2", "1", "3"]}]},
        },
        TrainingJobDefinition=definition,
    )
    describe = lambda: account.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="search")  # noqa: E731
    job = wait_for(
        lambda: found if (found := describe())["HyperParameterTuningJobStatus"] != "InProgress" else None, 60
    )
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"x": "1"}
    children = account.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="search")
    assert len(children["TrainingJobSummaries"]) == 3
