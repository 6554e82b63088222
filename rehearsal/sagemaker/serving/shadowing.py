"""Shadow variants get copies of requests: fire and forget, counted and captured, never felt by the caller."""

import asyncio
import time

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.serving.chain import Chain, Exchange, Outcome
from rehearsal.sagemaker.serving.routing import Lease
from rehearsal.sagemaker.serving.runtime_request import RuntimeRequest
from rehearsal.sagemaker.serving.transport import NoAnswerError, Pool

_MAX_OPEN = 64  # copies under way; a shadow that is slower than its production variant loses the rest
SOURCE = "ShadowExperiment"  # eventMetadata.invocationSource of captured copies


class Shadowing:
    """Copies under way."""

    def __init__(self, core: Core, chain: Chain) -> None:
        self._core = core
        self._chain = chain
        self._open: set[asyncio.Task[None]] = set()

    def mirror(self, live: LiveEndpoint, request: RuntimeRequest, pool: Pool) -> None:
        """Send a copy of the request to the shadow variant, if it is its turn. Returns at once."""
        began = time.perf_counter()
        instance = live.acquire_shadow()
        if instance is None:
            return
        if len(self._open) >= _MAX_OPEN:
            live.release(instance)
            return
        lease = Lease(live, instance.fleet, instance, instance.servers, lambda: live.release(instance))
        exchange = Exchange(live, lease, request, pool, began)
        task = asyncio.get_running_loop().create_task(self._send(exchange))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _send(self, exchange: Exchange) -> None:
        try:
            outcome = await self._chain.run(exchange)
        except NoAnswerError:
            outcome = Outcome.unanswered(exchange.lease)
        finally:
            exchange.lease.release()
        self._chain.count(exchange, outcome)
        if 200 <= outcome.status < 300:
            kind = outcome.headers.get("content-type", "application/octet-stream")
            self._chain.capture(exchange, kind, outcome.body, SOURCE)

    async def drain(self) -> None:
        """Wait for this loop's copies, as long as an answer may take."""
        loop = asyncio.get_running_loop()
        mine = [task for task in self._open if task.get_loop() is loop]
        if mine:
            await asyncio.wait(mine, timeout=self._core.limits.reply_seconds)
