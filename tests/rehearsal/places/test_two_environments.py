"""One deployment of an app with an environment in another account and region: bootstrapped, trusted, and at work."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.assembly import Placed, stacks_of
from rehearsal.cloud import Cloud
from rehearsal.errors import CloudError
from rehearsal.host import Scope

pytestmark = pytest.mark.rehearsal

HERE = Path(__file__).parent
HOME, OTHER = Scope("111122223333", "eu-west-1"), Scope("444455556666", "us-east-2")
SERVER = """
import http.server, os, signal
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self): self.answer(b"")
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(open("/opt/ml/model/model.txt".replace("/opt/ml", os.environ["SAGEMAKER_BASE_DIR"]), "rb").read())
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12\nWORKDIR /opt/program\nCOPY serve.py .\nENTRYPOINT ["python", "serve.py"]\n'


def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text("def main(event, context):\n    return context.invoked_function_arn\n")
    node = {"JSII_NODE": str(Path(sys.prefix) / "bin" / "node"), "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}
    command = [sys.executable, HERE / "app.py", folder / "cdk.out", folder / "code"]
    subprocess.run(command, check=True, env={**os.environ, **node}, capture_output=True)
    return folder / "cdk.out"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, assembly: Path) -> Iterator[tuple[Cloud, Cloud]]:
    """Both environments as their own operators, once everything is deployed from the first."""
    with Cloud.start(tmp_path_factory.mktemp("places-cloud") / "state", account=HOME.account) as cloud:
        report = cloud.deploy(assembly, stacks=("*/*",))
        assert report["stacks"] == 2
        yield cloud, cloud.at(OTHER.account, OTHER.region)


def test_every_environment_is_bootstrapped_and_trusts_the_operator_alone(places: tuple[Cloud, Cloud]) -> None:
    for cloud in places:
        stack = cloud.client("cloudformation").describe_stacks(StackName="CDKToolkit")["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
    role = f"cdk-hnb659fds-deploy-role-{OTHER.account}-{OTHER.region}"
    trust = places[1].client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    principals = [statement["Principal"]["AWS"] for statement in trust["Statement"]]
    trusted = {one for named in principals for one in (named if isinstance(named, list) else [named])}
    assert {one.removeprefix("arn:aws:iam::").removesuffix(":root") for one in trusted} == {OTHER.account, HOME.account}
    session = (
        places[0]
        .client("sts")
        .assume_role(RoleArn=f"arn:aws:iam::{OTHER.account}:role/{role}", RoleSessionName="deployer")
    )
    assert f":{OTHER.account}:assumed-role/{role}/deployer" in session["AssumedRoleUser"]["Arn"]
    third = places[0].at("777788889999", OTHER.region).client("sts")
    with pytest.raises(third.exceptions.ClientError, match="AccessDenied"):
        third.assume_role(RoleArn=f"arn:aws:iam::{OTHER.account}:role/{role}", RoleSessionName="third")


def test_an_asset_runs_where_it_was_published(places: tuple[Cloud, Cloud]) -> None:
    home, other = places
    answer = other.client("lambda").invoke(FunctionName="echo")
    assert json.load(answer["Payload"]) == f"arn:aws:lambda:{OTHER.region}:{OTHER.account}:function:echo"
    assert home.client("lambda").list_functions()["Functions"] == []


def test_the_other_account_reads_through_the_role_it_is_trusted_by(places: tuple[Cloud, Cloud]) -> None:
    home, other = places
    home.client("s3").put_object(Bucket="models-111122223333", Key="told", Body=b"sealed")
    role = f"arn:aws:iam::{HOME.account}:role/lister"
    assert other.client("s3", role).get_object(Bucket="models-111122223333", Key="told")["Body"].read() == b"sealed"
    denied = other.client("s3", role)
    with pytest.raises(denied.exceptions.ClientError, match="AccessDenied"):
        denied.put_object(Bucket="models-111122223333", Key="new", Body=b"")


def test_schedules_and_alarms_run_in_the_second_environment(places: tuple[Cloud, Cloud]) -> None:
    home, other = places
    sqs, watch = other.client("sqs"), other.client("cloudwatch")
    watch.put_metric_data(Namespace="Places", MetricData=[{"MetricName": "Errors", "Value": 9}])
    home.client("cloudwatch").put_metric_data(Namespace="Places", MetricData=[{"MetricName": "Errors", "Value": 1}])
    home.clock.advance(60)
    assert watch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"] == "ALARM"
    home.clock.advance(3600)
    queue = sqs.get_queue_url(QueueName="ticks")["QueueUrl"]
    found = until(lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages"))
    assert json.loads(found[0]["Body"]) == {"tick": OTHER.region}


@pytest.fixture(scope="module")
def image(places: tuple[Cloud, Cloud]) -> str:
    """Built and kept in the first account, with the model beside it."""
    s3, builds = places[0].client("s3"), places[0].client("codebuild")
    source, packed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("Dockerfile", DOCKERFILE)
        archive.writestr("serve.py", SERVER)
    s3.put_object(Bucket="models-111122223333", Key="source.zip", Body=source.getvalue())
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        model = tarfile.TarInfo("model.txt")
        model.size = 4
        tar.addfile(model, io.BytesIO(b"home"))
    s3.put_object(Bucket="models-111122223333", Key="model.tar.gz", Body=packed.getvalue())
    identity = builds.start_build(projectName="serve")["build"]["id"]

    def build() -> Any:
        return builds.batch_get_builds(ids=[identity])["builds"][0]

    until(lambda: build()["buildStatus"] != "IN_PROGRESS")
    assert build()["buildStatus"] == "SUCCEEDED", [one.get("contexts") for one in build()["phases"]]
    return f"{HOME.account}.dkr.ecr.{HOME.region}.amazonaws.com/serve:v1"


def test_an_endpoint_runs_anothers_image_and_model_and_is_scaled_where_it_is(
    places: tuple[Cloud, Cloud], image: str
) -> None:
    home, other = places
    sagemaker, scaling = other.client("sagemaker"), other.client("application-autoscaling")
    container = {"Image": image, "ModelDataUrl": "s3://models-111122223333/model.tar.gz"}
    role = f"arn:aws:iam::{OTHER.account}:role/serving"
    sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "blue", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")

    def described() -> Any:
        return sagemaker.describe_endpoint(EndpointName="e")

    until(lambda: described()["EndpointStatus"] != "Creating")
    assert described()["EndpointStatus"] == "InService", described().get("FailureReason")
    assert other.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"")["Body"].read() == b"home"
    assert home.client("sagemaker").list_endpoints()["Endpoints"] == []
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    metric = {"Namespace": "Load", "MetricName": "load", "Statistic": "Average"}
    scaling.put_scaling_policy(
        **target,
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 10, "CustomizedMetricSpecification": metric},
    )
    for _ in range(3):
        other.client("cloudwatch").put_metric_data(Namespace="Load", MetricData=[{"MetricName": "load", "Value": 20}])
        home.clock.advance(60)
    home.flush()
    until(lambda: described()["ProductionVariants"][0].get("CurrentInstanceCount") == 2)
    activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    assert [one["ResourceId"] for one in activities] == ["endpoint/e/variant/blue"]
    home.client("ecr").delete_repository_policy(repositoryName="serve")
    sagemaker.create_endpoint(EndpointName="denied", EndpointConfigName="c")
    until(lambda: sagemaker.describe_endpoint(EndpointName="denied")["EndpointStatus"] == "Failed")
    told = sagemaker.describe_endpoint(EndpointName="denied")["FailureReason"]
    assert "ecr" in told.lower()


def test_where_the_stacks_of_an_assembly_go(assembly: Path, tmp_path: Path) -> None:
    found = stacks_of(assembly, Scope("9" * 12, "eu-north-1"))
    assert found == [Placed("Home-Shared", HOME), Placed("Other-Using", OTHER)]
    manifest = {
        "artifacts": {"A": {"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/eu-west-3"}}
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert stacks_of(tmp_path, HOME) == [Placed("A", Scope(HOME.account, "eu-west-3"))]
    with pytest.raises(CloudError, match="is not a cloud assembly"):
        stacks_of(tmp_path / "nothing", HOME)
