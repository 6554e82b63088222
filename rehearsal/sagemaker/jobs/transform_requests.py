"""How a transform job talks to the model's containers: settings, requests, retries."""

import http.client
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from rehearsal.sagemaker.serving.server import Server

_MAX_ANSWER_BYTES = 128 << 20
_MEGABYTE = 1 << 20
_DEFAULT_PAYLOAD_MB = 6


class AlgorithmFaultError(Exception):
    """The model's container gave no usable answer. `status` is 0 when there was none."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Settings:
    """How requests are made: the request's values, else the container's (/execution-parameters), else defaults."""

    concurrent: int
    single_record: bool
    payload_bytes: int  # 0: no bound, sent chunked
    timeout_seconds: float  # wall
    retries: int
    content_type: str
    accept: str

    @classmethod
    def of(cls, record: dict[str, Any], offered: dict[str, Any]) -> "Settings":
        """`record` is the job's; `offered` the container's own parameters."""
        client = record.get("ModelClientConfig", {})
        payload_mb = record.get("MaxPayloadInMB", offered.get("MaxPayloadInMB", _DEFAULT_PAYLOAD_MB))
        concurrent = record.get("MaxConcurrentTransforms") or offered.get("MaxConcurrentTransforms") or 1
        strategy = record.get("BatchStrategy") or offered.get("BatchStrategy") or "MultiRecord"
        return cls(
            concurrent=max(1, int(concurrent)),
            single_record=str(strategy).replace("_", "").lower() == "singlerecord",
            payload_bytes=int(payload_mb) * _MEGABYTE,
            timeout_seconds=float(client.get("InvocationsTimeoutInSeconds", 600)),
            retries=int(client.get("InvocationsMaxRetries", 3)),
            content_type=record["TransformInput"].get("ContentType", ""),
            accept=record["TransformOutput"].get("Accept", ""),
        )


def execution_parameters(server: Server) -> dict[str, Any]:
    """What GET /execution-parameters answers; empty for a container that does not have it."""
    try:
        status, _, body = _exchange(server, "/execution-parameters", None, {}, 10.0)
        document = json.loads(body) if status == 200 else {}
    except (AlgorithmFaultError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def invoke(
    servers: Sequence[Server], body: bytes | IO[bytes], settings: Settings, before_retry: Callable[[int], None]
) -> bytes:
    """A payload through the containers of an instance; what one answers the next one gets.

    An answer of 5xx, or none, is tried again; one of 4xx is final. `before_retry` waits, and may raise to give up.
    """
    for attempt in range(settings.retries + 1):
        try:
            return _through(servers, body, settings)
        except AlgorithmFaultError as error:
            if attempt == settings.retries or 400 <= error.status < 500:
                raise
        before_retry(attempt)
        if not isinstance(body, bytes):
            body.seek(0)
    raise AssertionError("unreachable")


def _through(servers: Sequence[Server], body: bytes | IO[bytes], settings: Settings) -> bytes:
    content_type, answer = settings.content_type, body
    for server in servers:
        headers = {"Content-Type": content_type, "Accept": settings.accept}
        headers = {name: value for name, value in headers.items() if value}
        status, content_type, answer = _exchange(server, "/invocations", answer, headers, settings.timeout_seconds)
        if not 200 <= status < 300:
            shown = answer[:500].decode("utf-8", "replace")
            raise AlgorithmFaultError(f"Bad HTTP status received from algorithm: {status}\n{shown}", status)
    assert isinstance(answer, bytes)
    return answer


def _exchange(
    server: Server, path: str, body: bytes | IO[bytes] | None, headers: dict[str, str], timeout: float
) -> tuple[int, str, bytes]:
    """GET without a body, else POST. Status, content type and body of the answer."""
    method = "GET" if body is None else "POST"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        if body is None or isinstance(body, bytes):
            connection.request(method, path, body, headers)
        else:
            chunked = {**headers, "Transfer-Encoding": "chunked"}
            connection.request(method, path, body, chunked, encode_chunked=True)
        response = connection.getresponse()
        answer = response.read(_MAX_ANSWER_BYTES + 1)
        if len(answer) > _MAX_ANSWER_BYTES:
            raise AlgorithmFaultError(f"{path} answered more than {_MAX_ANSWER_BYTES} bytes")
        return response.status, response.headers.get("Content-Type", ""), answer
    except TimeoutError as error:
        raise AlgorithmFaultError(f"Model server did not respond to {path} request within {timeout:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise AlgorithmFaultError(f"Model server did not respond to {path} request: {error}") from error
    finally:
        connection.close()
