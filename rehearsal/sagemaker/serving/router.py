"""The runtime API: from the caller to a container and back, as the service words and counts it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.endpoints.live_config import live_config
from rehearsal.sagemaker.serving import async_queue, runtime_request
from rehearsal.sagemaker.serving.answers import Answer, error
from rehearsal.sagemaker.serving.chain import Chain, Exchange, Outcome
from rehearsal.sagemaker.serving.routing import Refusal, Routing
from rehearsal.sagemaker.serving.runtime_request import InvalidRequestError, RuntimeRequest
from rehearsal.sagemaker.serving.sampling import Sampler
from rehearsal.sagemaker.serving.shadowing import Shadowing
from rehearsal.sagemaker.serving.streaming import stream_answer
from rehearsal.sagemaker.serving.transport import NoAnswerError, Pool, RefusedError

DIFFERENCES = (
    "A container that breaks a connection off without a byte of an answer: another instance is asked, and the attempt "
    "counts as an invocation with a 5XX of its fleet; one that takes no connection is not asked again until its /ping "
    "passes. Whether the service asks another one, and counts, is not "
    "documented.",
)
_SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"})
StreamedAnswer = tuple[int, dict[str, str], "bytes | AsyncIterator[bytes]"]


class Router:
    """Chooses a variant, a fleet and an instance for each request. Connections stay alive, one pool a loop."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._routing = Routing(core)
        self._chain = Chain(core)
        self._shadowing = Shadowing(core, self._chain)
        core.run("sampler", Sampler(core).run)

    async def invoke(
        self, endpoint: str, headers: Mapping[str, str], body: bytes, scope: Scope, operation: str = "InvokeEndpoint"
    ) -> StreamedAnswer:
        """Status, headers and body of the API's answer; errors too are answers.

        The body is bytes, but for a streamed answer that goes well: then its event stream, to be read to its end or
        closed.
        """
        began = time.perf_counter()
        live = self._core.live.get((scope, endpoint))
        record = self._core.store.state(scope).endpoints.get(endpoint)
        if live is None or record is None or record["EndpointStatus"] not in _SERVING:
            return error(400, "ValidationError", f"Endpoint {endpoint} of account {scope.account} not found.")
        limits = self._core.limits
        limit = limits.async_payload_bytes if operation == "InvokeEndpointAsync" else limits.payload_bytes
        try:
            request = runtime_request.parse(operation, endpoint, headers, body, limit)
        except InvalidRequestError as fault:
            return error(fault.status, "ValidationError", fault.message)
        if operation == "InvokeEndpointAsync":
            return await asyncio.to_thread(async_queue.accept, self._core, live, record, request)
        if refused := _wrong_kind(record, request):
            return refused
        return await self._send(live, request, began)

    async def _send(self, live: LiveEndpoint, request: RuntimeRequest, began: float) -> StreamedAnswer:
        tried: set[Any] = set()
        last: Exchange | None = None
        again = False
        while True:
            lease = await self._routing.lease(live, request, tried)
            if isinstance(lease, Refusal) and tried and not again:
                # With nobody else to ask, once more: a kept connection may merely have been stale.
                again, lease = True, await self._routing.lease(live, request, set())
            if isinstance(lease, Refusal):
                if last is None:
                    return lease.answer
                return self._chain.conclude(last, Outcome.unanswered(last.lease))
            if last is not None:  # that another one is asked hides it from the caller, not from who watches the fleet
                self._chain.count(last, Outcome.unanswered(last.lease))
            tried.add(lease.key)
            last = Exchange(live, lease, request, self._pool(), began)
            try:
                return await self._ask(last)
            except NoAnswerError as gone:
                if isinstance(gone, RefusedError):
                    lease.servers[0].refused = True
                continue  # no byte of an answer came: nothing was promised, another instance may serve it

    async def _ask(self, exchange: Exchange) -> StreamedAnswer:
        live, lease, request = exchange.live, exchange.lease, exchange.request
        if live.shadows and not lease.component:
            self._shadowing.mirror(live, request, exchange.pool)
        handed_over = False
        try:
            if request.operation == "InvokeEndpointWithResponseStream":
                answer = await stream_answer(self._core, self._chain, exchange)
                handed_over = not isinstance(answer[2], bytes)
                return answer
            outcome = await self._chain.run(exchange)
            self._routing.note_session(lease, request, outcome.headers)
            return self._chain.conclude(exchange, outcome)
        finally:
            if not handed_over:
                lease.release()

    def _pool(self) -> Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = Pool()
        return pool

    async def aclose(self) -> None:
        """Close this loop's connections."""
        if pool := self._pools.pop(asyncio.get_running_loop(), None):
            await self._shadowing.drain()
            pool.close()

    def close(self) -> None:
        """Close the connections of every loop, from any thread."""
        while self._pools:
            loop, pool = self._pools.popitem()
            with contextlib.suppress(RuntimeError):
                if loop.is_running():
                    loop.call_soon_threadsafe(pool.close)
                else:
                    pool.close()


def _wrong_kind(record: Mapping[str, Any], request: RuntimeRequest) -> Answer | None:
    if "AsyncInferenceConfig" in live_config(record):
        return error(
            400,
            "ValidationError",
            f"Endpoint {request.endpoint} is an asynchronous endpoint: it takes InvokeEndpointAsync only, not "
            f"{request.operation}.",
        )
    if request.members.get("EnableExplanations"):
        return error(
            400,
            "ValidationError",
            f"Endpoint {request.endpoint} has no ExplainerConfig: EnableExplanations is refused.",
        )
    return None
