"""The cloud's HTTP server: uvicorn with a C parser, whose memory for one request's head is bounded by us.

llhttp keeps no bound of its own on the size of a head, so this one does what h11's `max_incomplete_event_size` does,
at a third of its cost: a head, a trailer or a chunk's line of more than `HEAD_BYTES` is refused with 431 and the
connection closed, whole or cut into any parts.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 16 << 10
KEEP_ALIVE_SECONDS = 75
_LINE_EXTRA = 4  # ": " and the line's end
_BACKLOG = 512
_GRACE_SECONDS = 1


class _HeadTooLargeError(Exception):
    """Ends the parsing."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Trailers are read and dropped: nothing of them may join the headers that were signed."""

    _head_bytes = 0  # of the present message, as its names and values
    _unheard_bytes = 0  # that have come since the parser last told of anything but a header
    _headed = False

    def data_received(self, data: bytes) -> None:
        """What has come."""
        self._unheard_bytes += len(data)
        super().data_received(data)
        if self._unheard_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes, self._headed = 0, False
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, or a trailer."""
        self._count(len(name) + len(value) + _LINE_EXTRA)
        if not self._headed:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._headed, self._unheard_bytes, self._head_bytes = True, 0, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._unheard_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has come whole."""
        self._unheard_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's name; a refusal has no body, as h11's
        """Refuse what is no request, or one with too large a head, and close."""
        too_large = max(self._head_bytes, self._unheard_bytes) > HEAD_BYTES
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(line.encode())
        self.transport.close()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise _HeadTooLargeError


class WebServer(uvicorn.Server):
    """Serves one application on one listening socket until `stop` is set. Signals stay the caller's."""

    def __init__(self, application: Any, stop: asyncio.Event) -> None:
        self._stop = stop
        super().__init__(
            uvicorn.Config(
                application,
                http=BoundedProtocol,
                ws="wsproto",
                loop="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: the cloud's own handlers set `stop`."""
        yield

    async def main_loop(self) -> None:
        """Until it is over, without looking ten times a second."""
        await self._stop.wait()
