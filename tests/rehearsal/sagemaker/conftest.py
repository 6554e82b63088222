"""A host in memory and containers as small standard-library scripts: real processes, no emulator."""

import asyncio
import contextlib
import io
import json
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.clock import Clock
from rehearsal.host import Image, ImageNotFoundError, Scope
from rehearsal.sagemaker import Limits, SageMaker

SCOPE = Scope("111122223333", "eu-west-1")
PRINCIPAL = "arn:aws:sts::111122223333:assumed-role/operator/alice"
ROLE = "arn:aws:iam::111122223333:role/slipway-job"
DENIED_ROLE = "arn:aws:iam::111122223333:role/nobody"
REGISTRY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"

SERVER = """
import http.server, json, os, signal, sys, threading, time
mode = os.environ.get("MODE", "")
if mode == "exit":
    sys.exit(3)
model = os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "model")
version = open(os.path.join(model, "version.txt")).read() if "version.txt" in os.listdir(model) else "none"
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def setup(self):
        super().setup()
        self.connection.setsockopt(6, 1, 1)
    def answer(self, status, body, kind="text/csv; charset=utf-8", **more):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in more.items(): self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(500 if mode == "sick" else 200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if body == b"die": os._exit(9)
        if body == b"deaf": server.socket.close(); return self.answer(200, b"", Connection="close")
        if body == b"slow": time.sleep(1)
        if body == b"hang": time.sleep(30)
        if body == b"bad": return self.answer(400, b"row 1: not a number")
        if body == b"environment": return self.answer(200, json.dumps(dict(os.environ)).encode(), "application/json")
        if body == b"headers": return self.answer(200, json.dumps(dict(self.headers)).encode(), "application/json",
                                                  X_Amzn_SageMaker_Custom_Attributes="seen")
        if mode == "broken": return self.answer(500, b"boom")
        self.answer(200, version.encode())
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False
server = Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
def stop(*_): threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
print("ready", version, flush=True)
server.serve_forever(poll_interval=0.05)
os._exit(0)
"""

JOB = """
import json, os, signal, sys, time
base = os.environ["SAGEMAKER_BASE_DIR"]
def path(*parts): return os.path.join(base, *parts)
def write(name, text, how="w"):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), how) as f: f.write(text)
def report(name): write(name, json.dumps({
    "argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(),
    "files": {os.path.relpath(os.path.join(d, f), base): open(os.path.join(d, f), errors="replace").read()
              for d, _, fs in os.walk(base) for f in fs}}))
mode = os.environ.get("MODE", "")
if mode == "fail":
    write("output/failure", "no labels in the training data"); write("output/message", "DataFault: no labels")
    sys.exit(1)
if mode == "binary_message":
    write("output/message", b"\\xff\\xfe", "wb"); sys.exit(0)
if mode in ("wait", "stubborn"):
    write("checkpoints/step.txt", "7")
    def stop(*_):
        if mode == "wait":
            write("model/partial.txt", "partial"); sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    print("waiting", flush=True)
    while True: time.sleep(0.05)
print("train_logloss=0.50; round 1"); print("train_logloss=0.25; round 2", flush=True)
if "train" in sys.argv[1:2]:
    report("model/report.json"); write("output/data/notes.txt", "hello")
    write("checkpoints/last.txt", "9")
else:
    report("processing/output/report/report.json"); write("output/message", "Completed: all fine")
"""


class FakeS3:
    """The S3 calls that the overlay makes, in memory. `broken` makes every put fail."""

    def __init__(self, objects: dict[tuple[str, str], bytes], *, denied: bool) -> None:
        self.objects = objects
        self._denied = denied

    def _check(self, operation: str) -> None:
        if self._denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, operation)

    def list_objects_v2(self, Bucket: str, Prefix: str, ContinuationToken: str = "0") -> dict[str, Any]:
        self._check("ListObjectsV2")
        keys = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        start = int(ContinuationToken)
        answer: dict[str, Any] = {"Contents": [{"Key": key} for key in keys[start : start + 2]]}
        if start + 2 < len(keys):
            answer |= {"IsTruncated": True, "NextContinuationToken": str(start + 2)}
        return answer

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        self._check("GetObject")
        if (Bucket, Key) not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "The key does not exist."}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def put_object(self, Bucket: str, Key: str, Body: Any, **_: Any) -> dict[str, Any]:
        self._check("PutObject")
        self.objects[Bucket, Key] = Body if isinstance(Body, bytes) else Body.read()
        return {}

    def delete_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        self._check("DeleteObject")
        self.objects.pop((Bucket, Key), None)
        return {}


class FakeHost:
    """Implements rehearsal.host.Host in memory."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.clock = clock
        self.objects: dict[tuple[str, str], bytes] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.metrics: list[dict[str, Any]] = []
        self.logs: dict[str, list[str]] = {}
        self.alarms: dict[str, str] = {}
        self.scaled: dict[str, list[str]] = {}  # variants that Application Auto Scaling has as targets, by endpoint
        self.images = {}
        for name, script in (("server", SERVER), ("job", JOB)):
            place = directory / "images" / name
            place.mkdir(parents=True)
            (place / "main.py").write_text(script)
            uri = f"{REGISTRY}/{name}"
            digest = "sha256:" + "ab" * 32
            entry = (sys.executable, "main.py")
            self.images[f"{uri}:1"] = Image(uri, digest, place, entry, {"FROM_IMAGE": "yes"})
            self.images[f"{uri}@{digest}"] = self.images[f"{uri}:1"]

    def client(self, service: str, role_arn: str, scope: Scope) -> FakeS3:
        assert service == "s3"
        return FakeS3(self.objects, denied=role_arn == DENIED_ROLE)

    def publish_event(self, detail_type: str, resources: Any, detail: Any, scope: Scope) -> None:
        self.events.append((detail_type, json.loads(json.dumps(detail))))

    def put_metrics(self, namespace: str, data: Any, scope: Scope) -> None:
        self.metrics += [{"Namespace": namespace, **one} for one in data]

    def alarm_state(self, name: str, scope: Scope) -> str | None:
        return self.alarms.get(name)

    def scalable_variants(self, endpoint: str, scope: Scope) -> frozenset[str]:
        return frozenset(self.scaled.get(endpoint, ()))

    def deregister_variants(self, endpoint: str, scope: Scope) -> None:
        self.scaled.pop(endpoint, None)

    def image(self, uri: str) -> Image:
        if uri not in self.images:
            raise ImageNotFoundError(uri)
        return self.images[uri]

    def pull(self, uri: str, role_arn: str, scope: Scope) -> Image:
        return self.image(uri)

    def write_log(self, group: str, stream: str, lines: Any, scope: Scope) -> None:
        self.logs.setdefault(group, []).extend(lines)


class Kit:
    """The overlay, its host and shorthand for what tests do with them."""

    def __init__(self, sm: SageMaker, host: FakeHost, root: Path) -> None:
        self.sm, self.host, self.root = sm, host, root
        self.scope, self.role, self.denied_role, self.principal = SCOPE, ROLE, DENIED_ROLE, PRINCIPAL
        self.image = f"{REGISTRY}/server:1"
        self.job_image = f"{REGISTRY}/job:1"

    def call(self, action: str, /, **params: Any) -> dict[str, Any]:
        return self.sm.handle(action, params, SCOPE, PRINCIPAL)

    def until(self, done: Callable[[], Any], seconds: float = 15.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (result := done()):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)
        return result

    def status(self, name: str = "e") -> str:
        return str(self.call("DescribeEndpoint", EndpointName=name)["EndpointStatus"])

    def settled(self, name: str = "e") -> dict[str, Any]:
        self.until(lambda: self.status(name) not in ("Creating", "Updating", "RollingBack"))
        return self.call("DescribeEndpoint", EndpointName=name)

    def archive(self, key: str, version: str) -> str:
        return self.tar(key, [("version.txt", version.encode())])

    def tar(self, key: str, members: list[Any]) -> str:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for member in members:
                if isinstance(member, tarfile.TarInfo):
                    tar.addfile(member)
                else:
                    info = tarfile.TarInfo(member[0])
                    info.size = len(member[1])
                    tar.addfile(info, io.BytesIO(member[1]))
        self.host.objects["artefacts", key] = buffer.getvalue()
        return f"s3://artefacts/{key}"

    def config(self, version: str, *, count: int = 1, mode: str = "", data: str | None = None, **more: Any) -> str:
        """Model and endpoint config `v<version>`."""
        name = f"v{version}"
        url = data or self.archive(f"{name}/model.tar.gz", version)
        container = {"Image": self.image, "ModelDataUrl": url, "Environment": {"MODE": mode}}
        self.call("CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {
            "VariantName": "main", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": count,
        }  # fmt: skip
        self.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant], **more)
        return name

    def endpoint(self, version: str = "1", **more: Any) -> dict[str, Any]:
        self.call("CreateEndpoint", EndpointName="e", EndpointConfigName=self.config(version, **more))
        described = self.settled()
        assert described["EndpointStatus"] == "InService", described
        return described

    def update(self, config: str, **deployment: Any) -> None:
        more = {"DeploymentConfig": deployment} if deployment else {}
        self.call("UpdateEndpoint", EndpointName="e", EndpointConfigName=config, **more)

    def invoke(self, body: bytes = b"1", **headers: str) -> tuple[int, dict[str, str], bytes]:
        return self.invoke_many([body], headers)[0]

    def invoke_many(self, bodies: list[bytes], headers: dict[str, str] | None = None) -> list[Any]:
        async def work() -> list[Any]:
            sent = {"Content-Type": "text/csv"} | {k.replace("_", "-"): v for k, v in (headers or {}).items()}
            try:
                return await asyncio.gather(*(self.sm.invoke("e", sent, body, SCOPE) for body in bodies))
            finally:
                await self.sm.aclose()

        return asyncio.run(work())

    @contextlib.contextmanager
    def traffic(self) -> Iterator[list[Any]]:
        """Four clients that invoke without a pause until the block ends; yields the answers as they come."""
        answers: list[Any] = []
        stop = threading.Event()

        async def client() -> None:
            while not stop.is_set():
                answers.append(await self.sm.invoke("e", {"Content-Type": "text/csv"}, b"1", SCOPE))
                await asyncio.sleep(0.002)

        async def work() -> None:
            await asyncio.gather(*(client() for _ in range(4)))
            await self.sm.aclose()

        thread = threading.Thread(target=lambda: asyncio.run(work()))
        thread.start()
        try:
            self.until(lambda: len(answers) > 20)
            yield answers
        finally:
            stop.set()
            thread.join(20)

    def training(self, name: str = "job", mode: str = "", role: str = ROLE, **more: Any) -> dict[str, Any]:
        request = {
            "TrainingJobName": name,
            "RoleArn": role,
            "AlgorithmSpecification": {
                "TrainingImage": self.job_image, "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "train:logloss", "Regex": r"train_logloss=([0-9.]+);"}],
            },
            "OutputDataConfig": {"S3OutputPath": "s3://artefacts/runs"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "HyperParameters": {"max_depth": "6"},
            "Environment": {"MODE": mode} if mode else {"COLOUR": "blue"},
        }  # fmt: skip
        return self.call("CreateTrainingJob", **(request | more))

    def processing(self, name: str = "job", mode: str = "", **more: Any) -> dict[str, Any]:
        request = {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": self.job_image, "ContainerArguments": ["prepare"]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
            },
            "Environment": {"MODE": mode},
        }
        return self.call("CreateProcessingJob", **(request | more))

    def ended(self, kind: str, name: str = "job") -> dict[str, Any]:
        describe = lambda: self.call(f"Describe{kind}Job", **{f"{kind}JobName": name})  # noqa: E731
        self.until(lambda: describe()[f"{kind}JobStatus"] in ("Completed", "Failed", "Stopped"))
        return describe()

    def details(self, detail_type: str) -> list[dict[str, Any]]:
        self.sm.flush()
        return [detail for kind, detail in self.host.events if kind == detail_type]


LIMITS = Limits(
    startup_seconds=4, ping_seconds=0.03, watch_seconds=0.2, server_grace_seconds=3, drain_seconds=5, reply_seconds=2,
    job_grace_seconds=2, job_grace_floor_seconds=1, capture_seconds=0.2, metric_seconds=0.05,
)  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    """Stands still; tests move it. 2026-11-20 14:05:09 UTC."""
    return Clock(speed=0, start=1_795_183_509.0)


@pytest.fixture
def kit(tmp_path: Path, clock: Clock) -> Iterator[Any]:
    """The overlay over a host in memory; nothing runs when the test ends."""
    host = FakeHost(tmp_path, clock)
    sm = SageMaker(host, tmp_path / "state", LIMITS)
    yield Kit(sm, host, tmp_path / "state")
    sm.close()
    assert sm.processes() == []
