"""A light serving container: /ping and /invocations on kept connections; its artefact says how it behaves.

Every answer of a model carries its version in X-Amzn-SageMaker-Custom-Attributes.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import httptools
import uvloop
from kinds import Answer, Model

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


class Connection(asyncio.Protocol):
    """One request at a time, as the service sends them."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._body = b"", b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        model = self._model
        if self._path == b"/ping":
            if not model.hangs:
                self._send(Answer(status=200 if model.healthy else 503))
            return
        answer = model.answer(self._body.decode().strip())
        assert self._transport is not None
        if answer.refused:
            self._transport.abort()
        elif not answer.silent:
            if answer.seconds:
                asyncio.get_running_loop().call_later(answer.seconds, self._send, answer)
            else:
                self._send(answer)

    def _send(self, answer: Answer) -> None:
        assert self._transport is not None
        body = answer.body.encode()
        length = len(body) if answer.length is None else answer.length
        head = (
            f"HTTP/1.1 {answer.status} X\r\nContent-Type: {answer.content_type}\r\nContent-Length: {length}\r\n"
            f"X-Amzn-SageMaker-Custom-Attributes: {self._model.version}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        if answer.length is not None:
            self._transport.close()


async def serve() -> None:
    told = json.loads((BASE / "model" / "behaviour.json").read_text())
    model = Model(told["version"], told["kind"], told["slow_seconds"])
    model.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(model), "127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]), backlog=512
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    assert sys.argv[1:] == ["serve"], sys.argv
    uvloop.run(serve())
