"""A request on its way through the containers of a lease, and what is told, counted and captured of its outcome."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.serving.answers import Answer, model_error
from rehearsal.sagemaker.serving.multimodel import ModelRefusal, ensure_loaded
from rehearsal.sagemaker.serving.routing import Lease
from rehearsal.sagemaker.serving.runtime_request import RuntimeRequest
from rehearsal.sagemaker.serving.server import Server
from rehearsal.sagemaker.serving.transport import BadAnswerError, NoAnswerError, Pool

CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
_PASSED_BACK = (CUSTOM, "X-Amzn-SageMaker-New-Session-Id", "X-Amzn-SageMaker-Closed-Session-Id")


def _silent(lease: Lease, number: int = 0) -> str:
    return f"Amazon SageMaker could not get a response from the {lease.servers[number].container.label} container."


def timed_out(label: str) -> str:
    """OriginalMessage of a container that did not answer in time."""
    return (
        f"Your invocation timed out while waiting for a response from container {label}. Review the latency metrics "
        "for each container in Amazon CloudWatch, resolve the issue, and try again."
    )


@dataclass(frozen=True)
class Exchange:
    """One request with what serves it. `began` is of `time.perf_counter`."""

    live: LiveEndpoint
    lease: Lease
    request: RuntimeRequest
    pool: Pool
    began: float


@dataclass
class Outcome:
    """What came of it. `status` 0: no whole answer came from the container, `body` says why.

    Times are of `time.perf_counter`; `spent` has the seconds that each container took, by its name.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    label: str
    forwarded: float
    ended: float
    spent: dict[str, float] = field(default_factory=dict)
    refusal: Answer | None = None

    @classmethod
    def failed(cls, label: str, text: str, forwarded: float, spent: dict[str, float] | None = None) -> "Outcome":
        """No whole answer came from the container `label`."""
        return cls(0, {}, text.encode(), label, forwarded, time.perf_counter(), spent or {})

    @classmethod
    def unanswered(cls, lease: Lease) -> "Outcome":
        """No instance gave a byte."""
        return cls.failed(lease.servers[0].container.label, _silent(lease), time.perf_counter())


class Chain:
    """Sends, and concludes."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self, exchange: Exchange) -> Outcome:
        """Through the containers in turn: each one's answer is the next one's request.

        Raises NoAnswerError when the first container gave not one byte.
        """
        lease, request = exchange.lease, exchange.request
        forwarded = time.perf_counter()
        spent: dict[str, float] = {}
        headers: Mapping[str, str] = request.forwarded
        body, label = request.body, ""
        try:
            async with asyncio.timeout(self._core.limits.reply_seconds):
                for number, server in enumerate(lease.servers):
                    started = time.perf_counter()
                    label = server.container.label
                    path = await self.path(exchange, server)
                    if isinstance(path, ModelRefusal):
                        return Outcome(
                            path.status, {}, path.text.encode(), label, forwarded, time.perf_counter(), {}, path.answer
                        )
                    try:
                        reply = await exchange.pool.post(
                            server.port, path, headers, body, self._core.limits.payload_bytes
                        )
                        if lease.fleet.trouble is not None:
                            reply = await lease.fleet.trouble.strike(reply)
                    except NoAnswerError:
                        if number == 0:
                            raise
                        return Outcome.failed(label, _silent(lease, number), forwarded, spent)
                    spent[label] = time.perf_counter() - started
                    if not 200 <= reply.status < 300:
                        break
                    body = reply.body
                    kind = reply.headers.get("content-type", "application/octet-stream")
                    headers = {**request.forwarded, "Content-Type": kind}
        except TimeoutError:
            return Outcome.failed(label, timed_out(label), forwarded, spent)
        except BadAnswerError as fault:
            return Outcome.failed(label, f"The response from container {label} was {fault}.", forwarded, spent)
        return Outcome(reply.status, reply.headers, reply.body, label, forwarded, time.perf_counter(), spent)

    async def path(self, exchange: Exchange, server: Server) -> str | ModelRefusal:
        """Where the container takes the request; a multi-model container first loads the model."""
        if not server.container.models_uri:
            return "/invocations"
        target = str(exchange.request.members["TargetModel"])
        return await ensure_loaded(self._core, exchange.lease.fleet, server, target, exchange.pool)

    def conclude(self, exchange: Exchange, outcome: Outcome) -> Answer:
        """Count it, capture it, and give the API's answer."""
        self.count(exchange, outcome)
        live, variant = exchange.live, exchange.lease.fleet.variant
        if outcome.refusal is not None:
            return outcome.refusal
        if not 200 <= outcome.status < 300:
            text = outcome.body.decode("utf-8", "replace")
            return model_error(
                live.scope, live.name, variant, container=outcome.label, status=outcome.status, text=text
            )
        content_type = outcome.headers.get("content-type", "application/octet-stream")
        self.capture(exchange, content_type, outcome.body)
        headers = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": variant}
        headers.update(
            {name: outcome.headers[key] for name in _PASSED_BACK if (key := name.lower()) in outcome.headers}
        )
        return 200, headers, outcome.body

    def capture(self, exchange: Exchange, content_type: str, body: bytes, source: str | None = None) -> None:
        """Hand both sides to data capture, if the variant has it."""
        target, request = exchange.lease.fleet.capture, exchange.request
        if target is not None:
            self._core.capture.record(
                target,
                (request.content_type, request.body),
                (content_type, body),
                request.members.get("InferenceId"),
                custom_attributes=request.members.get("CustomAttributes"),
                source=source,
            )

    def count(self, exchange: Exchange, outcome: Outcome) -> None:
        """Metrics of the variant, and of each container where there are several, or of the inference component."""
        live, lease, metrics = exchange.live, exchange.lease, self._core.metrics
        fleet = lease.fleet
        model_us = (outcome.ended - outcome.forwarded) * 1e6
        overhead_us = (outcome.forwarded - exchange.began) * 1e6
        metrics.invocation(
            (live.scope, live.name, fleet.variant, fleet.config_name),
            status=outcome.status,
            model_us=model_us,
            overhead_us=overhead_us,
            instances=len(fleet.instances),
            setup_us=lease.setup_us,
        )
        if len(fleet.containers) > 1:
            self._count_containers(exchange, outcome, overhead_us)
        if lease.component:
            of_component = (("InferenceComponentName", lease.component),)
            status = outcome.status
            for name, value, unit in (
                ("Invocations", 1.0, "None"),
                ("InvocationsPerCopy", 1.0 / max(1, len(live.components.get(lease.component, ()))), "None"),
                ("Invocation4XXErrors", float(400 <= status < 500), "None"),
                ("Invocation5XXErrors", float(status == 0 or status >= 500), "None"),
                ("ModelLatency", model_us, "Microseconds"),
                ("OverheadLatency", overhead_us, "Microseconds"),
            ):
                metrics.put(live.scope, of_component, name, value, unit=unit)

    def _count_containers(self, exchange: Exchange, outcome: Outcome, overhead_us: float) -> None:
        """ContainerLatency of each; of one that was invoked directly, its invocations and errors too."""
        live, variant = exchange.live, exchange.lease.fleet.variant
        direct, status = exchange.lease.servers[0].container.direct, outcome.status
        for label, seconds in outcome.spent.items():
            dimensions = (("EndpointName", live.name), ("VariantName", variant), ("ContainerName", label))
            values = {"ContainerLatency": (seconds * 1e6, "Microseconds")}
            if direct:
                values |= {
                    "Invocations": (1.0, "None"),
                    "Invocation4XXErrors": (float(400 <= status < 500), "None"),
                    "Invocation5XXErrors": (float(status == 0 or status >= 500), "None"),
                    "OverheadLatency": (overhead_us, "Microseconds"),
                }
            for name, (value, unit) in values.items():
                self._core.metrics.put(live.scope, dimensions, name, value, unit=unit)
