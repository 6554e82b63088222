"""The endpoint router against the bare container: requests/s, added latency, the split among variants, a shift.

    python benchmarks/router.py [seconds]

Two figures of the rate, since both ends of the wire share this machine: with the load generator's own cost in it, as a
client on the laptop sees it, and the container asked directly by the same generator in the same run.
"""

import asyncio
import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rehearsal.cloud import Cloud

SERVE = """
import os
import uvicorn
NAME = os.environ.get("NAME", "").encode()
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    size = str(len(NAME)).encode()
    headers = [(b"content-type", b"text/csv"), (b"content-length", size)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": NAME})
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["SAGEMAKER_BIND_TO_PORT"]), access_log=False,
            log_level="warning", lifespan="off", loop="uvloop", http="httptools")
"""
DOCKERFILE = 'FROM scratch\nCOPY serve.py ./\nENTRYPOINT ["python", "serve.py"]\n'
ROW = b"0.12,3.4,1,0,7\n"
ROUNDS, CONNECTIONS = 3, 16
ANY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ASKED_RATE, ASKED_ADDED_MS, ASKED_SPLIT_POINTS = 2000, 1.5, 1.0


def role(cloud: Cloud, name: str) -> str:
    principal = {"Service": ["sagemaker.amazonaws.com", "codebuild.amazonaws.com"], "AWS": cloud.account}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }
    iam = cloud.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="any", PolicyDocument=json.dumps(ANY))
    return arn


def image(cloud: Cloud, role_arn: str) -> str:
    """Build the container as a project of this cloud would."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("serve.py", SERVE)
        archive.writestr("Dockerfile", DOCKERFILE)
    cloud.client("s3").create_bucket(Bucket="source", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    cloud.client("s3").put_object(Bucket="source", Key="source.zip", Body=content.getvalue())
    uri: str = cloud.client("ecr").create_repository(repositoryName="bench")["repository"]["repositoryUri"]
    builds = cloud.client("codebuild")
    variables = [{"name": "REPOSITORY_URI", "value": uri}, {"name": "IMAGE_TAG", "value": "1"}]
    builds.create_project(
        name="bench",
        source={"type": "S3", "location": "source/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "privilegedMode": True,
            "environmentVariables": variables,
        },
        serviceRole=role_arn,
    )
    started = builds.start_build(projectName="bench")["build"]["id"]
    while (build := builds.batch_get_builds(ids=[started])["builds"][0])["buildStatus"] == "IN_PROGRESS":
        time.sleep(0.05)
    assert build["buildStatus"] == "SUCCEEDED", build
    return f"{uri}:1"


def config(cloud: Cloud, name: str, model: tuple[str, str], weights: dict[str, float], count: int = 1) -> None:
    """Models and a config of this image and role."""
    uri, role_arn = model
    sagemaker = cloud.client("sagemaker")
    variants = []
    for variant, weight in weights.items():
        answer = f"{name}-{variant}"
        container = {"Image": uri, "Environment": {"NAME": answer}}
        sagemaker.create_model(ModelName=answer, PrimaryContainer=container, ExecutionRoleArn=role_arn)
        variants.append(
            {
                "VariantName": variant,
                "ModelName": answer,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": count,
                "InitialVariantWeight": weight,
            }
        )
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)


def settled(cloud: Cloud, endpoint: str) -> str:
    while (shown := cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint))["EndpointStatus"] in (
        "Creating",
        "Updating",
    ):
        time.sleep(0.05)
    return str(shown["EndpointConfigName"]) if shown["EndpointStatus"] == "InService" else str(shown)


def signed(cloud: Cloud, endpoint: str, keys: dict[str, str]) -> bytes:
    """One request as a client of the role sends it. It may be sent again: a signature is good for minutes."""
    url = f"{cloud.url}/endpoints/{endpoint}/invocations"
    request: Any = AWSRequest(
        "POST", url, data=ROW, headers={"Content-Type": "text/csv", "Content-Length": str(len(ROW))}
    )
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    SigV4Auth(credentials, "sagemaker", cloud.region).add_auth(request)
    host = cloud.url.removeprefix("http://")
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    head = f"POST /endpoints/{endpoint}/invocations HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"
    return head.encode() + ROW


class Load:
    """Clients on kept connections; what they saw."""

    def __init__(self, port: int, request: bytes) -> None:
        self.port, self.request = port, request
        self.latencies: list[float] = []
        self.bodies: Counter[bytes] = Counter()
        self.failures: list[str] = []

    async def client(self, until: float, requests: int | None = None) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while time.perf_counter() < until and (requests is None or len(self.latencies) < requests):
            began = time.perf_counter()
            try:
                writer.write(self.request)
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(size)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.failures.append(repr(error))
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                continue
            self.latencies.append(time.perf_counter() - began)
            if b" 200 " in head[:16]:
                self.bodies[body] += 1
            else:
                self.failures.append(f"{head[:32]!r} {body[:200]!r}")
        writer.close()

    def run(self, connections: int, seconds: float = 3600.0, requests: int | None = None) -> "Load":
        async def work() -> None:
            until = time.perf_counter() + seconds
            await asyncio.gather(*(self.client(until, requests) for _ in range(connections)))

        uvloop.run(work())
        return self

    def milliseconds(self, percent: float) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * percent / 100)] * 1000


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used: a figure that other work on the machine hardly changes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def container_port(cloud: Cloud) -> int:
    pid = next(one["pid"] for one in cloud.processes() if one["kind"] == "server")
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return int(next(item for item in environment if item.startswith(b"SAGEMAKER_BIND_TO_PORT=")).partition(b"=")[2])


@contextlib.contextmanager
def running() -> Iterator[Cloud]:
    with (
        tempfile.TemporaryDirectory(prefix="slipway-bench-") as directory,
        Cloud.start(Path(directory) / "cloud", speed=60) as cloud,
    ):
        yield cloud


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    with running() as cloud:
        role_arn = role(cloud, "bench")
        keys = cloud.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="bench")["Credentials"]
        model = image(cloud, role_arn), role_arn
        config(cloud, "one", model, {"main": 1.0})
        cloud.client("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="one")
        assert settled(cloud, "e") == "one"
        port = int(cloud.url.rpartition(":")[2])
        request, bare_port = signed(cloud, "e", keys), container_port(cloud)
        bare_request = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(ROW), ROW)
        rounds: list[Any] = []
        used = cpu_seconds(cloud.pid)
        for _ in range(ROUNDS):
            many = (
                Load(port, request).run(CONNECTIONS, seconds),
                Load(bare_port, bare_request).run(CONNECTIONS, seconds),
            )
            one = Load(port, request).run(1, seconds / 2), Load(bare_port, bare_request).run(1, seconds / 2)
            assert not many[0].failures, many[0].failures[:3]
            rounds.append((many, one))
        used = (cpu_seconds(cloud.pid) - used) / sum(len(load.latencies) for one in rounds for load, _ in one)
        config(cloud, "split", model, {"a": 0.9, "b": 0.1})
        cloud.client("sagemaker").create_endpoint(EndpointName="split", EndpointConfigName="split")
        assert settled(cloud, "split") == "split"
        split = Load(port, signed(cloud, "split", keys)).run(CONNECTIONS, requests=10_000)
        shift = shifted(cloud, model, port, signed(cloud, "s", keys))
    report(rounds, seconds, used, split, shift)


def shifted(cloud: Cloud, model: tuple[str, str], port: int, request: bytes) -> Load:
    """A canary update of three instances under load."""
    for name in ("old", "new"):
        config(cloud, name, model, {"main": 1.0}, count=3)
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="s", EndpointConfigName="old")
    settled(cloud, "s")
    load = Load(port, request)

    async def work() -> None:
        stop = time.perf_counter() + 120
        clients = [asyncio.ensure_future(load.client(stop)) for _ in range(8)]
        size = {"Type": "INSTANCE_COUNT", "Value": 1}
        routing = {"Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": size}
        policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 60}
        deployment = {"BlueGreenUpdatePolicy": policy}
        await asyncio.to_thread(
            sagemaker.update_endpoint, EndpointName="s", EndpointConfigName="new", DeploymentConfig=deployment
        )
        assert await asyncio.to_thread(settled, cloud, "s") == "new"
        await asyncio.sleep(0.3)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    uvloop.run(work())
    return load


def report(rounds: list[Any], seconds: float, used: float, split: Load, shift: Load) -> None:
    def middle(which: int, side: int, figure: Any) -> float:
        return statistics.median(figure(one[which][side]) for one in rounds)

    rate, bare = (middle(0, side, lambda load: len(load.latencies) / seconds) for side in (0, 1))
    p50, bare50 = (middle(1, side, lambda load: load.milliseconds(50)) for side in (0, 1))
    p99, bare99 = (middle(1, side, lambda load: load.milliseconds(99)) for side in (0, 1))
    loaded50, loaded99 = (middle(0, 0, lambda load, p=p: load.milliseconds(p)) for p in (50, 99))
    total, tenth = sum(split.bodies.values()), split.bodies[b"split-b"]
    share = 100 * tenth / total
    rows = {
        "through the router": f"{rate:.0f} requests/s with {CONNECTIONS} connections (asked {ASKED_RATE}); "
        f"p50 {loaded50:.2f} ms, p99 {loaded99:.2f} ms",
        "processor time": f"{used * 1e6:.0f} us of the cloud for each request: {1 / used:.0f} a second on one core",
        "bare container": f"{bare:.0f} requests/s; the router gives {rate / bare:.2f} of it",
        "added, one client": f"p50 {p50 - bare50:.2f} ms (asked {ASKED_ADDED_MS}), p99 {p99 - bare99:.2f} ms",
        "split 90/10": f"{share:.2f} % of {total} requests on the tenth (asked 10 ± {ASKED_SPLIT_POINTS:g})",
        "canary shift": f"{len(shift.latencies)} requests under way, {len(shift.failures)} failed (asked 0)",
    }
    for name, words in rows.items():
        print(f"{name:<20}{words}")
    reached = (
        rate >= ASKED_RATE
        and p50 - bare50 <= ASKED_ADDED_MS
        and abs(share - 10) <= ASKED_SPLIT_POINTS
        and not shift.failures
        and not split.failures
    )
    sys.exit(0 if reached else 1)


if __name__ == "__main__":
    main()
