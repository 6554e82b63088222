"""Containers of jobs that do what a test writes, and shorthand for starting and reading them."""

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from rehearsal.host import Image

# Runs the Python in the hyperparameter or variable CODE, with what a test needs at hand.
RUN = """
import json, os, signal, socket, subprocess, sys, time
BASE = os.environ["SAGEMAKER_BASE_DIR"]
def path(*parts): return os.path.join(BASE, *parts)
def write(name, text):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "w") as f: f.write(text)
def read(name): return open(path(name)).read()
def config(name): return json.loads(read("input/config/" + name + ".json"))
def tree(name):
    return sorted(os.path.relpath(os.path.join(d, f), path(name)) for d, _, fs in os.walk(path(name)) for f in fs)
def wait():
    print("waiting", flush=True)
    while True: time.sleep(0.02)
code = os.environ.get("CODE") or json.loads(config("hyperparameters")["CODE"])
exec(compile(code, "code", "exec"))
"""

# Answers what CODE makes of `body` (bytes) in the function `answer(body, headers)`: status and bytes.
SERVE = """
import http.server, json, os, signal, sys, threading, time
scope = {"json": json, "os": os, "time": time}
exec(os.environ.get("CODE", "def answer(body, headers): return 200, body"), scope)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def reply(self, status, body, kind="text/csv"):
        self.send_response(status); self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        if self.path == "/ping": return self.reply(200, b"")
        offered = os.environ.get("OFFERED")
        self.reply(200, offered.encode()) if offered else self.reply(404, b"")
    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(*scope["answer"](body, self.headers))
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server.serve_forever()
"""


class Jobs:
    """Jobs over the `kit`: containers run the code a test gives, S3 is `kit.host.objects`."""

    def __init__(self, kit: Any, directory: Path) -> None:
        self.kit = kit
        self.objects = kit.host.objects
        for name, script in (("run", RUN), ("serve", SERVE)):
            place = directory / "job-images" / name
            place.mkdir(parents=True)
            (place / "main.py").write_text(script)
            uri = f"{kit.image.rpartition('/')[0]}/{name}"
            image = Image(uri, "sha256:" + "cd" * 32, place, (sys.executable, "main.py"))
            kit.host.images[f"{uri}:1"] = image
        self.run_image, self.serve_image = (f"{kit.image.rpartition('/')[0]}/{name}:1" for name in ("run", "serve"))

    def algorithm(self, **more: Any) -> dict[str, Any]:
        return {"TrainingImage": self.run_image, "TrainingInputMode": "File", **more}

    def train(self, code: str, name: str = "job", **more: Any) -> dict[str, Any]:
        more.setdefault("AlgorithmSpecification", self.algorithm())
        return self.kit.training(name, **({"HyperParameters": {"CODE": json.dumps(code)}, "Environment": {}} | more))

    def trained(self, code: str, name: str = "job", **more: Any) -> dict[str, Any]:
        self.train(code, name, **more)
        return self.kit.ended("Training", name)

    def processed(self, code: str, name: str = "job", count: int = 1, **more: Any) -> dict[str, Any]:
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 10}
        self.kit.processing(
            name,
            **({
                "AppSpecification": {"ImageUri": self.run_image}, "Environment": {"CODE": code},
                "ProcessingResources": {"ClusterConfig": cluster},
            } | more),
        )  # fmt: skip
        return self.kit.ended("Processing", name)

    def model_files(self, name: str = "job", file: str = "model.tar.gz") -> dict[str, str]:
        with tarfile.open(fileobj=io.BytesIO(self.objects["artefacts", f"runs/{name}/output/{file}"])) as tar:
            return {one.name: tar.extractfile(one).read().decode() for one in tar.getmembers()}

    def model_json(self, name: str = "job") -> Any:
        return json.loads(self.model_files(name)["report.json"])

    def waiting(self) -> None:
        log = self.kit.host.logs
        self.kit.until(lambda: "waiting" in log.get("/aws/sagemaker/TrainingJobs", []))

    def stages(self, job: dict[str, Any]) -> list[str]:
        return [one["Status"] for one in job["SecondaryStatusTransitions"]]

    def put(self, key: str, body: bytes, bucket: str = "data") -> None:
        self.objects[bucket, key] = body

    def channel(
        self, uri: str = "s3://data/in/", name: str = "train", kind: str = "S3Prefix", **more: Any
    ) -> dict[str, Any]:
        source = {"S3DataType": kind, "S3Uri": uri, **more.pop("source", {})}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}

    def model(self, code: str = "def answer(body, headers): return 200, body", **environment: str) -> str:
        self.kit.call(
            "CreateModel", ModelName="m", ExecutionRoleArn=self.kit.role,
            PrimaryContainer={"Image": self.serve_image, "Environment": {"CODE": code, **environment}},
        )  # fmt: skip
        return "m"

    def transform(self, name: str = "job", **more: Any) -> dict[str, Any]:
        source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in/"}}}
        request = {
            "TransformJobName": name, "ModelName": "m",
            "TransformInput": source | {"ContentType": "text/csv", "SplitType": "Line"} | more.pop("source", {}),
            "TransformOutput": {"S3OutputPath": "s3://artefacts/out"} | more.pop("output", {}),
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": more.pop("count", 1)},
        }  # fmt: skip
        return self.kit.call("CreateTransformJob", **request, **more)

    def transformed(self, name: str = "job", **more: Any) -> dict[str, Any]:
        self.transform(name, **more)
        return self.kit.ended("Transform", name)

    def out(self, key: str) -> bytes:
        return self.objects["artefacts", f"out/{key}"]


@pytest.fixture
def jobs(kit: Any, tmp_path: Path) -> Jobs:
    """Jobs whose containers do what the test says."""
    return Jobs(kit, tmp_path)


@pytest.fixture
def encrypted(kit: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    """Encryption and key of each object that was put with one, by its key."""
    seen: dict[str, tuple[str, str]] = {}
    plain = kit.host.client

    def client(*args: Any) -> Any:
        s3 = plain(*args)
        put = s3.put_object

        def watched(Key: str, **more: Any) -> Any:
            if "SSEKMSKeyId" in more:
                seen[Key] = (more["ServerSideEncryption"], more["SSEKMSKeyId"])
            return put(Key=Key, **more)

        s3.put_object = watched
        return s3

    monkeypatch.setattr(kit.host, "client", client)
    return seen
