"""A cloud with the real SageMaker, an image that serves, and templates deployed to it without the CLI."""

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.cloud import Cloud

SERVER = """
import http.server, os, signal, sys
if os.environ.get("MODE") == "exit":
    sys.exit(3)
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
        self.answer(os.environ.get("MODE", "none").encode())
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12\nWORKDIR /opt/program\nCOPY serve.py .\nENTRYPOINT ["python", "serve.py"]\n'


class Stacks:
    """Templates as dicts, deployed by the API and awaited."""

    def __init__(self, cloud: Cloud, account: str | None = None, region: str | None = None) -> None:
        self.cloud = cloud
        self.account, self.region = account or cloud.account, region or cloud.region
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        if service not in self._clients:
            self._clients[service] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.cloud.url,
                region_name=self.region,
                aws_access_key_id=self.account,
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self._clients[service]

    def deploy(self, name: str, resources: dict[str, Any], **more: Any) -> str:
        """Create or update; the status it ends in."""
        cfn = self.client("cloudformation")
        outputs = {
            f"{key}Ref": {"Value": {"Ref": key}} for key in resources if resources[key]["Type"] != "AWS::IAM::Policy"
        }
        outputs |= more.pop("outputs", {})
        body = json.dumps({"Resources": resources, "Outputs": outputs, **more.pop("template", {})})
        exists = name in {stack["StackName"] for stack in cfn.describe_stacks()["Stacks"]}
        act = cfn.update_stack if exists else cfn.create_stack
        act(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"], **more)
        return self.settled(name)

    def settled(self, name: str, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = str(self.describe(name)["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(0.02)
        raise AssertionError(f"{name} is {status} after {seconds} s")

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        return found

    def outputs(self, name: str) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in self.describe(name).get("Outputs", [])}

    def physical(self, name: str, logical_id: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def reasons(self, name: str, logical_id: str, status: str) -> list[str]:
        events = self.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        return [
            str(one.get("ResourceStatusReason", ""))
            for one in events
            if one["LogicalResourceId"] == logical_id and one["ResourceStatus"] == status
        ]

    def delete(self, name: str, seconds: float = 60) -> None:
        cfn = self.client("cloudformation")
        identity = self.describe(name)["StackId"]
        cfn.delete_stack(StackName=name)
        assert self.settled(identity, seconds) == "DELETE_COMPLETE", self.failures(identity)

    def failures(self, name: str) -> list[str]:
        events = self.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        return [
            f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}"
            for one in events
            if one["ResourceStatus"].endswith("FAILED")
        ]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud.start(tmp_path_factory.mktemp("cfn-cloud") / "state", speed=60) as running:
        yield running


@pytest.fixture(scope="session")
def stacks(cloud: Cloud) -> Stacks:
    return Stacks(cloud)


@pytest.fixture(scope="session")
def stacks_in(cloud: Cloud) -> Callable[[str, str], Stacks]:
    return lambda account, region: Stacks(cloud, account, region)


@pytest.fixture(scope="session")
def serving(base: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """Model, EndpointConfig and Endpoint of a template; `variant` adds, or takes away by None; `more` by logical id."""

    def resources(mode: str = "one", variant: dict[str, Any] | None = None, **more: dict[str, Any]) -> dict[str, Any]:
        container = {"Image": base["image"], "ModelDataUrl": base["model"], "Environment": {"MODE": mode}}
        given = {
            "VariantName": "blue",
            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 1,
            **(variant or {}),
        }
        known = {
            "Model": {"ExecutionRoleArn": base["role"], "PrimaryContainer": container},
            "EndpointConfig": {
                "ProductionVariants": [{key: value for key, value in given.items() if value is not None}]
            },
            "Endpoint": {"EndpointConfigName": {"Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]}},
        }
        return {
            name: {"Type": f"AWS::SageMaker::{name}", "Properties": properties | more.get(name, {})}
            for name, properties in known.items()
        }

    return resources


@pytest.fixture(scope="session")
def base(stacks: Stacks) -> dict[str, str]:
    """Role, bucket and image that every endpoint of these tests needs."""
    trusted = ["sagemaker.amazonaws.com", "codebuild.amazonaws.com"]
    resources = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "cfn-sagemaker",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}],
                },
                "Policies": [
                    {
                        "PolicyName": "all",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
                        },
                    }
                ],
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Repository": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "serve"}},
        "Build": {
            "Type": "AWS::CodeBuild::Project",
            "Properties": {
                "Artifacts": {"Type": "NO_ARTIFACTS"},
                "Environment": {
                    "ComputeType": "BUILD_GENERAL1_SMALL",
                    "Image": "aws/codebuild/standard:7.0",
                    "Type": "LINUX_CONTAINER",
                    "PrivilegedMode": True,
                    "EnvironmentVariables": [
                        {"Name": "REPOSITORY_URI", "Value": {"Fn::GetAtt": ["Repository", "RepositoryUri"]}},
                        {"Name": "IMAGE_TAG", "Value": "v1"},
                    ],
                },
                "ServiceRole": {"Fn::GetAtt": ["Role", "Arn"]},
                "Source": {
                    "Type": "S3",
                    "Location": {"Fn::Sub": "${Bucket}/source.zip"},
                    "BuildSpec": "version: 0.2\nphases: {build: {commands: [docker build .]}}",
                },
            },
        },
    }
    outputs = {"Uri": {"Value": {"Fn::GetAtt": ["Repository", "RepositoryUri"]}}}
    assert stacks.deploy("base", resources, outputs=outputs) == "CREATE_COMPLETE", stacks.failures("base")
    found = stacks.outputs("base")
    s3, builds = stacks.client("s3"), stacks.client("codebuild")
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("Dockerfile", DOCKERFILE)
        archive.writestr("serve.py", SERVER)
    s3.put_object(Bucket=found["BucketRef"], Key="source.zip", Body=source.getvalue())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("model.txt"), io.BytesIO(b""))
    s3.put_object(Bucket=found["BucketRef"], Key="model.tar.gz", Body=packed.getvalue())
    identity = builds.start_build(projectName=found["BuildRef"])["build"]["id"]
    deadline = time.monotonic() + 20
    while (status := builds.batch_get_builds(ids=[identity])["builds"][0]["buildStatus"]) == "IN_PROGRESS":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status == "SUCCEEDED"
    role = f"arn:aws:iam::{stacks.account}:role/cfn-sagemaker"
    model = f"s3://{found['BucketRef']}/model.tar.gz"
    return {"role": role, "image": f"{found['Uri']}:v1", "model": model, "bucket": found["BucketRef"]}
