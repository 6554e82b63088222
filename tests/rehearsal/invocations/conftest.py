"""A real cloud with one endpoint of a small container, and roles that may or may not invoke it."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rehearsal.cloud import Cloud

SERVE = """
import asyncio, os
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = int(head.lower().partition(b"content-length:")[2].partition(b"\\r\\n")[0] or 0)
            body = await reader.readexactly(size)
            if body == b"stream":
                form = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/plain\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n"
                writer.write(form)
                for part in (b"one ", b"two"):
                    writer.write(b"%x\\r\\n%b\\r\\n" % (len(part), part))
                    await writer.drain()
                    await asyncio.sleep(0.02)
                writer.write(b"0\\r\\n\\r\\n")
                continue
            status = int(body[7:]) if body.startswith(b"status:") else 200
            text = str(size).encode()
            form = b"HTTP/1.1 %d x\\r\\ncontent-type: text/csv\\r\\ncontent-length: %d\\r\\n\\r\\n%b"
            writer.write(form % (status, len(text), text))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]), limit=1 << 24)
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass
class Served:
    """The cloud, its image, and what roles there are."""

    cloud: Cloud
    image: str
    role: str

    def client(self, service: str, role: str | None = None) -> Any:
        arn = f"arn:aws:iam::{self.cloud.account}:role/{role}" if role else None
        return self.cloud.client(service, arn)

    def settled(self, endpoint: str) -> None:
        sagemaker = self.client("sagemaker")
        deadline = time.monotonic() + 60
        while (shown := sagemaker.describe_endpoint(EndpointName=endpoint))["EndpointStatus"] == "Creating":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert shown["EndpointStatus"] == "InService", shown


def _role(cloud: Cloud, name: str, *statements: dict[str, Any]) -> str:
    services = ["sagemaker.amazonaws.com", "codebuild.amazonaws.com"]
    principal = {"Service": services, "AWS": f"arn:aws:iam::{cloud.account}:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = cloud.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return arn


def _build(cloud: Cloud, role: str) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("serve.py", SERVE)
        archive.writestr("Dockerfile", 'FROM scratch\nCOPY serve.py ./\nENTRYPOINT ["python", "serve.py"]\n')
    for bucket in ("source", "data"):
        where = {"LocationConstraint": cloud.region}
        cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    cloud.client("s3").put_object(Bucket="source", Key="s.zip", Body=content.getvalue())
    uri: str = cloud.client("ecr").create_repository(repositoryName="small")["repository"]["repositoryUri"]
    builds = cloud.client("codebuild")
    variables = [{"name": "REPOSITORY_URI", "value": uri}, {"name": "IMAGE_TAG", "value": "1"}]
    environment = {
        "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL",
        "privilegedMode": True, "environmentVariables": variables,
    }  # fmt: skip
    builds.create_project(
        name="small", source={"type": "S3", "location": "source/s.zip"}, artifacts={"type": "NO_ARTIFACTS"},
        environment=environment, serviceRole=role,
    )  # fmt: skip
    started = builds.start_build(projectName="small")["build"]["id"]
    deadline = time.monotonic() + 60
    while (build := builds.batch_get_builds(ids=[started])["builds"][0])["buildStatus"] == "IN_PROGRESS":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert build["buildStatus"] == "SUCCEEDED", build
    return f"{uri}:1"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Endpoints `e`, and `queue`, which is asynchronous."""
    with Cloud.start(tmp_path_factory.mktemp("front") / "cloud") as cloud:
        role = _role(cloud, "work", {"Effect": "Allow", "Action": "*", "Resource": "*"})
        invoking = ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
        named = f"arn:aws:sagemaker:{cloud.region}:{cloud.account}:endpoint/e"
        _role(cloud, "caller", {"Effect": "Allow", "Action": invoking, "Resource": named})
        _role(cloud, "reader", {"Effect": "Allow", "Action": "sagemaker:Describe*", "Resource": "*"})
        made = Served(cloud, _build(cloud, role), role)
        sagemaker = made.client("sagemaker")
        sagemaker.create_model(ModelName="m", PrimaryContainer={"Image": made.image}, ExecutionRoleArn=role)
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        output = {"OutputConfig": {"S3OutputPath": "s3://data/out"}}
        sagemaker.create_endpoint_config(EndpointConfigName="e", ProductionVariants=[variant])
        sagemaker.create_endpoint_config(
            EndpointConfigName="queue", ProductionVariants=[variant], AsyncInferenceConfig=output
        )
        for name in ("e", "queue"):
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
            made.settled(name)
        yield made
