"""InvokeEndpointAsync: requests are kept in a table, so they survive a restart, and worked on in their order.

A request under way when the cloud dies is worked on again. Its input is read, its output written and its notification
sent with the model's role.
"""

import base64
import posixpath
import uuid
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.endpoints.live_config import live_config
from rehearsal.sagemaker.recovery import follows
from rehearsal.sagemaker.serving.answers import Answer, error
from rehearsal.sagemaker.serving.async_work import perform
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.serving.runtime_request import RuntimeRequest
from rehearsal.sagemaker.store import Record

TABLE = "async_requests"
DEFAULT_CONCURRENCY = 4  # each instance; the service chooses it, and does not say how
_DEFAULT_TTL_SECONDS = 21_600
_DEFAULT_TIMEOUT_SECONDS = 900
_LOOK_SECONDS = 0.02  # wall, while requests wait
_REST_SECONDS = 0.1


def accept(core: Core, live: LiveEndpoint, endpoint: Record, request: RuntimeRequest) -> Answer:
    """Put the request into the queue; 202 with where the result will be."""
    config = live_config(endpoint).get("AsyncInferenceConfig")
    if config is None:
        return _invalid(f"Endpoint {request.endpoint} is not an asynchronous endpoint.")
    location, output = request.members.get("InputLocation"), config["OutputConfig"]
    if bool(location) == bool(request.body):
        return _invalid("You must provide either InputLocation or Body, not both.")
    if not output.get("S3OutputPath"):
        return _invalid(f"Endpoint {request.endpoint} has no S3OutputPath to write the result to.")
    inference_id = request.members.get("InferenceId") or str(uuid.uuid4())
    unique = str(uuid.uuid4())
    extension = request.members.get("S3OutputPathExtension", "")
    if ".." in extension.split("/"):
        return _invalid("S3OutputPathExtension must not contain '..'.")
    name = request.members.get("Filename", f"{unique}.out")
    record = {
        "Endpoint": live.name,
        "InferenceId": inference_id,
        "Headers": dict(request.forwarded),
        "ContentType": request.members.get("ContentType"),
        "InputLocation": location,
        "Body": base64.b64encode(request.body).decode() if request.body else None,
        "OutputLocation": posixpath.join(output["S3OutputPath"], extension, name),
        "Received": core.host.clock.now(),
        "TtlSeconds": request.members.get("RequestTTLSeconds", _DEFAULT_TTL_SECONDS),
        "TimeoutSeconds": request.members.get("InvocationTimeoutSeconds", _DEFAULT_TIMEOUT_SECONDS),
        "Attempts": 0,
        "UnderWay": False,
        "CreationTime": core.host.clock.now(),
        "_sequence": core.store.next_sequence(),
    }
    if output.get("S3FailurePath"):
        record["FailureLocation"] = posixpath.join(output["S3FailurePath"], f"{unique}-error.out")
    with core.store.lock:
        core.store.state(live.scope).table(TABLE)[unique] = record
    Dispatcher.attend(core, live.scope, live.name)
    headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-OutputLocation": record["OutputLocation"]}
    if "FailureLocation" in record:
        headers["X-Amzn-SageMaker-FailureLocation"] = record["FailureLocation"]
    return 202, headers, f'{{"InferenceId":"{_escaped(inference_id)}"}}'.encode()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _invalid(message: str) -> Answer:
    return error(400, "ValidationError", message)


def waiting(core: Core, scope: Scope, endpoint: str) -> list[Record]:
    """Requests of an endpoint that are not done, oldest first."""
    with core.store.lock:
        records = [one for one in core.store.state(scope).table(TABLE).values() if one["Endpoint"] == endpoint]
    return sorted(records, key=lambda one: one["_sequence"])


@follows
def resume_requests(core: Core) -> None:
    """What was under way is worked on again."""
    for scope, state in core.store.scopes():
        endpoints = set()
        for record in state.table(TABLE).values():
            record["UnderWay"] = False
            endpoints.add(record["Endpoint"])
        for endpoint in endpoints:
            Dispatcher.attend(core, scope, endpoint)


class Dispatcher:
    """Hands one endpoint's requests to its instances, as many at once as the config allows. Ends with the endpoint."""

    def __init__(self, core: Core, scope: Scope, endpoint: str) -> None:
        self._core, self._scope, self._endpoint = core, scope, endpoint

    @staticmethod
    def attend(core: Core, scope: Scope, endpoint: str) -> None:
        """Start it, unless it works already."""
        core.attend("async", scope, endpoint, Dispatcher(core, scope, endpoint).run)

    def run(self) -> None:
        """Until nothing is left."""
        while not self._core.stopping.is_set():
            live = self._core.live.get((self._scope, self._endpoint))
            records = waiting(self._core, self._scope, self._endpoint)
            with self._core.store.lock:
                known = self._core.store.state(self._scope).endpoints.get(self._endpoint)
                if not records or known is None:
                    self._core.attended_to("async", self._scope, self._endpoint)
                    for key in [key for key, one in self._table().items() if one in records]:
                        del self._table()[key]  # their endpoint is gone
                    return
            started = live is not None and self._start_one(live, live_config(known), records)
            self._core.stopping.wait(0 if started else _LOOK_SECONDS if live else _REST_SECONDS)

    def _table(self) -> dict[str, Record]:
        return self._core.store.state(self._scope).table(TABLE)

    def _start_one(self, live: LiveEndpoint, config: dict[str, Any], records: list[Record]) -> bool:
        idle = [one for one in records if not one["UnderWay"]]
        if not idle:
            return False
        asynchronous = config.get("AsyncInferenceConfig", {})
        most = asynchronous.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENCY)
        now, record = self._core.host.clock.now(), idle[0]
        expired = now - record["Received"] > record["TtlSeconds"]
        instance = None
        if not expired:
            full: set[Instance] = {one for fleet in live.fleets() for one in fleet.instances if one.in_flight >= most}
            instance = live.acquire(None, full)
            if instance is None:
                return False
        record["UnderWay"] = True
        self._core.run(f"async-{record['InferenceId'][:20]}", self._perform, live, record, instance, asynchronous)
        return True

    def _perform(self, live: LiveEndpoint, record: Record, instance: Instance | None, config: dict[str, Any]) -> None:
        try:
            done = perform(self._core, live, record, instance, config)
        finally:
            if instance is not None:
                live.release(instance)
        if self._core.stopping.is_set():
            return  # kept, and worked on again when the cloud is resumed
        with self._core.store.lock:
            if done:
                for key in [key for key, one in self._table().items() if one is record]:
                    del self._table()[key]
            else:
                record["UnderWay"] = False
