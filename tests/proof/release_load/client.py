"""Clients that never pause: kept connections, signed requests, an open schedule; what became of each request.

The requests are signed as any client's, and sent as they are again until the signature grows old.
"""

import asyncio
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httptools
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROWS = tuple(f"{n % 17}.5,{(7 * n) % 23 + 30}.25" for n in range(64))
SIGNED_SECONDS = 200.0
LAG_SECONDS = 0.5
"""A schedule that is late by more begins anew: no burst after a stall."""
NONE = 0
BROKEN = b"broken"
"""What a model says that fails on purpose."""


def right(row: str, version: int) -> str:
    """What a good model of this version answers."""
    a, b = (float(cell) for cell in row.split(","))
    return f"{0.6 * a + 0.3 * b + version / 100:.6f}"


@dataclass
class Seen:
    """One entry a request, in the order of their ends.

    When it was sent (monotonic s), how long it took (ms), its HTTP status (0: none), the version that answered (0: not
    told), whether the answer is right for that version, and whether a failure is in a bad model's own words.
    """

    sent: "array[float]" = field(default_factory=lambda: array("d"))
    took: "array[float]" = field(default_factory=lambda: array("d"))
    status: "array[int]" = field(default_factory=lambda: array("i"))
    version: "array[int]" = field(default_factory=lambda: array("i"))
    good: "array[int]" = field(default_factory=lambda: array("b"))
    blamed: "array[int]" = field(default_factory=lambda: array("b"))
    errors: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sent)


class _Wire(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self.transport: Any = None
        self.version, self.body, self.status, self.keep = NONE, b"", 0, True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionError("closed without an answer"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-amzn-sagemaker-custom-attributes":
            self.version = int(value)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.status, self.keep = self._parser.get_status_code(), self._parser.should_keep_alive()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def ask(self, request: bytes) -> None:
        self.version, self.body, self.status = NONE, b"", 0
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self._waiter


class Load:
    """Use it as a context manager: from entry to exit `rate` requests a second go to the endpoint, from a thread of
    its own, `connections` of them at a time at most. `right`: what a version answers to a row; None: anything."""

    def __init__(
        self,
        cloud: Any,
        endpoint: str,
        *,
        rate: float,
        connections: int = 16,
        rows: Sequence[str] = ROWS,
        right: Callable[[str, int], str] | None = right,
    ) -> None:
        self.seen = Seen()
        self._rows, self._right = rows, right
        self._cloud, self._endpoint, self._rate, self._connections = cloud, endpoint, rate, connections
        self._requests: list[bytes] = []
        self._signed = 0.0
        self._number = 0
        self._begun = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()), daemon=True)

    def __enter__(self) -> "Load":
        self._sign()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    async def _run(self) -> None:
        self._begun = time.monotonic()
        await asyncio.gather(*(self._client() for _ in range(self._connections)))

    async def _client(self) -> None:
        wire: _Wire | None = None
        port = int(self._cloud.url.rsplit(":", 1)[1])
        while not self._over.is_set():
            number = self._number
            self._number += 1
            due = self._begun + number / self._rate
            late = time.monotonic() - due
            if late < 0:
                await asyncio.sleep(-late)
            elif late > LAG_SECONDS:
                self._begun += late
            if self._over.is_set():
                break
            if time.monotonic() - self._signed > SIGNED_SECONDS:
                self._sign()
            wire = await self._one(wire, port, number % len(self._rows))
        if wire is not None:
            wire.transport.close()

    async def _one(self, wire: _Wire | None, port: int, row: int) -> _Wire | None:
        seen, sent = self.seen, time.monotonic()
        status, version, good, blamed = 0, NONE, False, False
        try:
            if wire is None:
                _, wire = await asyncio.get_running_loop().create_connection(_Wire, "127.0.0.1", port)
            await wire.ask(self._requests[row])
            status, version = wire.status, wire.version
            good = status == 200 and self._is_right(wire.body.decode("utf-8", "replace").strip(), row, version)
            blamed = status != 200 and BROKEN in wire.body
            if not good and not blamed and len(seen.errors) < 50:
                seen.errors.append(f"{status} {wire.body[:200]!r}")
            if not wire.keep:
                wire.transport.close()
                wire = None
        except (OSError, RuntimeError, httptools.HttpParserError) as error:
            if len(seen.errors) < 50:
                seen.errors.append(f"{type(error).__name__}: {error}")
            wire = None
        seen.took.append((time.monotonic() - sent) * 1000)
        seen.status.append(status)
        seen.version.append(version)
        seen.good.append(good)
        seen.blamed.append(blamed)
        seen.sent.append(sent)  # last: whoever counts by it finds the rest
        return wire

    def _is_right(self, answer: str, row: int, version: int) -> bool:
        return self._right is None or answer == self._right(self._rows[row], version)

    def _sign(self) -> None:
        url = f"{self._cloud.url}/endpoints/{self._endpoint}/invocations"
        keys, host = Credentials(self._cloud.account, "test"), self._cloud.url.removeprefix("http://")
        requests = []
        for row in self._rows:
            asked = AWSRequest("POST", url, data=row.encode(), headers={"Content-Type": "text/csv"})
            SigV4Auth(keys, "sagemaker", self._cloud.region).add_auth(asked)
            lines = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
            head = f"POST /endpoints/{self._endpoint}/invocations HTTP/1.1\r\nHost: {host}\r\n"
            requests.append(f"{head}Content-Length: {len(row)}\r\n{lines}\r\n{row}".encode())
        self._requests, self._signed = requests, time.monotonic()
