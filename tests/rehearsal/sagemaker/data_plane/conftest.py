"""A container that does what model servers of every kind do, and endpoints of every kind made of it."""

import asyncio
import json
import sys
import time
from typing import Any

import pytest

from rehearsal.host import Image

SERVER = """
import asyncio, json, os, signal, subprocess, sys, time
mode = os.environ.get("MODE", "")
suffix = os.environ.get("SUFFIX", "").encode()
most = int(os.environ.get("MAX_MODELS", "100"))
base = os.environ["SAGEMAKER_BASE_DIR"]
models = {}
if mode == "eat":
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 20)) * 8)
if mode == "daemon":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
if mode == "forks":
    while True:
        subprocess.Popen(["sleep", "60"]); time.sleep(0.005)
if mode == "prints":
    line = b"x" * 1023 + b"\\n"
    for _ in range(40 * 1024):
        os.write(1, line)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, lambda *_: None)

async def answer(writer, status, body, kind=b"text/csv", more=b""):
    head = b"HTTP/1.1 %d x\\r\\ncontent-type: %b\\r\\ncontent-length: %d\\r\\n%b\\r\\n"
    writer.write(head % (status, kind, len(body), more) + body)

def value(directory):
    found = {}
    for at, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(at, name)
            found[os.path.relpath(path, directory)] = open(path, "rb").read().decode()
    return json.dumps(found, sort_keys=True).encode()

async def handle(method, path, headers, body, writer):
    parts = path.strip("/").split("/")
    if path == "/ping":
        if mode == "hang_pings" and os.path.exists(os.path.join(base, "..", "hang")):
            await asyncio.sleep(60)
        return await answer(writer, 200, b"")
    if parts[0] == "models":
        if method == "POST" and len(parts) == 1:
            wanted = json.loads(body)
            if wanted["model_name"] in models: return await answer(writer, 409, b"")
            if len(models) >= most: return await answer(writer, 507, b"no room")
            if not os.listdir(wanted["url"]): return await answer(writer, 500, b"empty model")
            models[wanted["model_name"]] = wanted["url"]
            return await answer(writer, 200, b"{}")
        if parts[1] not in models: return await answer(writer, 404, b"not loaded")
        if method == "DELETE":
            del models[parts[1]]
            return await answer(writer, 200, b"{}")
        target = headers["x-amzn-sagemaker-target-model"].encode()
        version = open(os.path.join(models[parts[1]], "version.txt"), "rb").read()
        return await answer(writer, 200, target + b"=" + version)
    if mode == "slow":
        await asyncio.sleep(1.5)
    if body == b"files":
        return await answer(writer, 200, value(base), b"application/json")
    if body == b"headers":
        return await answer(writer, 200, json.dumps(headers).encode(), b"application/json")
    if body.startswith(b"status:"):
        return await answer(writer, int(body[7:]), b"as asked")
    if body.startswith(b"sleep:"):
        await asyncio.sleep(float(body[6:]))
    if body.startswith(b"size:"):
        return await answer(writer, 200, b"y" * int(body[5:]))
    if body == b"session":
        new = b"x-amzn-sagemaker-new-session-id: s1; Expires=2099-01-01T00:00:00Z\\r\\n"
        return await answer(writer, 200, b"ok", more=new)
    if body == b"close session":
        return await answer(writer, 200, b"ok", more=b"x-amzn-sagemaker-closed-session-id: s1\\r\\n")
    if body == b"pid":
        return await answer(writer, 200, str(os.getpid()).encode())
    if body.startswith(b"stream"):
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: text/plain\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n")
        for part in (b"one ", b"two ", b"three"):
            writer.write(b"%x\\r\\n%b\\r\\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(0.02)
            if body == b"stream broken" and part == b"two ":
                writer.close()
                return
        writer.write(b"0\\r\\n\\r\\n")
        return
    if body == b"garbage":
        writer.write(b"not http at all\\r\\n\\r\\n")
        return
    if body == b"cut":
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 100\\r\\n\\r\\nshort")
        writer.close()
        return
    await answer(writer, 200, body + suffix)

async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode("latin-1").split("\\r\\n")
            method, path, _ = head[0].split(" ")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await handle(method, path, headers, body, writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        pass
    finally:
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]), limit=1 << 26)
    await server.serve_forever()
asyncio.run(main())
"""


class Topics:
    """The SNS that the overlay sees."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []

    def publish(self, TopicArn: str, Message: str) -> dict[str, str]:
        if TopicArn.endswith("broken"):
            raise OSError("the topic is gone")
        self.messages.append((TopicArn, json.loads(Message)))
        return {"MessageId": "1"}


class Plane:
    """Endpoints of every kind, over the shared kit."""

    def __init__(self, kit: Any, image: str) -> None:
        self.kit, self.image, self.topics = kit, image, Topics()
        self.slowest_seconds = 0.0  # of all requests until now
        plain = kit.host.client
        kit.host.client = lambda service, role, scope: self.topics if service == "sns" else plain(service, role, scope)

    def container(self, **more: Any) -> dict[str, Any]:
        environment = {key: more.pop(key) for key in ("MODE", "SUFFIX", "MAX_MODELS") if key in more}
        return {"Image": self.image, "Environment": environment, **more}

    def model(self, name: str, *containers: dict[str, Any], **more: Any) -> str:
        given = {"Containers": list(containers)} if len(containers) > 1 else {"PrimaryContainer": containers[0]}
        self.kit.call("CreateModel", ModelName=name, ExecutionRoleArn=self.kit.role, **given, **more)
        return name

    def variant(self, model: str | None = None, name: str = "main", **more: Any) -> dict[str, Any]:
        shown = {"VariantName": name, **({"ModelName": model} if model else {})}
        size = {} if "ServerlessConfig" in more else {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        return {**shown, **size, **more}

    def endpoint(self, *variants: dict[str, Any], expected: str = "InService", **more: Any) -> dict[str, Any]:
        self.kit.call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=list(variants), **more)
        self.kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
        described = self.kit.settled()
        assert described["EndpointStatus"] == expected, described
        return described

    def invoke(self, body: bytes = b"1", operation: str = "InvokeEndpoint", **headers: str) -> Any:
        return self.many([body], operation, **headers)[0]

    def many(self, bodies: list[bytes], operation: str = "InvokeEndpoint", **headers: str) -> list[Any]:
        sent = {"Content-Type": "text/csv"} | {f"X-Amzn-SageMaker-{k.replace('_', '-')}": v for k, v in headers.items()}

        async def one(body: bytes) -> Any:
            began = time.perf_counter()
            status, answered, content = await self.kit.sm.invoke("e", sent, body, self.kit.scope, operation)
            self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - began)
            if not isinstance(content, bytes):
                content = [part async for part in content]
            return status, answered, content

        async def work() -> list[Any]:
            try:
                return await asyncio.gather(*(one(body) for body in bodies))
            finally:
                await self.kit.sm.aclose()

        return asyncio.run(work())

    def values(self, metric: str, *dimensions: str, namespace: str = "AWS/SageMaker") -> list[float]:
        self.kit.sm.flush()
        return [
            value
            for one in self.kit.host.metrics
            if one["MetricName"] == metric and one["Namespace"] == namespace
            if sorted(d["Name"] for d in one["Dimensions"]) == sorted(dimensions)
            for value, count in zip(one["Values"], one["Counts"], strict=True)
            for _ in range(int(count))
        ]

    def logs(self) -> str:
        return "\n".join(line for lines in self.kit.host.logs.values() for line in lines)


@pytest.fixture
def plane(kit: Any, tmp_path: Any) -> Plane:
    """Endpoints of every kind."""
    place = tmp_path / "images" / "tool"
    place.mkdir(parents=True)
    (place / "main.py").write_text(SERVER)
    uri = kit.image.replace("/server:1", "/tool")
    image = Image(uri, "sha256:" + "cd" * 32, place, (sys.executable, "main.py"), {})
    kit.host.images[f"{uri}:1"] = image
    return Plane(kit, f"{uri}:1")
