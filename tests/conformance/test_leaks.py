"""One cloud, the same work again and again: nothing of it stays behind."""

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rehearsal.cloud import Cloud

pytestmark = [pytest.mark.rehearsal, pytest.mark.fault("H11")]

PROGRAM = """
import http.server, os, signal, sys
if sys.argv[1] == "train":
    sys.exit(0)
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self): self.answer(b"")
    def do_POST(self): self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12\nWORKDIR /opt/program\nCOPY main.py .\nENTRYPOINT ["python", "main.py"]\n'
HANDLER = "def main(event, context):\n    return event\n"
WARM_UP = 10  # cycles in which caches, pools and thread pools fill
PERCENT, CYCLES = 2.0, 30
# What the cloud is asked to remember grows with the work: calls in the audit, metrics, histories, log lines. A process
# or a connection that stays in memory is more than this.
POOL_WORKERS = {"threads": 2}
MEMORY_PERCENT = 10.0


def until(look: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.1)  # every look is a call that the audit remembers


def zipped(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


class Cycle:
    """An endpoint made, called and deleted, a training job, an execution, a function's invocation."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        names = ("sagemaker", "sagemaker-runtime", "stepfunctions", "lambda", "s3")
        self.sagemaker, self.runtime, self.states, self.functions, s3 = (cloud.client(name) for name in names)
        iam, builds = cloud.client("iam"), cloud.client("codebuild")
        services = [f"{name}.amazonaws.com" for name in ("sagemaker", "codebuild", "states", "lambda")]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.role = iam.create_role(RoleName="all", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName="all", PolicyName="all", PolicyDocument=json.dumps(allow))
        s3.create_bucket(Bucket="leaks", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="leaks", Key="source.zip", Body=zipped({"main.py": PROGRAM, "Dockerfile": DOCKERFILE}))
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("model.txt"), io.BytesIO(b""))
        s3.put_object(Bucket="leaks", Key="model.tar.gz", Body=packed.getvalue())
        repository = cloud.client("ecr").create_repository(repositoryName="both")["repository"]["repositoryUri"]
        variables = [{"name": "REPOSITORY_URI", "value": repository}, {"name": "IMAGE_TAG", "value": "1"}]
        builds.create_project(
            name="both",
            serviceRole=self.role,
            artifacts={"type": "NO_ARTIFACTS"},
            source={"type": "S3", "location": "leaks/source.zip"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "privilegedMode": True,
                "environmentVariables": variables,
            },
        )
        identity = builds.start_build(projectName="both")["build"]["id"]
        until(lambda: builds.batch_get_builds(ids=[identity])["builds"][0]["buildStatus"] == "SUCCEEDED")
        self.image = f"{repository}:1"
        container = {"Image": self.image, "ModelDataUrl": "s3://leaks/model.tar.gz"}
        self.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=self.role)
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        self.functions.create_function(
            FunctionName="echo",
            Runtime="python3.12",
            Role=self.role,
            Handler="index.main",
            Code={"ZipFile": zipped({"index.py": HANDLER})},
        )
        task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
        state = {**task, "Parameters": {"FunctionName": "echo", "Payload.$": "$"}}
        definition = json.dumps({"StartAt": "Echo", "States": {"Echo": state}})
        made = self.states.create_state_machine(name="leaks", roleArn=self.role, definition=definition)
        self.machine = made["stateMachineArn"]

    def run(self, number: int) -> None:
        """One cycle, to its end."""
        endpoint = {"EndpointName": "e"}
        self.sagemaker.create_endpoint(**endpoint, EndpointConfigName="c")
        self.sagemaker.create_training_job(
            TrainingJobName=f"j{number}",
            AlgorithmSpecification={"TrainingImage": self.image, "TrainingInputMode": "File"},
            RoleArn=self.role,
            OutputDataConfig={"S3OutputPath": "s3://leaks/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
        )
        execution = self.states.start_execution(stateMachineArn=self.machine, input="{}")["executionArn"]
        assert json.load(self.functions.invoke(FunctionName="echo", Payload=b"1")["Payload"]) == 1
        until(lambda: self.sagemaker.describe_endpoint(**endpoint)["EndpointStatus"] == "InService")
        assert self.runtime.invoke_endpoint(**endpoint, Body=b"x")["Body"].read() == b"x"
        job = {"TrainingJobName": f"j{number}"}
        until(lambda: self.sagemaker.describe_training_job(**job)["TrainingJobStatus"] == "Completed")
        until(lambda: self.states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
        self.sagemaker.delete_endpoint(**endpoint)
        until(lambda: not self.sagemaker.list_endpoints()["Endpoints"])
        self.sagemaker.delete_training_job(**job)


def held(cloud: Cloud) -> dict[str, float]:
    """What the cloud's own process holds, and how many processes and directories there are besides."""
    process = psutil.Process(cloud.pid)
    return {
        "file descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "processes": len(cloud.processes()),
        "directories": sum(1 for path in (cloud.directory / "sagemaker").rglob("*") if path.is_dir()),
        "memory, MB": process.memory_full_info().uss / 1e6,
    }


@pytest.fixture
def cycle(tmp_path: Path) -> Iterator[Cycle]:
    with Cloud.start(tmp_path, speed=60) as cloud:
        yield Cycle(cloud)


def test_nothing_grows_with_the_work_done(cycle: Cycle, full: bool, figure: Callable[..., None]) -> None:
    cycles = 100 if full else CYCLES
    for number in range(WARM_UP):
        cycle.run(number)
    settled = quiet(cycle.cloud)
    for number in range(WARM_UP, WARM_UP + cycles):
        cycle.run(number)
    after = quiet(cycle.cloud)
    for name, before in settled.items():
        grown = 100 * (after[name] - before) / max(before, 1)
        told = f"{before:.0f} -> {after[name]:.0f} ({grown:+.1f} %)"
        asked = PERCENT
        if name.startswith("memory"):
            grown, asked = grown * CYCLES / cycles, MEMORY_PERCENT
        elif after[name] - before <= POOL_WORKERS.get(name, 0):
            grown = 0.0  # a bounded pool may add a worker late; a leak adds one with every cycle
        figure(f"leaks: {name} over {cycles} cycles", told, f"< {asked:g} % growth", grown < asked)


def quiet(cloud: Cloud) -> dict[str, float]:
    """What is held once connections and threads of the last cycle have gone: the least of some looks."""
    least = held(cloud)
    for _ in range(10):
        time.sleep(0.2)
        least = {name: min(value, least[name]) for name, value in held(cloud).items()}
    return least
