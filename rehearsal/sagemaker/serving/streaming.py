"""InvokeEndpointWithResponseStream: a container's chunks as PayloadPart events while they come."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.serving import answers
from rehearsal.sagemaker.serving.chain import CUSTOM, Chain, Exchange, Outcome, timed_out
from rehearsal.sagemaker.serving.multimodel import ModelRefusal
from rehearsal.sagemaker.serving.transport import BadAnswerError, Stream

if TYPE_CHECKING:
    from rehearsal.sagemaker.serving.router import StreamedAnswer

_CAPTURED_BYTES = 1 << 20  # of a streamed answer; a longer one is captured up to here


async def stream_answer(core: Core, chain: Chain, exchange: Exchange) -> "StreamedAnswer":
    """The answer's head, and its event stream, which releases the lease when it ends or is closed.

    An error of the container before its first byte is an ordinary ModelError. Raises NoAnswerError.
    """
    forwarded = time.perf_counter()
    lease, request = exchange.lease, exchange.request
    if len(lease.servers) > 1:
        text = "Inference pipelines do not stream their answer: use InvokeEndpoint."
        return answers.error(400, "ValidationError", text)
    server = lease.servers[0]
    label = server.container.label
    try:
        async with asyncio.timeout(core.limits.reply_seconds):
            path = await chain.path(exchange, server)
            if isinstance(path, ModelRefusal):
                now = time.perf_counter()
                refused = Outcome(path.status, {}, path.text.encode(), label, forwarded, now, {}, path.answer)
                return chain.conclude(exchange, refused)
            stream = await exchange.pool.stream(server.port, path, request.forwarded, request.body)
            if not 200 <= stream.status < 300:
                try:
                    body = await _bounded(stream, core.limits.payload_bytes)
                finally:
                    stream.close()
                outcome = Outcome(stream.status, {}, body, label, forwarded, time.perf_counter())
                return chain.conclude(exchange, outcome)
    except TimeoutError:
        return chain.conclude(exchange, Outcome.failed(label, timed_out(label), forwarded))
    except BadAnswerError as fault:
        text = f"The response from container {label} was {fault}."
        return chain.conclude(exchange, Outcome.failed(label, text, forwarded))
    headers = {
        "Content-Type": "application/vnd.amazon.eventstream",
        "X-Amzn-SageMaker-Content-Type": stream.headers.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": lease.fleet.variant,
    }
    if CUSTOM.lower() in stream.headers:
        headers[CUSTOM] = stream.headers[CUSTOM.lower()]
    return 200, headers, _events(core, chain, exchange, stream, forwarded)


async def _events(
    core: Core, chain: Chain, exchange: Exchange, stream: Stream, forwarded: float
) -> AsyncIterator[bytes]:
    label, status, seen = exchange.lease.servers[0].container.label, stream.status, bytearray()
    parts = stream.parts()
    try:
        while True:
            try:
                async with asyncio.timeout(core.limits.reply_seconds):
                    part = await anext(parts, None)
            except TimeoutError:
                status = 0
                yield answers.stream_error("ModelStreamError", timed_out(label), "ModelInvocationTimeExceeded")
                return
            except BadAnswerError as fault:
                status = 0
                text = f"The response from container {label} was {fault}."
                yield answers.stream_error("ModelStreamError", text, "StreamBroken")
                return
            if part is None:
                return
            if len(seen) < _CAPTURED_BYTES:
                seen += part[: _CAPTURED_BYTES - len(seen)]
            yield answers.payload_part(part)
    finally:
        stream.close()
        exchange.lease.release()
        chain.count(exchange, Outcome(status, {}, b"", label, forwarded, time.perf_counter()))
        if status:
            kind = stream.headers.get("content-type", "application/octet-stream")
            chain.capture(exchange, kind, bytes(seen))


async def _bounded(stream: Stream, bound: int) -> bytes:
    body = bytearray()
    async for part in stream.parts():
        body += part
        if len(body) > bound:
            raise BadAnswerError(f"larger than {bound} bytes")
    return bytes(body)
