"""SageMaker Runtime's front: authenticated and authorised as any request of the emulator, but not read without bound.

The emulator's own dispatch takes a whole body into memory before it asks who sends it, cannot stream an answer, and
tries some forty services in turn; a request for an endpoint does not go through it.
"""

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.iam import present
from rehearsal.iam.requestkeys import Asked
from rehearsal.permissions import arn
from rehearsal.runtime import Runtime
from rehearsal.sagemaker.serving.runtime_request import OPERATIONS

SERVICE = "sagemaker"
_PREFIX = "/endpoints/"
_SIGNED_FOR = f"/{SERVICE}/aws4_request".encode()
_MAX_BODY_BYTES = 6_291_456
_MAX_DRAINED_BYTES = 64 << 20  # of a body that is too large: read and forgotten, so that the refusal is seen
_MAX_CALLERS = 1000
_BODY_SECONDS = 60.0  # wall, for a whole body to come

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, dict[str, str], "bytes | AsyncIterator[bytes]"]


class _GoneError(Exception):
    """The caller has gone: nobody waits for an answer."""


class Invocations:
    """ASGI application for `/endpoints/<name>/…` requests that are signed for SageMaker."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._callers: dict[str, str] = {}  # ARN by access key

    @staticmethod
    def takes(scope: dict[str, Any]) -> bool:
        """Whether the request is one of the runtime API; a bucket may be called `endpoints` too."""
        return scope["path"].startswith(_PREFIX) and any(
            name == b"authorization" and _SIGNED_FOR in value for name, value in scope["headers"]
        )

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        try:
            status, headers, body = await self._answer(scope, receive, request_id)
        except _GoneError:
            return
        headers["x-amzn-RequestId"] = request_id
        if isinstance(body, bytes):
            headers["Content-Length"] = str(len(body))
        start = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()
            ],
        }
        await send(start)
        if isinstance(body, bytes):
            await send({"type": "http.response.body", "body": body})
        else:
            await _stream(body, receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Receive, request_id: str) -> Answer:
        parts = scope["path"].split("/")
        operation = OPERATIONS.get(parts[3]) if len(parts) == 4 else None
        if operation is None or scope["method"] != "POST":
            await _body(receive, 0)
            return _error(404, "UnknownOperationException", f"{scope['method']} {scope['path']} is no operation.")
        headers = _headers(scope)
        content, size = await _body(receive, _MAX_BODY_BYTES)
        if size > _MAX_BODY_BYTES:
            text = f"Body is more than {_MAX_BODY_BYTES} bytes; it must be at most {_MAX_BODY_BYTES} bytes."
            return _error(413, "ValidationError", text)
        refused = self._refusal(scope, parts[2], operation, headers, content, request_id)
        if refused is not None:
            return refused
        answer: Answer = await self._runtime.sagemaker.invoke(parts[2], headers, content, scope_of_request(), operation)
        return answer

    def _refusal(  # noqa: PLR0917  # the request, and what is known of it
        self,
        scope: dict[str, Any],
        endpoint: str,
        operation: str,
        headers: dict[str, str],
        body: bytes,
        request_id: str,
    ) -> Answer | None:
        """Why the caller may not do this, or None. Sets the request's account and region for what follows."""
        # The emulator's functions are looked up at each call: hooks stand in for some of them.
        from ministack import app
        from ministack.core import iam_actions, iam_evaluator, responses, router

        client = (scope.get("client") or ("127.0.0.1",))[0]
        responses.set_request_client_ip(client)
        iam_evaluator.pin_request_origin(client, True)  # loopback needs no TLS to be secure
        key = router.extract_access_key_id(headers)
        try:
            responses.set_request_account_id(app._request_account_scope(key) if key else "")
        except app.AmbiguousAccessKeyError:
            return _error(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        region = router.extract_region(headers)
        responses.set_request_region(region)
        raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        iam_evaluator.pin_signed_request(scope["method"], raw_path, {}, scope["headers"])
        iam_evaluator.pin_signed_body(body)
        # A key's principal never changes, and `enforce` looks at the key itself again: it is only named by this.
        caller = self._callers.get(key)
        if caller is None:
            iam_evaluator.pin_request_caller(headers, {})
        else:
            iam_evaluator._request_caller_arn.set(caller)
        at = scope_of_request()
        asked = Asked(SERVICE, scope["method"], scope["path"], headers, b"", {}, region, at.account)
        present.asked.set(asked)
        action, resource = f"{SERVICE}:{operation}", arn("endpoint", endpoint, at)
        denied = iam_evaluator.enforce(key, action, SERVICE, region, resource_arn=resource)
        if denied is None:
            if caller is None and len(self._callers) < _MAX_CALLERS:
                self._callers[key] = iam_evaluator.caller_arn()
            return None
        if isinstance(denied, iam_evaluator.AuthError):
            status, answered, text = app._credential_failure(SERVICE, action, request_id, denied, headers)
        else:
            status, answered, text = iam_actions.access_denied_response(
                SERVICE,
                action,
                denied.principal_arn,
                request_id,
                headers=headers,
                resource_arn=resource,
                explicit_deny=denied.decision == "Deny",
                resource_policy_arn=denied.resource_policy_arn,
            )
        return status, dict(answered), text if isinstance(text, bytes) else text.encode()


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


async def _body(receive: Receive, kept: int) -> tuple[bytes, int]:
    """The body, and its size; empty when it is larger than `kept`. Raises _GoneError when it stays incomplete."""
    chunks: list[bytes] = []
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BODY_SECONDS):
            while size <= _MAX_DRAINED_BYTES:
                message = await receive()
                if message["type"] != "http.request":
                    raise _GoneError
                size += len(message.get("body", b""))
                if size <= kept:
                    chunks.append(message.get("body", b""))
                else:
                    chunks.clear()
                if not message.get("more_body"):
                    return b"".join(chunks), size
            return b"", size
    raise _GoneError


async def _stream(parts: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send parts as they come; end the source when the caller has gone."""
    gone = asyncio.ensure_future(receive())
    try:
        async for part in parts:
            if gone.done():
                break
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        close = getattr(parts, "aclose", None)
        if close is not None:
            await close()


def _error(status: int, code: str, message: str) -> Answer:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"Message": message}).encode()
