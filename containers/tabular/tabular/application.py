"""The ASGI application: /ping, /invocations, /execution-parameters, with bounded memory and time."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import numpy as np

from tabular import payload
from tabular.model import Model
from tabular.payload import Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
BODY_SECONDS = 60
"""SageMaker waits as long for the whole reply."""
DISCARDED_AT_MOST = 8
"""A body this many times over the limit is no longer read, just cut off."""
PARAMETERS = b'{"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}'
METHODS = {"/ping": "GET", "/invocations": "POST", "/execution-parameters": "GET"}


class Application:
    """Answers for one model, which was loaded and warmed up before this exists."""

    def __init__(self, model: Model, body_bytes_at_most: int) -> None:
        self._model, self._limit = model, body_bytes_at_most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            method = METHODS.get(scope["path"])
            if method is None:
                raise Refused(404, f"no such path; there are {', '.join(METHODS)}")
            if scope["method"] != method:
                raise Refused(405, f"use {method}")
            if scope["path"] == "/invocations":
                headers = dict(scope["headers"])
                status, kind, body = 200, *self._invoke(headers, await self._body(headers, receive))
            else:
                status, kind = 200, payload.JSON
                body = b"" if scope["path"] == "/ping" else PARAMETERS
        except Refused as refused:
            status, kind, body = refused.status, "text/plain", f"{refused.reason}\n".encode()
        except Exception as error:  # the one request fails, the server goes on; the log has the cause
            sys.stderr.write(f"InternalError: {type(error).__name__}: {error}\n")
            status, kind, body = 500, "text/plain", b"the model could not answer; see the container's log\n"
        suffix = b"; charset=utf-8" if kind.startswith("text/") else b""
        fields = [(b"content-type", kind.encode() + suffix), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _invoke(self, headers: dict[bytes, bytes], body: bytes) -> tuple[str, bytes]:
        content_type = headers.get(b"content-type", b"text/csv").split(b";")[0].strip().lower().decode("latin-1")
        matrix = payload.read(body, content_type, self._model)
        kind = payload.accepted(headers.get(b"accept", b"*/*").decode("latin-1"), content_type)
        predictions = self._model.predict(matrix)
        if not np.isfinite(predictions).all():
            raise Refused(500, "the model's answer is not a finite number")
        return kind, payload.write(predictions.tolist(), kind)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, never holding more than the limit."""
        if int(headers.get(b"content-length", b"0")) > self._limit * DISCARDED_AT_MOST:
            raise self._too_large()
        message = await receive()
        if not message.get("more_body"):
            body: bytes = message.get("body", b"")
        else:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await self._parts(message, receive)
            except TimeoutError:
                raise Refused(408, f"the body took over {BODY_SECONDS} s to arrive") from None
        if len(body) > self._limit:
            raise self._too_large()
        return body

    async def _parts(self, message: Message, receive: Receive) -> bytes:
        parts, size = [message.get("body", b"")], len(message.get("body", b""))
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the client went away")
            size += len(message.get("body", b""))
            if size > self._limit * DISCARDED_AT_MOST:
                break
            if size > self._limit:
                parts.clear()  # read on without keeping, so that the client gets to read its answer
            else:
                parts.append(message.get("body", b""))
        if size > self._limit:
            raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> Refused:
        return Refused(413, f"the body is over {self._limit} bytes: send fewer rows a request")
