"""HTTP/1.1 to containers: kept connections, bounded answers, nothing of a caller's but what was chosen to be sent.

A general HTTP client costs several times as much for each request as the router may add, so this one does what
`POST /invocations` needs and no more.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, cast

import httptools

HOST = "127.0.0.1"
_IDLE_KEPT = 256  # connections to one container
_HIGH_WATER_BYTES = 256 << 10  # of a streamed answer that nobody has read yet


class NoAnswerError(Exception):
    """Not one byte of an answer came: another container may be asked."""


class RefusedError(NoAnswerError):
    """It takes no connections."""


class BadAnswerError(Exception):
    """The answer was malformed, cut off or too large; the text says which."""


class Reply(NamedTuple):
    """A container's whole answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.open = False
        self.headers: dict[str, str] = {}
        self._parser: httptools.HttpResponseParser | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # what asyncio calls
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        self.open = True

    def data_received(self, data: bytes) -> None:
        self.begun = True
        if self._parser is None:
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(BadAnswerError(f"malformed: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name
        self.open = False
        self._writable.set()
        if self._parser is None or self.complete:
            return
        if not self.begun:
            self._fail(NoAnswerError())
        elif self.headed and self._until_close:
            self.on_message_complete()
        else:
            self._fail(BadAnswerError("cut off"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # what the parser calls
    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:  # 100 Continue and the like: the answer follows
            self.headers = {}
            return
        self.headed = True
        known = "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()
        self._until_close = not known
        if not known:
            self.keep = False
        self._wake()

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        if self.size > self.bound:
            self._fail(BadAnswerError(f"larger than {self.bound} bytes"))
            return
        self.chunks.append(body)
        self.unread += len(body)
        if self.streaming:
            if self.unread > _HIGH_WATER_BYTES and self.transport is not None:
                self.transport.pause_reading()
            self._wake()

    def on_message_complete(self) -> None:
        if self.status < 200:
            return
        self.complete = True
        self.keep = self.keep and self._parser is not None and self._parser.should_keep_alive()
        self._wake()

    # what the pool calls
    def begin(self, bound: int, *, streaming: bool) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.headers = {}
        self.chunks: deque[bytes] = deque()
        self.status = self.size = self.unread = 0
        self.bound = bound
        self.streaming = streaming
        self.begun = self.headed = self.complete = False
        self.keep = True
        self.error: Exception | None = None
        self._until_close = False
        self._waiter: asyncio.Future[None] | None = None

    async def send(self, head: bytes, body: bytes) -> None:
        assert self.transport is not None
        if len(body) <= 65536:
            self.transport.write(head + body)
            return
        self.transport.write(head)
        view = memoryview(body)
        for start in range(0, len(body), 262_144):
            if not self._writable.is_set():
                await self._writable.wait()
            if not self.open or self.headed:  # it answered early, or is gone: `wait` tells which
                self.keep = False
                return
            self.transport.write(view[start : start + 262_144])

    async def wait(self, *, for_head: bool = False) -> None:
        """Until the answer (or its head, or more of it) is there. Raises what went wrong."""
        while self.error is None and not self.complete and not (for_head and self.headed):
            if self.streaming and self.headed and self.chunks:
                return
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.error is not None:
            raise self.error

    def take(self) -> bytes:
        """What has come since the last call."""
        body = b"".join(self.chunks)
        self.chunks.clear()
        self.unread = 0
        if self.open and self.transport is not None and self.streaming:
            self.transport.resume_reading()
        return body

    def end(self) -> bool:
        """Forget the request. Whether the connection can take another."""
        reusable = self.complete and self.keep and self.open
        self._parser = None
        if not reusable:
            self.close()
        return reusable

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()
        self.open = False

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self.error is None and not self.complete:
            self.error = error
        self.keep = False
        self.close()
        self._wake()


class Stream:
    """An answer whose body is read as it comes. Iterate it to its end, or `close` it."""

    def __init__(self, pool: "Pool", port: int, connection: _Connection) -> None:
        self._pool, self._port, self._connection = pool, port, connection
        self.status = connection.status
        self.headers = connection.headers

    async def parts(self) -> AsyncIterator[bytes]:
        """Raises BadAnswerError when the answer breaks off."""
        while True:
            await self._connection.wait()
            complete = self._connection.complete
            if part := self._connection.take():
                yield part
            if complete:
                return

    def close(self) -> None:
        """Give the connection back, or end it when the answer was not read to its end."""
        self._pool.give_back(self._port, self._connection)


class Pool:
    """Connections of one event loop, by port. Use it from that loop only."""

    def __init__(self) -> None:
        self._idle: dict[int, list[_Connection]] = {}

    async def post(self, port: int, path: str, headers: Mapping[str, str], body: bytes, bound: int) -> Reply:
        """The whole answer, at most `bound` bytes of it. Raises NoAnswerError or BadAnswerError."""
        connection = await self._begin("POST", port, path, headers, body, bound=bound, streaming=False)
        try:
            await connection.wait()
            return Reply(connection.status, connection.headers, connection.take())
        finally:
            self.give_back(port, connection)

    async def request(self, method: str, port: int, path: str, body: bytes = b"", bound: int = 1 << 20) -> Reply:
        """A call of the container's management API, with JSON."""
        headers = {"Content-Type": "application/json"}
        connection = await self._begin(method, port, path, headers, body, bound=bound, streaming=False)
        try:
            await connection.wait()
            return Reply(connection.status, connection.headers, connection.take())
        finally:
            self.give_back(port, connection)

    async def stream(self, port: int, path: str, headers: Mapping[str, str], body: bytes) -> Stream:
        """The answer from its head on, whatever its length."""
        connection = await self._begin("POST", port, path, headers, body, bound=1 << 62, streaming=True)
        try:
            await connection.wait(for_head=True)
        except BaseException:
            self.give_back(port, connection)
            raise
        return Stream(self, port, connection)

    async def _begin(
        self,
        method: str,
        port: int,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        bound: int,
        streaming: bool,
    ) -> _Connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode(
            "latin-1"
        )
        connection = await self._connection(port)
        connection.begin(bound, streaming=streaming)
        try:
            await connection.send(head, body)
        except BaseException:
            self.give_back(port, connection)
            raise
        return connection

    async def _connection(self, port: int) -> _Connection:
        idle = self._idle.get(port)
        while idle:
            connection = idle.pop()
            if connection.open:
                return connection
        try:
            _, made = await asyncio.get_running_loop().create_connection(_Connection, HOST, port)
        except ConnectionRefusedError as error:
            raise RefusedError from error
        except OSError as error:
            raise NoAnswerError from error
        return made

    def give_back(self, port: int, connection: _Connection) -> None:
        """The request is over."""
        if connection.end():
            idle = self._idle.setdefault(port, [])
            if len(idle) < _IDLE_KEPT:
                idle.append(connection)
            else:
                connection.close()

    def drop(self, port: int) -> None:
        """Close what is kept for a container that is gone."""
        for connection in self._idle.pop(port, ()):
            connection.close()

    def close(self) -> None:
        """Close everything kept."""
        for port in list(self._idle):
            with contextlib.suppress(RuntimeError):  # its loop may be closed already
                self.drop(port)
