"""The HTTP server's bounds, met with raw bytes on a socket."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from rehearsal.web import HEAD_BYTES, WebServer

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
SECONDS = 20


class Seen:
    """An application that answers with the size of the body, and keeps the headers of every request."""

    def __init__(self) -> None:
        self.headers: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            if not message["more_body"]:
                break
        self.headers.append(dict(scope["headers"]))
        body = str(size).encode()
        headers = [(b"Content-Length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    @staticmethod
    async def _live(receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def _serving(talk: Callable[[Any, Any], Any]) -> tuple[Any, Seen]:
    """What `talk(reader, writer)` gives on a connection to the server."""
    seen = Seen()

    async def work() -> Any:
        stop = asyncio.Event()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            server = asyncio.create_task(WebServer(seen, stop).serve(sockets=[listener]))
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            try:
                return await asyncio.wait_for(talk(reader, writer), SECONDS)
            finally:
                writer.close()
                stop.set()
                await server

    return uvloop.run(work()), seen


async def _answer(reader: Any) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(size)


async def _drip(writer: Any, part: bytes, most: int) -> int:
    """Send `part` until the other side closes. How many bytes it took."""
    sent = 0
    while sent < most and not writer.transport.is_closing():
        writer.write(part)
        sent += len(part)
        await writer.drain()
        await asyncio.sleep(0)
    return sent


def test_a_head_up_to_the_bound_passes_and_the_connection_is_kept() -> None:
    async def talk(reader: Any, writer: Any) -> list[tuple[int, bytes]]:
        answers = []
        for _ in range(2):
            writer.write(GET + b"X-Long: " + b"a" * (HEAD_BYTES - 200) + b"\r\n\r\n")
            answers.append(await _answer(reader))
        return answers

    assert _serving(talk)[0] == [(200, b"0"), (200, b"0")]


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X-Long: " + b"a" * HEAD_BYTES + b"\r\n\r\n",
        GET + b"X: y\r\n" * (HEAD_BYTES // 6) + b"\r\n",
        b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["one header", "many headers", "the target"],
)
def test_a_larger_head_is_refused_though_it_comes_whole(head: bytes) -> None:
    async def talk(reader: Any, writer: Any) -> tuple[tuple[int, bytes], bytes]:
        writer.write(head)
        return await _answer(reader), await reader.read()

    assert _serving(talk) == (((431, b""), b""), _Nobody())


@pytest.mark.parametrize(
    ("start", "part"),
    [(GET + b"X-Long: ", b"a" * 100), (GET, b"X: y\r\n"), (b"GET /", b"a" * 100)],
    ids=["a header's value", "headers", "the target"],
)
def test_a_head_without_an_end_is_refused_at_the_bound(start: bytes, part: bytes) -> None:
    async def talk(reader: Any, writer: Any) -> tuple[int, bytes]:
        writer.write(start)
        dripping = asyncio.ensure_future(_drip(writer, part, 100 * HEAD_BYTES))
        answer = await _answer(reader)
        dripping.cancel()
        return answer

    assert _serving(talk) == ((431, b""), _Nobody())


@pytest.mark.parametrize("start", [b"0\r\nX-Long: ", b"5;ext="], ids=["a trailer", "a chunk's extension"])
def test_a_chunked_body_has_no_endless_line(start: bytes) -> None:
    async def talk(reader: Any, writer: Any) -> bytes:
        writer.write(POST + start)
        dripping = asyncio.ensure_future(_drip(writer, b"a" * 100, 100 * HEAD_BYTES))
        head: bytes = await reader.readuntil(b"\r\n\r\n")
        dripping.cancel()
        return head.split()[1]

    assert _serving(talk) == (b"431", _Nobody())


def test_trailers_join_no_headers() -> None:
    async def talk(reader: Any, writer: Any) -> tuple[int, bytes]:
        writer.write(POST + b"3\r\nabc\r\n0\r\nAuthorization: forged\r\n\r\n")
        return await _answer(reader)

    answer, seen = _serving(talk)
    assert answer == (200, b"3")
    assert [b"authorization" in headers for headers in seen.headers] == [False]


def test_a_large_body_is_no_large_head() -> None:
    async def talk(reader: Any, writer: Any) -> list[tuple[int, bytes]]:
        body = b"x" * (40 * HEAD_BYTES)
        writer.write(GET.replace(b"GET", b"PUT") + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        plain = await _answer(reader)
        writer.write(POST + b"1\r\nx\r\n" * HEAD_BYTES + b"0\r\n\r\n")
        return [plain, await _answer(reader)]

    size = str(40 * HEAD_BYTES).encode()
    assert _serving(talk)[0] == [(200, size), (200, str(HEAD_BYTES).encode())]


@pytest.mark.parametrize(
    "given",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["TLS", "a malformed header", "two framings", "two lengths", "a malformed chunk"],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(given: bytes) -> None:
    async def talk(reader: Any, writer: Any) -> tuple[bytes, bytes]:
        writer.write(given)
        head = await reader.readuntil(b"\r\n\r\n")
        return head.split()[1], await reader.read()

    assert _serving(talk) == ((b"400", b""), _Nobody())


class _Nobody:
    """Equal to an application that saw no request."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and not other.headers

    __hash__ = None  # type: ignore[assignment]  # only compared
