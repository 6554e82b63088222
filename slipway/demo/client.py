"""A client of the endpoint: real records over keep-alive HTTP, each signed, each sent once.

It never retries: a failure stays a failure and is counted. Every request is one line of the log,
`[wall epoch s, HTTP status or 0, the container's own status or null, latency ms, error or null]`.

`python -m slipway.demo.client` runs it as its own process, so that it sees the endpoint as a stranger does.
"""

import argparse
import asyncio
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MODEL_ERROR = 424
"""InvokeEndpoint's HTTP status for ModelError: the container answered 4xx or 5xx, which the answer's
OriginalStatusCode tells."""
IN_FLIGHT = 24
ANSWER_SECONDS = 20.0
DRAIN_SECONDS = 5.0
FLUSH_SECONDS = 0.25


@dataclass(frozen=True)
class Target:
    """Where requests go, and as whom."""

    url: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str

    @classmethod
    def from_environment(cls, endpoint: str, environment: dict[str, str]) -> "Target":
        """As the standard AWS variables say."""
        return cls(
            environment["AWS_ENDPOINT_URL"].rstrip("/"),
            endpoint,
            environment["AWS_REGION"],
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def invocations(self) -> str:
        """The URL of InvokeEndpoint."""
        return f"{self.url}/endpoints/{self.endpoint}/invocations"


@dataclass(frozen=True)
class Reply:
    """What became of one request."""

    at: float
    status: int
    original_status: int | None
    latency_ms: float
    error: str | None

    @property
    def ok(self) -> bool:
        """A 200 that carries a number."""
        return self.error is None

    def line(self) -> str:
        """As it stands in the log."""
        return json.dumps([round(self.at, 3), self.status, self.original_status, round(self.latency_ms, 1), self.error])

    @classmethod
    def parse(cls, line: str) -> "Reply":
        """The inverse of `line`."""
        return cls(*json.loads(line))


@dataclass
class Bounds:
    """When to stop, and how fast to go. `rate` in requests a second."""

    rate: float
    count: int
    seconds: float
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Signer:
    """Signs InvokeEndpoint requests as botocore does."""

    def __init__(self, target: Target) -> None:
        self._url = target.invocations
        self._auth = SigV4Auth(Credentials(target.access_key, target.secret_key), "sagemaker", target.region)

    def headers(self, body: bytes) -> dict[str, str]:
        """The signed headers of one CSV request."""
        request = AWSRequest("POST", self._url, data=body, headers={"Content-Type": "text/csv", "Accept": "text/csv"})
        self._auth.add_auth(request)
        return {str(name): str(value) for name, value in request.headers.items()}


async def send(target: Target, records: Sequence[str], bounds: Bounds, on_reply: Callable[[Reply], None]) -> None:
    """Send the records round and round at the asked rate until a bound is met or `stop` is set; then wait for what is
    in flight.

    Open loop: a slow answer does not slow the next request down, up to IN_FLIGHT at once.
    """
    signer, free = Signer(target), asyncio.Semaphore(IN_FLIGHT)
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    under_way: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=IN_FLIGHT), timeout=timeout, trust_env=False
    ) as session:
        begun = time.monotonic()
        for number in range(bounds.count):
            due = begun + number / bounds.rate
            if await _stopped_before(due, bounds.stop) or time.monotonic() - begun >= bounds.seconds:
                break
            await free.acquire()
            one = asyncio.create_task(_one(session, target, signer, records[number % len(records)], on_reply))
            under_way.add(one)
            one.add_done_callback(under_way.discard)
            one.add_done_callback(lambda _: free.release())
        if under_way:
            await asyncio.wait(under_way, timeout=DRAIN_SECONDS if bounds.stop.is_set() else ANSWER_SECONDS)


async def _stopped_before(due: float, stop: asyncio.Event) -> bool:
    left = due - time.monotonic()
    if left > 0:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left)
    return stop.is_set()


async def _one(
    session: aiohttp.ClientSession, target: Target, signer: Signer, record: str, on_reply: Callable[[Reply], None]
) -> None:
    body = record.encode()
    at, begun = time.time(), time.monotonic()
    status, original, error = 0, None, None
    try:
        async with session.post(target.invocations, data=body, headers=signer.headers(body)) as answer:
            status, text = answer.status, await answer.text()
        original, error = judge(status, text)
    except (aiohttp.ClientError, TimeoutError, OSError) as failure:
        error = f"{type(failure).__name__}: {failure}"[:200]
    on_reply(Reply(at, status, original, (time.monotonic() - begun) * 1000, error))


def judge(status: int, text: str) -> tuple[int | None, str | None]:
    """The container's own status and the error, from an answer; no error for a 200 with a finite number."""
    if status == 200:
        with suppress(ValueError):
            if math.isfinite(float(text)):
                return None, None
        return None, f"not a number: {text[:80]!r}"
    try:
        told: Any = json.loads(text)
        original = told.get("OriginalStatusCode")
        message = told.get("OriginalMessage") or told.get("Message") or told.get("message") or text
    except (ValueError, AttributeError):
        original, message = None, text
    return (int(original) if isinstance(original, int) else None), str(message)[:200] or f"HTTP {status}"


class Log:
    """The log file: a line a reply, flushed a few times a second so that a watcher can count."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._flushed = 0.0

    def add(self, reply: Reply) -> None:
        """Append one reply."""
        self._file.write(reply.line() + "\n")
        if (now := time.monotonic()) - self._flushed > FLUSH_SECONDS:
            self._file.flush()
            self._flushed = now


async def run(target: Target, records: Sequence[str], bounds: Bounds, out: Path) -> None:
    """The process's life: until a bound, SIGTERM, SIGINT, or the death of the parent."""
    loop, parent = asyncio.get_running_loop(), os.getppid()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, bounds.stop.set)

    async def watch_parent() -> None:
        while os.getppid() == parent:
            await asyncio.sleep(0.5)
        bounds.stop.set()

    watching = asyncio.create_task(watch_parent())
    with out.open("w", encoding="utf-8") as file:
        await send(target, records, bounds, Log(file).add)
    watching.cancel()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and the AWS environment; send."""
    parser = argparse.ArgumentParser(prog="python -m slipway.demo.client", description="Send records to an endpoint.")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--records", type=Path, required=True, help="a file with one header-less CSV row a line")
    parser.add_argument("--out", type=Path, required=True, help="the log: a JSON line a request")
    parser.add_argument("--rate", type=float, default=250.0, help="requests a second")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=300.0)
    given = parser.parse_args(arguments)
    records = given.records.read_text(encoding="utf-8").split()
    if not records:
        print(f"{given.records} holds no record", file=sys.stderr)  # noqa: T201
        return 2
    target = Target.from_environment(given.endpoint, dict(os.environ))
    asyncio.run(run(target, records, Bounds(given.rate, given.count, given.seconds), given.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
