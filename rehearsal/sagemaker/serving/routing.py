"""Which instance, and which of its containers, takes a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.serving.answers import Answer, error
from rehearsal.sagemaker.serving.component_copies import Copy
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.serving.multimodel import holders
from rehearsal.sagemaker.serving.runtime_request import RuntimeRequest
from rehearsal.sagemaker.serving.server import Server
from rehearsal.sagemaker.serving.serverless import Throttled, pool_of
from rehearsal.sagemaker.serving.sessions import Sessions


@dataclass
class Lease:
    """What serves one request. `release` once when it is over; a second time does nothing."""

    live: LiveEndpoint
    fleet: Fleet
    key: Instance | Copy
    servers: tuple[Server, ...]
    give_back: Callable[[], None]
    component: str = ""
    setup_us: float | None = None  # of a serverless instance that had to be started for it
    released: bool = False

    def release(self) -> None:
        """The request is answered, or failed."""
        if not self.released:
            self.released = True
            self.give_back()


@dataclass(frozen=True)
class Refusal:
    """Nothing serves it; why, in the API's words."""

    answer: Answer


class Routing:
    """Chooses by the request's target members, the variants' kind and weights."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.sessions = Sessions()

    async def lease(self, live: LiveEndpoint, request: RuntimeRequest, tried: set[Any]) -> Lease | Refusal:
        """The next instance to ask that is not in `tried`."""
        members = request.members
        component = members.get("InferenceComponentName")
        variant = members.get("TargetVariant")
        if variant and variant not in live.routes:
            return _invalid(f"Variant {variant} not found for endpoint {request.endpoint}.")
        if component or live.components:
            return self._component(live, component, tried)
        if (session := members.get("SessionId")) and session != "NEW_SESSION":
            return self._session(live, request, session)
        return await self._instance(live, request, variant, tried)

    def _component(self, live: LiveEndpoint, name: str | None, tried: set[Any]) -> Lease | Refusal:
        if not name:
            return _invalid(
                f"Endpoint {live.name} hosts inference components: InferenceComponentName is required to invoke it."
            )
        if name not in live.components:
            return _invalid(f"Inference Component Name header is not found: {name} is not on endpoint {live.name}.")
        copy = live.acquire_copy(name, tried)
        if copy is None:
            dimensions = (("InferenceComponentName", name),)
            self._core.metrics.put(live.scope, dimensions, "NoCapacityInvocationFailures", 1.0)
            return _invalid(f"Inference component {name} has no capacity to process this request.")

        def give_back() -> None:
            with live.lock:
                copy.in_flight -= 1

        return Lease(live, copy.fleet, copy, (copy.server,), give_back, component=name)

    def _session(self, live: LiveEndpoint, request: RuntimeRequest, session: str) -> Lease | Refusal:
        instance = self.sessions.find(live, session)
        if instance is None or not instance.healthy:
            return _invalid(f"Session {session} of endpoint {live.name} does not exist or has expired.")
        with live.lock:
            instance.in_flight += 1
        return self._on(live, instance, request, None)

    def note_session(self, lease: Lease, request: RuntimeRequest, headers: Mapping[str, str]) -> None:
        """Bind or close a session, as the container's answer to a request with a SessionId says."""
        if "SessionId" in request.members and isinstance(lease.key, Instance):
            self.sessions.note(lease.live, lease.key, headers)

    async def _instance(
        self, live: LiveEndpoint, request: RuntimeRequest, variant: str | None, tried: set[Any]
    ) -> Lease | Refusal:
        serverless = _serverless_fleet(live, variant)
        setup_us = None
        if serverless is not None:
            try:
                instance, setup_us = await pool_of(serverless, live).acquire(tried)
            except Throttled as refused:
                return Refusal(refused.answer)
        else:
            away = holders(live, request.members.get("TargetModel"))
            found = live.acquire(variant, tried | away) if away else None
            found = found or live.acquire(variant, tried)
            if found is None:
                text = f"No instance of endpoint {live.name} can serve the request now."
                return Refusal(error(503, "ServiceUnavailable", text))
            instance = found
        return self._on(live, instance, request, setup_us)

    def _on(
        self, live: LiveEndpoint, instance: Instance, request: RuntimeRequest, setup_us: float | None
    ) -> Lease | Refusal:
        fleet = instance.fleet

        def give_back() -> None:
            instance.idle_since = self._core.host.clock.now()
            live.release(instance)

        servers = instance.servers
        wanted = request.members.get("TargetContainerHostname")
        refused = None
        if servers and servers[0].container.direct:
            servers = tuple(one for one in servers if one.container.hostname == wanted)
            if not wanted:
                refused = "TargetContainerHostname is required: the model's InferenceExecutionConfig Mode is Direct."
            elif not servers:
                refused = f"Container {wanted} not found for endpoint {live.name}."
        elif wanted:
            refused = (
                "TargetContainerHostname is allowed only for a model whose InferenceExecutionConfig Mode is Direct."
            )
        target = request.members.get("TargetModel")
        multi_model = any(one.container.models_uri for one in servers)
        if refused is None and multi_model and not target:
            refused = f"TargetModel is required: endpoint {live.name} is a multi-model endpoint."
        if refused is None and target and not multi_model:
            refused = f"TargetModel is not allowed: endpoint {live.name} is not a multi-model endpoint."
        if refused is not None:
            give_back()
            return _invalid(refused)
        return Lease(live, fleet, instance, servers, give_back, setup_us=setup_us)


def _serverless_fleet(live: LiveEndpoint, variant: str | None) -> Fleet | None:
    """The fleet, if the endpoint is serverless: then it has one variant and no instances to choose among."""
    route = live.routes.get(variant) if variant else next(iter(live.routes.values()), None)
    if route is None or not route.shares:
        return None
    fleet = route.main
    return fleet if "ServerlessConfig" in fleet.variant_record else None


def _invalid(message: str) -> Refusal:
    return Refusal(error(400, "ValidationError", message))
