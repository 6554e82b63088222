"""A cloud that is killed in the middle of its work and started again, and what stood in it."""

import contextlib
import io
import json
import os
import signal
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import Cloud

PROGRAM = """
import http.server, os, signal, sys, time
base = os.environ["SAGEMAKER_BASE_DIR"]
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
if sys.argv[1] == "train":
    mark = os.path.join(base, "checkpoints", "mark")
    if os.path.exists(mark):
        sys.exit(0)  # an earlier attempt was here
    os.makedirs(os.path.dirname(mark), exist_ok=True)
    with open(mark, "w") as file: file.write("1")
    time.sleep(3600)
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
        self.answer(os.environ["MODE"].encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12\nWORKDIR /opt/program\nCOPY main.py .\nENTRYPOINT ["python", "main.py"]\n'
_SERVICES = ("sagemaker", "codebuild", "states", "scheduler", "events")


def until(look: Callable[[], Any], seconds: float = 30) -> Any:
    """What `look` gives once it gives something; refusals meanwhile are nothing."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "nothing within the time"
        time.sleep(0.03)


class World:
    """One state directory; `cloud` is the one that runs in it now. Clients are made anew after each kill."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.clouds: list[Cloud] = []
        self._clients: dict[str, Any] = {}
        self.up()

    def up(self) -> None:
        self._clients = {}
        self.clouds.append(Cloud.start(self._directory, keep=True))

    @property
    def cloud(self) -> Cloud:
        return self.clouds[-1]

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    def kill(self) -> None:
        """SIGKILL for the cloud and all that it runs, as when the machine loses its power."""
        os.killpg(self.cloud.pid, signal.SIGKILL)
        assert self.cloud._process is not None
        self.cloud._process.wait()

    def end(self) -> None:
        for cloud in self.clouds:
            with contextlib.suppress(OSError):
                cloud.stop()

    def prepare(self) -> None:
        """A role that may do everything, a bucket with a model, an image that trains and serves."""
        iam, s3, builds = self.client("iam"), self.client("s3"), self.client("codebuild")
        principal = {"Service": [f"{name}.amazonaws.com" for name in _SERVICES]}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.role = iam.create_role(RoleName="all", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName="all", PolicyName="all", PolicyDocument=json.dumps(allow))
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        source, packed = io.BytesIO(), io.BytesIO()
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("Dockerfile", DOCKERFILE)
            archive.writestr("main.py", PROGRAM)
        s3.put_object(Bucket="kept", Key="source.zip", Body=source.getvalue())
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("model.txt"), io.BytesIO(b""))
        s3.put_object(Bucket="kept", Key="model.tar.gz", Body=packed.getvalue())
        repository = self.client("ecr").create_repository(repositoryName="both")["repository"]["repositoryUri"]
        variables = [{"name": "REPOSITORY_URI", "value": repository}, {"name": "IMAGE_TAG", "value": "1"}]
        builds.create_project(
            name="both",
            serviceRole=self.role,
            artifacts={"type": "NO_ARTIFACTS"},
            source={"type": "S3", "location": "kept/source.zip"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "privilegedMode": True,
                "environmentVariables": variables,
            },
        )
        identity = builds.start_build(projectName="both")["build"]["id"]
        look = lambda: builds.batch_get_builds(ids=[identity])["builds"][0]["buildStatus"]  # noqa: E731
        until(lambda: look() != "IN_PROGRESS")
        assert look() == "SUCCEEDED"
        self.image = f"{repository}:1"

    def queue(self, name: str) -> tuple[str, str]:
        """URL and ARN of a queue that services may write to."""
        sqs, arn = self.client("sqs"), f"arn:aws:sqs:eu-west-1:{self.cloud.account}:{name}"
        services = ["events.amazonaws.com", "scheduler.amazonaws.com"]
        allow = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        return sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"], arn

    def message(self, name: str) -> str:
        """The body of the next message in a queue."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return str(until(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]["Body"])

    def settled(self, stack: str) -> str:
        cfn = self.client("cloudformation")
        look = lambda: cfn.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]  # noqa: E731
        until(lambda: not look().endswith("IN_PROGRESS"))
        return str(look())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("kept"))
    made.prepare()
    yield made
    made.end()


@pytest.fixture(name="until", scope="session")
def until_fixture() -> Callable[..., Any]:
    return until
