"""50,000 wrong requests at the endpoint router: no crash, no 5xx by input, nothing written outside.

Most go to the router itself; a part goes as raw bytes through the cloud's real front.
"""

import asyncio
import json
import random
import socket
import string
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.clock import Clock
from rehearsal.cloud import Cloud
from rehearsal.host import Image, ImageNotFoundError, Scope
from rehearsal.sagemaker import Limits, SageMaker

SCOPE = Scope("111122223333", "eu-west-1")
ROLE = "arn:aws:iam::111122223333:role/r"
ECHO = """
import asyncio, os
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = int(head.lower().partition(b"content-length:")[2].partition(b"\\r\\n")[0] or 0)
            await reader.readexactly(size)
            assert head.count(b"\\r\\n\\r\\n") == 1
            text = str(size).encode()
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n%b" % (len(text), text))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]), limit=1 << 24)
    await server.serve_forever()
asyncio.run(main())
"""
OPERATIONS = ("InvokeEndpoint", "InvokeEndpointWithResponseStream", "InvokeEndpointAsync")
HEADERS = (
    "Content-Type", "Accept", "Host", "Content-Length", "Transfer-Encoding", "Authorization", "Cookie", "",
    *(f"X-Amzn-SageMaker-{name}" for name in (
        "Accept", "Content-Type", "Custom-Attributes", "Target-Model", "Target-Variant", "Target-Container-Hostname",
        "Inference-Id", "Enable-Explanations", "Inference-Component", "Session-Id", "Prefix-Aware-Id", "InputLocation",
        "S3OutputPathExtension", "Filename", "RequestTTLSeconds", "InvocationTimeoutSeconds",
    )),
)  # fmt: skip
PIECES = (
    "", "a", "main", "text/csv", "NEW_SESSION", "../../etc/passwd", "%2e%2e%2f", "\r\nX-Injected: 1", "\0", "\x7f",
    "é", "\U0001f4a5", "9" * 40, "-1", "1e9", "None", "s3://b/k", "{}", "'\"<>;--", "a" * 63, "a" * 64, "a" * 1024,
    "b" * 1025, " lead", "trail ", "\t", "http://169.254.169.254/", "${jndi:x}",
)  # fmt: skip


class Host:
    """As little of a cloud as an endpoint needs."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock(speed=1)
        (directory / "main.py").write_text(ECHO)
        self.held = Image("r", "sha256:" + "0" * 64, directory, (sys.executable, "main.py"), {})

    def client(self, service: str, role_arn: str, scope: Scope) -> Any:
        raise OSError(f"no {service} here")

    def image(self, uri: str) -> Image:
        if uri != "r:1":
            raise ImageNotFoundError(uri)
        return self.held

    def pull(self, uri: str, role_arn: str, scope: Scope) -> Image:
        return self.image(uri)

    def deregister_variants(self, endpoint: str, scope: Scope) -> None: ...

    def publish_event(self, *_: Any) -> None: ...

    def put_metrics(self, *_: Any) -> None: ...

    def alarm_state(self, *_: Any) -> None: ...

    def write_log(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMaker]:
    """An endpoint `e` with one instance."""
    directory = tmp_path_factory.mktemp("router")
    (directory / "image").mkdir()
    made = SageMaker(Host(directory / "image"), directory / "state", Limits(ping_seconds=0.05, server_grace_seconds=1))

    def call(action: str, **params: Any) -> Any:
        return made.handle(action, params, SCOPE, "arn:aws:iam::111122223333:root")

    call("CreateModel", ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "r:1"})
    variant = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[variant])
    call("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    deadline = time.monotonic() + 20
    while call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] != "InService":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield made
    made.close()


def _text(drawn: random.Random) -> str:
    kind = drawn.random()
    if kind < 0.6:
        return drawn.choice(PIECES)
    if kind < 0.8:
        return "".join(drawn.choices(string.printable, k=drawn.randrange(80)))
    if kind < 0.9:
        return "".join(chr(drawn.randrange(1, 0x3000)) for _ in range(drawn.randrange(20)))
    return drawn.choice(PIECES) + drawn.choice(PIECES)


def _body(drawn: random.Random) -> bytes:
    kind = drawn.random()
    if kind < 0.9:
        return drawn.randbytes(drawn.randrange(2000))
    if kind < 0.997:
        return b""
    return b"x" * drawn.choice((6_291_455, 6_291_456, 6_291_457, 9_000_000))


def _tree(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.fault("S17")
def test_no_request_breaks_the_router(sagemaker, full, figure, tmp_path):
    count = 50_000 if full else 1500
    drawn = random.Random(20261121)
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    root = sagemaker._core.root
    before = _tree(root.parent)

    async def one() -> None:
        headers = {drawn.choice(HEADERS): _text(drawn) for _ in range(drawn.randrange(6))}
        endpoint = "e" if drawn.random() < 0.9 else _text(drawn)
        body, operation = _body(drawn), drawn.choice(OPERATIONS)
        status, answered, content = await sagemaker.invoke(endpoint, headers, body, SCOPE, operation)
        if not isinstance(content, bytes):
            content = b"".join([part async for part in content])
        elif status != 200:
            json.loads(content)
        statuses[status] += 1
        if status >= 500 or any(c in value for value in answered.values() for c in "\r\n\0"):
            wrong.append(f"{status} {operation} {headers} {content[:200]!r}")

    async def work() -> None:
        for start in range(0, count, 50):
            await asyncio.gather(*(one() for _ in range(min(50, count - start))))
        assert (await sagemaker.invoke("e", {}, b"12345", SCOPE))[2] == b"5"
        await sagemaker.aclose()

    asyncio.run(work())
    assert set(statuses) <= {200, 400, 413, 424}, statuses
    assert statuses[200] > count / 20, "some of it is right"
    written = _tree(root.parent) - before
    figure("router: fuzzed requests without a crash or a 5xx", count - len(wrong), f"{count}", not wrong)
    figure("router: files written by fuzzed requests", len(written), "0", not written)


def _raw(drawn: random.Random, authorization: str) -> tuple[bytes, bool]:
    """Bytes for a socket, and whether the sender hangs up in the middle of them."""
    method = drawn.choice(("POST", "POST", "POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW", "PO ST", ""))
    path = drawn.choice(
        (
            "/endpoints/e/invocations", "/endpoints/e/invocations", "/endpoints/e/async-invocations", "/endpoints/",
            "/endpoints/e/invocations-response-stream", "/endpoints/../../etc/passwd", "/endpoints/%00/invocations",
            "/endpoints/e/invocations/x", "/endpoints//invocations", "/endpoints/e/invocations?a=" + "b" * 3000,
            "endpoints/e/invocations", "/endpoints/" + "n" * 5000 + "/invocations",
        )
    )  # fmt: skip
    lines = [f"{method} {path} HTTP/1.1", "Host: x"]
    if drawn.random() < 0.9:
        lines.append(f"Authorization: {authorization}")
    for _ in range(drawn.randrange(5)):
        lines.append(f"{drawn.choice(HEADERS)}: {_text(drawn)}")
    kind, body = drawn.random(), _body(drawn)[:100_000]
    if kind < 0.5:
        lines.append(f"Content-Length: {len(body)}")
    elif kind < 0.6:
        lines.append(f"Content-Length: {drawn.choice(('-1', 'x', '99999999999999', str(len(body) + 50)))}")
    elif kind < 0.8:
        lines.append("Transfer-Encoding: chunked")
        body = drawn.choice(
            (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), b"zz\r\nnope", b"5\r\nab", b"ffffffffff\r\n")
        )
    elif kind < 0.85:
        lines.append("X-Huge: " + "h" * drawn.choice((10_000, 100_000, 1_000_000)))
    text = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogatepass") + body
    cut = drawn.random() < 0.1
    return (text[: drawn.randrange(1, len(text))] if cut else text), cut


async def _send(port: int, raw: bytes, *, cut: bool) -> int:
    """Status of the answer; 0 when the connection was closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        if cut:
            writer.write_eof()
        async with asyncio.timeout(0.4):
            head = await reader.read(64)
        return int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/") else 0
    except (TimeoutError, OSError, IndexError, ValueError):
        return 0  # it waits for the rest of an unfinished request, as it should
    finally:
        writer.transport.abort()


@pytest.mark.fault("S17")
@pytest.mark.rehearsal
def test_no_bytes_break_the_front(full, figure, tmp_path):
    count = 5000 if full else 150
    drawn = random.Random(20261122)
    with Cloud.start(tmp_path / "cloud") as cloud:
        port = int(cloud.url.rpartition(":")[2])
        day = time.strftime("%Y%m%d", time.gmtime())
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={cloud.account}/{day}/{cloud.region}/sagemaker/aws4_request, "
            "SignedHeaders=host, Signature=00"
        )
        statuses: Counter[int] = Counter()

        async def work() -> None:
            for _ in range(0, count, 50):
                raws = [_raw(drawn, authorization) for _ in range(50)]
                statuses.update(await asyncio.gather(*(_send(port, raw, cut=cut) for raw, cut in raws)))

        asyncio.run(work())
        # 501 is what HTTP itself asks for (RFC 9112, 6.1): a transfer coding that the server does not know.
        bad = {status: number for status, number in statuses.items() if status >= 500 and status != 501}
        figure("front: fuzzed byte streams without a 5xx", sum(statuses.values()), f"{count}", not bad)
        assert statuses[400] > 0, statuses
        assert cloud.client("sagemaker").list_endpoints()["Endpoints"] == [], "it still serves"
        with socket.create_connection(("127.0.0.1", port)):
            pass
        log = (tmp_path / "cloud" / "cloud.log").read_text()
        assert "Traceback" not in log, log[-3000:]
