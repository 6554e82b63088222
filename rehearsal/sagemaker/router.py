"""InvokeEndpoint: from the caller to a container and back, as the service words and counts it."""

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.instance import Instance
from rehearsal.sagemaker.live import LiveEndpoint

_SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"})
_CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
_FORWARDED = {
    "content-type": "Content-Type",
    "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": _CUSTOM,
    "x-amzn-sagemaker-inference-id": "X-Amzn-SageMaker-Inference-Id",
    "x-amzn-sagemaker-target-model": "X-Amzn-SageMaker-Target-Model",
}
Answer = tuple[int, dict[str, str], bytes]


class _Reply(NamedTuple):
    status: int  # 0: no answer from the container
    headers: Mapping[str, str]
    body: bytes


_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)


class Router:
    """Chooses a variant, a fleet and an instance for each request. Connections stay alive, one pool a loop."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    async def invoke(self, endpoint: str, headers: Mapping[str, str], body: bytes, scope: Scope) -> Answer:
        """Status, headers and body of the API's answer; errors too are answers."""
        began = time.perf_counter()
        given = {name.lower(): value for name, value in headers.items()}
        live = self._core.live.get((scope, endpoint))
        record = self._core.store.state(scope).endpoints.get(endpoint)
        if live is None or record is None or record["EndpointStatus"] not in _SERVING:
            return _error(400, "ValidationError", f"Endpoint {endpoint} of account {scope.account} not found.")
        if len(body) > self._core.limits.payload_bytes:
            return _error(
                413,
                "ValidationError",
                f"Body is {len(body)} bytes; it must be at most {self._core.limits.payload_bytes} bytes.",
            )
        target = given.get("x-amzn-sagemaker-target-variant")
        if target and target not in live.routes:
            return _error(400, "ValidationError", f"Variant {target} not found for endpoint {endpoint}.")
        sent = {proper: given[name] for name, proper in _FORWARDED.items() if name in given}
        return await self._send(live, target, sent, body, began)

    async def _send(
        self, live: LiveEndpoint, target: str | None, sent: dict[str, str], body: bytes, began: float
    ) -> Answer:
        tried: set[Instance] = set()
        last: Instance | None = None
        again = False
        while True:
            instance = live.acquire(target, tried)
            if instance is None and tried and not again:
                # With nobody else to ask, once more: a kept connection may merely have been stale.
                again, instance = True, live.acquire(target, set())
            if instance is None:
                break
            last = instance
            tried.add(instance)
            forwarded = time.perf_counter()
            try:
                reply = await self._ask(instance, sent, body)
            except (aiohttp.ClientConnectionError, ConnectionError):
                continue  # no byte of an answer came: nothing was promised, another instance may serve it
            finally:
                live.release(instance)
            return self._answer(live, instance, sent, body=body, reply=reply, began=began, forwarded=forwarded)
        if last is None:
            return _error(503, "ServiceUnavailable", f"No instance of endpoint {live.name} can serve the request now.")
        reply = _Reply(0, {}, b"Amazon SageMaker could not get a response from the primary container.")
        return self._answer(live, last, sent, body=body, reply=reply, began=began, forwarded=time.perf_counter())

    async def _ask(self, instance: Instance, sent: dict[str, str], body: bytes) -> _Reply:
        limits = self._core.limits
        try:
            async with asyncio.timeout(limits.reply_seconds):
                async with self._session().post(instance.url, data=body, headers=sent) as response:
                    read = await self._read(response)
        except TimeoutError:
            return _Reply(0, {}, _TIMED_OUT.encode())
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            return _Reply(0, {}, f"The response from container primary was malformed or cut off: {error}".encode())
        if len(read) > limits.payload_bytes:
            text = f"The response from container primary is larger than {limits.payload_bytes} bytes."
            return _Reply(0, {}, text.encode())
        return _Reply(response.status, response.headers, read)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        bound = self._core.limits.payload_bytes
        if response.content_length is not None and response.content_length <= bound:
            return await response.read()
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > bound:
                response.close()
                break
        return b"".join(chunks)

    def _answer(
        self,
        live: LiveEndpoint,
        instance: Instance,
        sent: dict[str, str],
        *,
        body: bytes,
        reply: _Reply,
        began: float,
        forwarded: float,
    ) -> Answer:
        fleet, now = instance.fleet, time.perf_counter()
        model_us = (now - forwarded) * 1e6
        overhead_us = (forwarded - began) * 1e6
        self._core.metrics.invocation(
            live.scope, live.name, fleet.variant, fleet.config_name,
            status=reply.status, model_us=model_us, overhead_us=overhead_us,
        )  # fmt: skip
        if not 200 <= reply.status < 300:
            return _model_error(live, fleet.variant, reply)
        content_type = reply.headers.get("Content-Type", "application/octet-stream")
        if fleet.capture is not None:
            self._core.capture.record(
                fleet.capture,
                (sent.get("Content-Type", "application/octet-stream"), body),
                (content_type, reply.body),
                sent.get("X-Amzn-SageMaker-Inference-Id"),
            )
        headers = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": fleet.variant}
        if _CUSTOM in reply.headers:
            headers[_CUSTOM] = reply.headers[_CUSTOM]
        return 200, headers, reply.body

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15)
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
            )
        return session

    async def aclose(self) -> None:
        """Close this loop's connections."""
        if session := self._sessions.pop(asyncio.get_running_loop(), None):
            await session.close()

    def close(self) -> None:
        """Close the connections of every loop, from any thread."""
        while self._sessions:
            loop, session = self._sessions.popitem()
            with contextlib.suppress(Exception):
                if loop.is_running() and not _is_this(loop):
                    asyncio.run_coroutine_threadsafe(session.close(), loop).result(2)
                elif loop.is_running():
                    loop.create_task(session.close())
                elif not loop.is_closed():
                    loop.run_until_complete(session.close())


def _is_this(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _error(status: int, code: str, message: str) -> Answer:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"Message": message}).encode()


def _model_error(live: LiveEndpoint, variant: str, reply: _Reply) -> Answer:
    region, account = live.scope.region, live.scope.account
    group = f"/aws/sagemaker/Endpoints/{live.name}"
    text = reply.body.decode("utf-8", "replace")
    side = "client" if 400 <= reply.status < 500 else "server"
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group}"
    document = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if side == "client" else "INTERNAL_FAILURE_FROM_MODEL",
        "LogStreamArn": f"arn:aws:logs:{region}:{account}:log-group:{group}",
        "Message": f'Received {side} error ({reply.status}) from primary with message "{text}". '
        f"See {console} in account {account} for more information.",
        "OriginalMessage": text,
        "OriginalStatusCode": reply.status,
    }
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": "ModelError",
        "x-Amzn-Invoked-Production-Variant": variant,
    }
    return 424, headers, json.dumps(document).encode()
